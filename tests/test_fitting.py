"""Laws of the fit: a face that the model drew is found again, and nothing gets worse."""

import numpy as np
import pytest
import tensorflow as tf
from test_model import make

from tf_nonlinear3dmm import fitting
from tf_nonlinear3dmm.fitting import alignment, landmarks, parameters, places, priors, solver
from tf_nonlinear3dmm.networks.encoder import Codes
from tf_nonlinear3dmm.rendering import camera

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
    truth = parameters.changed(face, change, S)
    reconstruction = model.decode(Codes(*truth))
    images = np.clip(reconstruction.image, 0, 1)
    return face, truth, reconstruction, images


def test_between_is_the_inverse_of_moved():
    start = camera.compose(*map(tf.constant, ([0.4, -1.2], [0.1, 0.3], [0.0, -0.5], [9.0, 14.0])),
                           tf.constant([[15.0, 16], [18, 12]]))  # fmt: skip
    change = random(0, 2, 6)
    there = parameters.moved(start, change, S)
    rows = there[..., :3].numpy()
    np.testing.assert_allclose(np.sum(rows[:, 0] * rows[:, 1], axis=-1), 0, atol=1e-4)
    np.testing.assert_allclose(*np.moveaxis(np.linalg.norm(rows, axis=-1), 1, 0), rtol=1e-5)
    np.testing.assert_allclose(parameters.between(start, there, S), change, atol=1e-3)
    np.testing.assert_allclose(parameters.moved(start, 0 * change, S), start, atol=1e-4)


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
    known = landmarks.known(reconstruction.landmarks, 1.0, marked.noise, np.full(2, 20.0))
    decode = lambda code: model.decode_shape(code)[1]  # noqa: E731
    change = alignment.align(face, known, marked, decode, S, None)
    found = model.decode(Codes(*parameters.changed(face, change, S)), draw=False)
    error = np.abs(found.landmarks - reconstruction.landmarks)
    assert error.max() < 0.02  # pixels; the encoder is off by more than one
    apart = np.abs(face.projection - truth.projection).max()
    assert apart > 1


def test_landmarks_that_weigh_more_are_met_better(model, drawn):
    face, _, reconstruction, _ = drawn
    points = reconstruction.landmarks.numpy() + random(3, 2, 68, 2)
    errors = []
    for confidence in (0.01, 0.1, 1.0):
        fit = fitting.fit(model, drawn[3], points, confidence, contour=True, steps=0)
        errors.append(fit.landmark_errors[:, 1])
    assert (np.diff(errors, axis=0) <= 1e-3).all()


@pytest.mark.slow
def test_pixels_and_landmarks_bring_back_a_drawn_face(model, drawn):
    _, _, reconstruction, images = drawn
    fit = fitting.fit(model, images, reconstruction.landmarks, contour=True, steps=STEPS)
    assert (fit.status == fitting.FITTED).all()
    assert (fit.landmark_errors[:, 1] < 0.3 * fit.landmark_errors[:, 0]).all()
    assert (fit.image_errors[:, 1] < fit.image_errors[:, 0]).all()


@pytest.mark.parametrize("steps", [0, pytest.param(STEPS, marks=pytest.mark.slow)])
def test_a_batch_is_its_images(model, drawn, steps):
    _, _, reconstruction, images = drawn
    points = reconstruction.landmarks.numpy()
    both = fitting.fit(model, images, points, contour=True, steps=steps)
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
        lambda images, face, known: face._replace(projection=face.projection + places)
    )


def test_the_encoders_answer_comes_back_where_a_fit_fails(model, drawn, monkeypatch):
    before = model.reconstruct(drawn[3])
    points = before.landmarks.numpy()  # nothing is nearer than the encoder
    broken = graph_that_moves([[[0.0] * 4] * 2, [[np.nan] * 4] * 2])
    for graph, status in ((broken, solver.NOT_FINITE), (graph_that_moves(1.0), solver.WORSE)):
        monkeypatch.setattr(solver, "_graph", graph)
        fit = fitting.fit(model, drawn[3], points, contour=True)
        assert fit.status[1] == status
        np.testing.assert_allclose(fit.reconstruction.projection[1], before.projection[1], 1e-6)
        np.testing.assert_allclose(fit.reconstruction.image[1], before.image[1], atol=1e-5)
        assert (fit.landmark_errors[:, 1] <= fit.landmark_errors[:, 0]).all()


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
