"""Laws of the fit: a face that the model drew is found again, and nothing gets worse."""

import numpy as np
import pytest
import tensorflow as tf
from test_model import make

from tf_nonlinear3dmm import fitting
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.fitting import (
    alignment,
    choice,
    detection,
    landmarks,
    parameters,
    places,
    priors,
    residual,
    solver,
    spread,
)
from tf_nonlinear3dmm.networks.encoder import Codes
from tf_nonlinear3dmm.rendering import camera, uv_layout

S, STEPS = 32, 12


def random(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    """A linear face model whose encoder, untrained, sees the same face under white light."""
    model = make("linear")
    light = np.zeros(27, np.float32)
    light[::9] = 3
    model.encoder.to_illumination.bias.assign(light)
    return model


@pytest.fixture(scope="module")
def drawn(model):
    """Two faces that the model draws, beside those that its encoder sees in the pictures."""
    face = parameters.start(model.encode(tf.constant(np.full([2, S, S, 3], 0.5, np.float32))))
    change = parameters.none(face)
    change = change._replace(
        camera=tf.constant(0.7 * random(0, 2, 6)), shape=0.5 * tf.constant(random(1, 2, 16))
    )
    truth = parameters.changed(face, change, spread.units(model))
    reconstruction = model.decode(Codes(*truth))
    images = np.clip(reconstruction.image, 0, 1)
    return face, truth, reconstruction, images


def test_between_is_the_inverse_of_moved():
    units = parameters.Units(S, tf.constant([0.1, -0.2, 0.8]), tf.eye(16))
    start = camera.compose(*map(tf.constant, ([0.4, -1.2], [0.1, 0.3], [0.0, -0.5], [9.0, 14.0])),
                           tf.constant([[15.0, 16], [18, 12]]))  # fmt: skip
    change = random(0, 2, 6)
    there = parameters.moved(start, change, units)
    rows = there[..., :3].numpy()
    np.testing.assert_allclose(np.sum(rows[:, 0] * rows[:, 1], axis=-1), 0, atol=1e-4)
    np.testing.assert_allclose(*np.moveaxis(np.linalg.norm(rows, axis=-1), 1, 0), rtol=1e-5)
    np.testing.assert_allclose(parameters.between(start, there, units), change, atol=1e-3)
    np.testing.assert_allclose(parameters.moved(start, 0 * change, units), start, atol=1e-4)


def test_places_of_the_face_mesh_lie_where_their_names_say(model):
    marked = places.of_face_mesh(model.face)
    points = places.on(model.face.mean_vertices[np.newaxis], marked)[0].numpy()
    landmark = model.face.mean_vertices[model.face.landmarks]
    # The face mesh's own numbers of the nose's tip, the eyes' outer corners and the mouth's.
    for ours, theirs in ((30, 4), (36, 33), (45, 263), (48, 61), (54, 291)):
        assert np.linalg.norm(points[theirs] - landmark[ours]) < 0.12, (ours, theirs)  # 12 mm
    assert np.isfinite(marked.noise).all() and (marked.noise > 0).all()
    np.testing.assert_allclose(marked.weights.sum(axis=1), 1, atol=1e-6)


def test_locate_finds_a_point_in_its_triangle():
    uv, triangles = np.array([[0, 0], [1, 0], [0, 1], [1, 1.0]]), np.array([[0, 1, 2], [1, 3, 2]])
    vertices, weights = places.locate(np.array([[0.2, 0.3], [0.9, 0.8]]), uv, triangles)
    np.testing.assert_array_equal(vertices, triangles)
    np.testing.assert_allclose(weights, [[0.5, 0.2, 0.3], [0.2, 0.7, 0.1]], atol=1e-6)


def test_landmarks_bring_back_camera_and_shape(model, drawn):
    face, truth, reconstruction, _ = drawn
    marked = places.of_landmarks(model.face)._replace(noise=np.full(68, 0.05, np.float32))
    known = landmarks.known(reconstruction.landmarks, 1.0, marked, np.full(2, 20.0))
    decode = lambda code: model.decode_shape(code)[1]  # noqa: E731
    units = spread.units(model)
    change = alignment.align(face, known, marked, decode, units, None).change
    found = model.decode(Codes(*parameters.changed(face, change, units)), draw=False)
    error = np.abs(found.landmarks - reconstruction.landmarks)
    assert error.max() < 0.02  # pixels; the encoder is off by more than half of one
    apart = np.abs(face.projection - truth.projection).max()
    assert apart > 0.5


def test_what_pairs_are_apart_is_met_though_all_points_are_off_together(model, drawn):
    face, _, reconstruction, _ = drawn
    pairs, units = np.array([[37, 41], [44, 46], [62, 66]]), spread.units(model)
    decode = lambda code: model.decode_shape(code)[1]  # noqa: E731
    points = reconstruction.landmarks.numpy()

    def apart(points):
        return points[:, pairs[:, 0]] - points[:, pairs[:, 1]]

    errors = []
    for some in (pairs[:0], pairs):
        marked = places.of_landmarks(model.face)._replace(
            pairs=some, pair_noise=np.full(len(some), 0.01, np.float32)
        )
        known = landmarks.known(points + 1.0, 0.5, marked, np.full(2, 20.0))
        change = alignment.align(face, known, marked, decode, units, None).change
        fitted = model.decode(Codes(*parameters.changed(face, change, units)), draw=False)
        errors.append(np.abs(apart(fitted.landmarks.numpy()) - apart(points)).max())
    assert errors[1] < errors[0] / 3, errors


def test_confidence_lowers_what_all_points_share_and_not_their_differences():
    marked = places.Places(
        np.zeros([4, 3], np.int32), np.ones([4, 3]) / 3, np.full(4, 2.0, np.float32),
        pairs=np.array([[0, 1]]), pair_noise=np.array([1.0], np.float32),
    )  # fmt: skip
    points, size = np.ones([3, 4, 2]), np.full(3, 100.0)
    points[2, 0] = np.nan
    known = landmarks.known(points, [1.0, 0.5, 1.0], marked, size)
    np.testing.assert_allclose(known.precision[:2, 0], [1 / 4, 1 / 8])
    # All of the four together are off by a variance of 4 / 4 beside their own.
    np.testing.assert_allclose(known.pair_precision[:, 0], [1, 1 / 2, 0])


def test_points_of_lids_and_lips_are_in_sight_from_the_front():
    face = FaceModel.load("makehuman")
    marked, triangles = places.of_face_mesh(face), uv_layout.build(face, (24, 28)).normal_triangles
    vertices = tf.constant(face.mean_vertices[np.newaxis])

    def in_sight(yaw):
        angles = (tf.constant([angle]) for angle in (yaw, 0.0, 0.0))
        turned = camera.compose(*angles, tf.constant([1.0]), tf.zeros([1, 2]))
        return landmarks.in_sight(vertices, turned, marked, triangles).numpy()[0, marked.pairs]

    assert in_sight(0.0).min() > 0.9
    left, right = in_sight(1.4)[[0, 3]].mean(axis=1)  # one eye is turned away
    assert min(left, right) < 0.1 and max(left, right) > 0.5


def test_landmarks_that_weigh_more_are_met_better(model, drawn):
    face, _, reconstruction, _ = drawn
    points = reconstruction.landmarks.numpy() + random(3, 2, 68, 2)
    errors = []
    for confidence in (0.01, 0.1, 1.0):
        fit = fitting.fit(model, drawn[3], points, confidence, contour=True, steps=0)
        errors.append(fit.landmark_errors[:, 1])
    assert (np.diff(errors, axis=0) <= 1e-3).all()


@pytest.fixture(scope="module")
def refined(model, drawn):
    """The fit of both faces to their pixels and landmarks."""
    _, _, reconstruction, images = drawn
    return fitting.fit(model, images, reconstruction.landmarks, contour=True, steps=STEPS)


@pytest.mark.slow
def test_pixels_and_landmarks_bring_back_a_drawn_face(refined):
    fit = refined
    assert np.isin(fit.status, (fitting.FITTED, fitting.ALIGNED)).all()
    assert (fit.landmark_errors[:, 1] < 0.3 * fit.landmark_errors[:, 0]).all()
    assert (fit.image_errors[:, 1] < fit.image_errors[:, 0]).all()


@pytest.mark.parametrize("steps", [0, pytest.param(STEPS, marks=pytest.mark.slow)])
def test_a_batch_is_its_images(model, drawn, steps, request):
    _, _, reconstruction, images = drawn
    points = reconstruction.landmarks.numpy()
    if steps:
        both = request.getfixturevalue("refined")
    else:
        both = fitting.fit(model, images, points, contour=True, steps=0)
    for i in range(2):
        one = fitting.fit(model, images[i], points[i], contour=True, steps=steps)
        np.testing.assert_allclose(
            one.reconstruction.vertices[0], both.reconstruction.vertices[i], atol=1e-3
        )


def test_images_of_one_person_share_albedo_and_most_of_the_shape(model, drawn):
    _, _, reconstruction, images = drawn
    points = reconstruction.landmarks
    own = fitting.fit(model, images, points, contour=True, steps=0).reconstruction
    shared = fitting.fit(
        model, images, points, contour=True, steps=0, same_person=True
    ).reconstruction
    np.testing.assert_array_equal(*shared.albedo_code)
    apart = [np.linalg.norm(r.shape_code[0] - r.shape_code[1]) for r in (own, shared)]
    assert apart[1] < apart[0]


def test_a_turn_leaves_the_middle_of_the_face_in_its_place():
    units = parameters.Units(S, tf.constant([0.1, -0.2, 0.8]), tf.eye(16))
    start = camera.compose(
        *map(tf.constant, ([0.4], [0.1], [-0.5], [9.0])), tf.constant([[15.0, 16]])
    )
    change = np.zeros([1, 6], np.float32)
    change[:, :4] = random(5, 1, 4)
    both = tf.concat([start, parameters.moved(start, tf.constant(change), units)], axis=0)
    places_ = camera.project(tf.tile(units.centre[tf.newaxis, tf.newaxis], [2, 1, 1]), both)
    np.testing.assert_allclose(*places_[..., :2], atol=1e-4)
    assert np.abs(both[0, :, 3] - both[1, :, 3]).max() > 0.1


def test_expressions_are_free_and_people_are_held(model):
    shape = spread.units(model).shape.numpy()
    deviations = np.sqrt(np.linalg.eigvalsh(shape.T @ shape))
    np.testing.assert_allclose(deviations[:4], spread.PERSON, rtol=1e-3)  # of 16 codes
    assert (deviations[-3:] > 1.03 * spread.PERSON).all()
    rest = tf.zeros([1, len(shape)])
    opened = (model.express(rest, {"jawOpen": 1.0}) - rest)[0].numpy()
    likely = np.linalg.norm(opened) / np.linalg.norm(np.linalg.solve(shape, opened))
    assert likely > 1.05 * spread.PERSON  # the deviation along it


def test_what_landmarks_say_is_the_second_order_of_their_energy(model, drawn):
    face, _, reconstruction, _ = drawn
    marked, units = places.of_landmarks(model.face), spread.units(model)
    known = landmarks.known(reconstruction.landmarks, 1.0, marked, np.full(2, 20.0))
    decode = lambda code: model.decode_shape(code)[1]  # noqa: E731
    aligned = alignment.align(face, known, marked, decode, units, None)

    def energy(scale):
        off = scale * random(7, 2, 22)
        there = aligned.change._replace(
            camera=aligned.change.camera + off[:, :6], shape=aligned.change.shape + off[:, 6:]
        )
        now = parameters.changed(face, there, units)
        points = camera.project(places.on(decode(now.shape_code), marked), now.projection)[..., :2]
        return landmarks.energy(points, known, 1.0), alignment.energy(aligned, there)

    (start, zero), (true, said) = energy(0.0), energy(0.02)
    np.testing.assert_allclose(zero, 0, atol=1e-4)
    np.testing.assert_allclose(said, true - start, rtol=0.1, atol=0.02)


def test_where_pixels_lead_away_the_aligned_face_comes_back(model, drawn, monkeypatch):
    before = model.reconstruct(drawn[3])
    points = before.landmarks.numpy() + 1.0

    def graph(model, settings):
        def run(images, face, known, number):
            return [
                face._replace(projection=face.projection + [[[0.0] * 3 + [shift]] * 2])
                for shift in (4.0, 2.0, 1.0)
            ]

        return run

    monkeypatch.setattr(solver, "_graph", graph)
    fit = fitting.fit(model, drawn[3], points, contour=True)
    assert (fit.status == choice.ALIGNED).all() and fit.succeeded.all()
    assert (fit.landmark_errors[:, 1] < 0.1 * fit.landmark_errors[:, 0]).all()


def test_prior_of_one_person_is_the_derivative_of_its_energy():
    shape = tf.constant(random(0, 3, 5))
    for same in (False, True):
        zero = parameters.Change(tf.zeros([3, 6]), None, shape, tf.zeros([3, 2]))
        with tf.GradientTape() as tape:
            tape.watch(shape)
            energy = tf.reduce_sum(priors.energy(zero._replace(shape=shape), same)) / 2
        pull, _ = priors.of_codes(shape, same)
        np.testing.assert_allclose(tape.gradient(energy, shape), pull, atol=1e-5)


def graph_that_moves(places):
    """A fit that adds `places` to the camera."""
    return lambda model, settings: (
        lambda images, face, known, number: [face._replace(projection=face.projection + places)]
    )


def test_the_encoders_answer_comes_back_where_a_fit_fails(model, drawn, monkeypatch):
    before = model.reconstruct(drawn[3])
    points = before.landmarks.numpy()  # nothing is nearer than the encoder
    broken = graph_that_moves([[[0.0] * 4] * 2, [[np.nan] * 4] * 2])
    for graph, status in ((broken, choice.NOT_FINITE), (graph_that_moves(1.0), choice.WORSE)):
        monkeypatch.setattr(solver, "_graph", graph)
        fit = fitting.fit(model, drawn[3], points, contour=True)
        assert fit.status[1] == status
        np.testing.assert_allclose(fit.reconstruction.projection[1], before.projection[1], 1e-6)
        np.testing.assert_allclose(fit.reconstruction.image[1], before.image[1], atol=1e-5)
        rounding = 1e-5
        assert (fit.landmark_errors[:, 1] <= fit.landmark_errors[:, 0] + rounding).all()


def test_points_that_err_together_count_as_one_observation():
    noise = np.array([1.0, 2, 5])
    scores, distances = np.array([30.0, 0, -10, 0]), np.array([2.0, 2, 2, 20])
    confidence = detection.confidence(scores, distances, noise)
    assert ((confidence > 0) & (confidence < 1)).all() and (confidence[0] > 0.9).all()
    assert (np.diff(confidence[:3], axis=0) < 0).all() and (confidence[3] < confidence[1]).all()
    together = detection.COHERENT * np.exp(10 / detection.SCALE) * (1 + (2 / 8) ** 2)
    assert 0.9 < np.sum(confidence[2] / noise**2) * together**2 < 1


def test_an_answer_that_fits_what_is_not_believed_is_kept(model, drawn, monkeypatch):
    before = model.reconstruct(drawn[3])
    monkeypatch.setattr(solver, "_graph", graph_that_moves(0.5))
    for confidence, status in ((1.0, choice.WORSE), (1e-4, choice.FITTED)):
        fit = fitting.fit(model, drawn[3], before.landmarks.numpy(), confidence, contour=True)
        assert (fit.status == status).all()


def test_without_a_landmark_and_steps_the_encoders_answer_stays(model, drawn):
    points = drawn[2].landmarks.numpy().copy()
    points[0] = np.nan
    fit = fitting.fit(model, drawn[3], points, contour=True, steps=0)
    assert [*fit.status] == [choice.NOTHING_KNOWN, choice.FITTED]
    assert (fitting.fit(model, drawn[3], None, steps=0).status == choice.NOTHING_KNOWN).all()
    assert fitting.fit(model, drawn[3], None, steps=1).succeeded.all()


def test_too_many_images_of_one_person_are_refused(model, drawn):
    images = np.zeros([65, *drawn[3].shape[1:]], np.float32)
    with pytest.raises(ValueError, match="at most 64 images of one person .* got 65"):
        fitting.fit(model, images, None, same_person=True, steps=0)


def test_hidden_points_do_not_count(model, drawn):
    points = drawn[2].landmarks.numpy()
    hidden, moved = points.copy(), points.copy()
    hidden[:, 20:30] = np.nan
    confidence = np.ones([2, 68])
    confidence[:, 20:30], moved[:, 20:30] = 0, 1000
    one = fitting.fit(model, drawn[3], hidden, contour=True, steps=0)
    other = fitting.fit(model, drawn[3], moved, confidence, True, steps=0)
    np.testing.assert_allclose(one.reconstruction.vertices, other.reconstruction.vertices, 1e-5)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (np.zeros([2, 67, 2]), "`landmarks` must be"),
        (np.zeros([3, 68, 2]), "landmarks"),
        (np.full([2, 68, 2], np.inf), "must be finite"),
        ("found", "`landmarks` must be"),
    ],
)
def test_refuses_points_of_another_kind(model, drawn, points, words):
    with pytest.raises(ValueError, match=words):
        fitting.fit(model, drawn[3], points)


def test_a_turned_mesh_of_the_model_has_its_code_and_no_residual(model):
    code = 0.5 * random(0, 3, 16)
    vertices = model.decode_shape(tf.constant(code))[1].numpy()
    turn = camera.rotation(camera.compose(*map(tf.constant, ([0.4], [0.1], [0.2], [1.0])),
                                          tf.zeros([1, 2])))[0].numpy()  # fmt: skip
    fit = fitting.fit_mesh(model, vertices @ turn.T + [1, 2, 3])
    assert np.abs(fit.residual).max() * model.face.units < 0.5  # mm; codes move them by tens
    bumped = vertices.copy()
    bumped[:, 100] += 0.3
    far = np.linalg.norm(fitting.fit_mesh(model, bumped).residual, axis=-1)
    assert (far.argmax(axis=1) == 100).all()
    with pytest.raises(ValueError, match="must be finite"):
        fitting.fit_mesh(model, vertices * np.nan)


def test_refuses_images_that_are_not_finite(model, drawn):
    images = drawn[3].copy()
    images[0, 3, 4] = np.nan
    with pytest.raises(ValueError, match="`images` must be"):
        fitting.fit(model, images, None)
    with pytest.raises(ValueError, match="`confidence`"):
        fitting.fit(model, drawn[3], drawn[2].landmarks, confidence=1.5)


def test_tells_how_far_it_is(model, drawn):
    told = []
    fitting.fit(model, drawn[3], None, steps=0, progress=lambda *done: told.append(done))
    assert told == [(2, 2)]


def test_tells_how_far_a_refinement_is_and_can_be_ended(model, drawn):
    told = []
    fitting.fit(model, drawn[3], None, steps=STEPS, progress=lambda *done: told.append(done))
    done = [2 * (step + 1) / STEPS for step in range(STEPS)]
    np.testing.assert_allclose(told, [(part, 2) for part in [*done, 2]], rtol=1e-6)

    def stop(done, count):
        if done > 1:
            raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        fitting.fit(model, drawn[3], None, steps=STEPS, progress=stop)


def numbers(model, seed):
    random = np.random.default_rng(seed)
    shapes = [part.shape for part in residual.none(model, 2)]
    return [tf.constant(random.normal(size=shape), tf.float32) for shape in shapes]


def mirrored(values, signs):
    return np.asarray(values)[:, :, ::-1] * signs


def brightness_and_chroma(colours):
    grey = np.mean(colours, axis=-1, keepdims=True)
    return grey, colours - grey


def test_what_differs_between_the_sides_is_held_more(model):
    parts, signs = numbers(model, 0), (uv_layout.OFFSETS, uv_layout.COLOURS)
    flipped = [mirrored(part, sign) for part, sign in zip(parts, signs, strict=True)]
    for sign, factor in ((1, 1.0), (-1, residual.ONE_SIDED)):
        both = residual.Residual(
            *(tf.constant(p + sign * f) for p, f in zip(parts, flipped, strict=True))
        )
        maps = residual.maps(both, model)
        for some, own in zip(maps, signs, strict=True):
            np.testing.assert_allclose(mirrored(some, own), sign * some, atol=1e-5)
        wide = tf.image.resize(both.albedo, maps[1].shape[1:3], "bicubic")
        for part, deviation in ((0, residual.BRIGHTNESS), (1, residual.CHROMA)):
            sizes = [np.std(brightness_and_chroma(colours)[part]) for colours in (maps[1], wide)]
            np.testing.assert_allclose(sizes[0] / sizes[1], factor * deviation, rtol=1e-4)


def test_it_brings_the_image_closer_and_only_where_it_is_wanted(model, drawn):
    _, truth, _, images = drawn
    codes = Codes(*truth)
    plain = model.decode(codes)
    patch = np.ones([1, 1, 1, 3]) * (0.15 * plain.mask)
    painted = np.clip(images + patch, 0, 1).astype(np.float32)
    found, left = residual.add(model, codes, tf.constant(painted), tf.constant([True, False]))
    before, after = (np.abs(r.image - painted).mean(axis=(1, 2, 3)) for r in (plain, found))
    assert after[0] < 0.8 * before[0]
    np.testing.assert_allclose(found.vertices[1], plain.vertices[1], atol=1e-6)
    np.testing.assert_allclose(found.albedo_map[1], plain.albedo_map[1], atol=1e-6)
    for name in Codes._fields:
        np.testing.assert_array_equal(getattr(found, name), getattr(codes, name))
    _, vertices, albedo = residual.applied(left, plain.vertices, plain.albedo_map, model)
    np.testing.assert_allclose(vertices, found.vertices, atol=1e-6)
    np.testing.assert_allclose(albedo, found.albedo_map, atol=1e-6)
    moved = np.linalg.norm(found.vertices - plain.vertices, axis=-1) * model.face.units
    assert moved.max() < 5 * residual.SHAPE


def test_a_coloured_cloth_on_the_face_is_not_its_skin(model, drawn):
    _, truth, _, _ = drawn
    plain = model.decode(Codes(*truth))
    changes = []
    for colour in ([0.2, 0.2, 0.2], [-0.2, 0.2, -0.2]):  # a pale face, and a green veil
        painted = plain.image + plain.mask * colour
        found, _ = residual.add(model, Codes(*truth), painted, tf.constant([True, True]))
        changes.append(np.abs(found.albedo_map - plain.albedo_map).mean())
    assert 0 < changes[1] < 0.6 * changes[0]


@pytest.mark.slow
def test_a_fit_with_a_residual_keeps_its_codes(model, drawn):
    _, _, reconstruction, images = drawn
    painted = np.clip(images + [0.1, 0, 0], 0, 1).astype(np.float32)
    fits = [
        fitting.fit(model, painted, reconstruction.landmarks, contour=True, steps=0, residual=with_)
        for with_ in (False, True)
    ]
    codes = [fit.reconstruction.shape_code for fit in fits]
    np.testing.assert_allclose(*codes, atol=1e-5)
    assert (fits[1].image_errors[:, 1] < fits[0].image_errors[:, 1]).all()
    left = [np.abs(fit.residual.albedo).mean(axis=(1, 2, 3)) for fit in fits]
    assert (left[0] == 0).all() and (left[1] > 0.01).all()
