"""Laws of expressions: rest stays rest, nothing asked is nothing changed, a name moves its part."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from test_model import make

from tf_nonlinear3dmm import expressions as of_codes
from tf_nonlinear3dmm.face import (
    EMBEDDED,
    FaceModel,
    expression_prior,
    load_population,
    mesh_files,
    morphs,
    muscles,
    separation,
)
from tf_nonlinear3dmm.maintenance import expressions as maintained

FACES, UNITS = 3, 51
SHOWN = ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp", "eyeBlinkLeft")
INNER_LIPS = ([61, 62, 63], [67, 66, 65])  # of the 68 points: upper, lower


@pytest.fixture(scope="module", params=["makehuman", "makehuman-12k"])
def known(request):
    face = FaceModel.load(request.param)
    return face, separation.expressions(face)


@pytest.fixture(scope="module")
def face():
    return FaceModel.load("makehuman")


@pytest.fixture(scope="module")
def model(face):
    """A linear model of eleven ways in which people differ, and of five expressions."""
    made, population = make("linear"), load_population()
    units = separation.morph_targets(face.mean_vertices, separation.expressions(face)).offsets
    names = list(population.unit_names)
    expressive = [units[names.index(name)] for name in SHOWN]
    people = expression_prior.read(population).modes[: 16 - len(SHOWN)]
    differences = np.tensordot(people, morphs.face_basis(population).identity, 1)
    decoder = made.shape_decoder
    decoder.basis.assign(np.concatenate([expressive, differences]))
    decoder.mean.assign(np.zeros_like(face.mean_vertices))
    decoder.std.assign(np.full(16, 1 / face.shape_scale, np.float32))
    return made


@pytest.fixture(scope="module")
def codes(model):
    code = np.random.default_rng(0).normal(size=[FACES, model.config.shape_code_size])
    code[:, : len(SHOWN)] = [[0.5, 0.1, 0.1, 0, 0], [0, 0.8, 0.7, 0.4, 0], [0.1, 0, 0, 0, 0.9]]
    return tf.constant(code, tf.float32)


def random_faces(face):
    """Generated people at rest that the asset has not seen, and the weights of expressions."""
    drawn = maintained.draw(FACES, maintained.HELD_OUT)
    basis = morphs.face_basis(load_population(EMBEDDED[face.name]))
    rest = basis.base + np.tensordot(drawn.targets, basis.identity, 1)
    return rest.astype(np.float32), drawn.units


def test_a_face_is_taken_apart_and_together_again(known):
    face, known = known
    neutral, weights = random_faces(face)
    faces = muscles.apply(neutral, weights, known.muscles)
    apart = separation.separate(faces, known)
    again = muscles.apply(apart.neutral, apart.weights, known.muscles)
    np.testing.assert_allclose(again, faces, atol=0.005)  # dm: eyes that look aside
    assert apart.weights.min() >= 0 and apart.weights.max() <= 1
    assert np.sqrt(np.mean((apart.weights - weights) ** 2)) < 0.08
    before, after = (np.linalg.norm(v - neutral, axis=-1).mean() for v in (faces, apart.neutral))
    assert after < 0.25 * before


def test_the_mean_face_has_no_expression(known):
    mean = load_population(EMBEDDED[known[0].name]).mean[np.newaxis]
    assert separation.separate(mean, known[1]).weights.max() < 0.15


def test_nothing_asked_is_nothing_changed(model, codes):
    np.testing.assert_array_equal(model.express(codes, {}), codes)
    np.testing.assert_array_equal(model.transfer(codes, codes), codes)


def test_rest_stays_rest(model, codes):
    rest = model.neutral(codes)
    assert np.all(apart(model, rest, model.neutral(rest)) < 0.1 * apart(model, codes, rest))
    without = tf.concat([0 * codes[:, : len(SHOWN)], codes[:, len(SHOWN) :]], axis=1)
    assert np.all(apart(model, rest, without) < 0.2 * apart(model, codes, without))


def apart(model, *codes):
    """`[B]`: how far the faces of two batches of codes are apart."""
    first, second = (model.decode_shape(code)[1].numpy() for code in codes)
    return np.linalg.norm(first - second, axis=-1).mean(axis=1)


def lips_apart(model, code):
    vertices = model.decode_shape(code)[1].numpy()
    upper, lower = (vertices[:, model.face.landmarks[ids], 1] for ids in INNER_LIPS)
    return (upper - lower)[:, 1]


def test_jaw_open_opens_the_lips(model, codes):
    rest = model.neutral(codes)
    opened = [lips_apart(model, model.express(rest, {"jawOpen": w})) for w in (0.0, 0.3, 0.6)]
    assert np.all(np.diff(opened, axis=0) > 0.05)  # dm
    weights = np.array([0.0, 0.3, 0.6])
    each = lips_apart(model, model.express(rest, {"jawOpen": weights}))
    np.testing.assert_allclose(each, np.diagonal(opened), atol=1e-4)


def test_an_expression_goes_to_another_person(model, codes):
    source, target = codes[:1], codes[1:2]
    result = model.transfer(source, target)
    known = separation.expressions(model.face)
    weights = [
        separation.separate(model.decode_shape(code)[1].numpy(), known).weights
        for code in (source, target, result)
    ]
    assert np.abs(weights[2] - weights[0]).mean() < 0.4 * np.abs(weights[1] - weights[0]).mean()


def test_moved_finds_codes_of_any_decoder(model, codes):
    decode = lambda code: model.decode_shape(code)[1]  # noqa: E731
    found = of_codes.moved(decode, tf.zeros_like(codes), decode(codes))
    assert apart(model, found, codes).max() < 0.001


def test_refusals(model, codes, face):
    with pytest.raises(ValueError, match="no expression `jawOpened`; did you mean `jawOpen`"):
        model.express(codes, {"jawOpened": 1.0})
    with pytest.raises(ValueError, match="`jawOpen` must be finite numbers from .*, got nan"):
        model.express(codes, {"jawOpen": np.nan})
    with pytest.raises(ValueError, match="`shape_code` must have shape"):
        model.neutral(codes[0])


def test_another_face_has_no_named_expressions():
    other = dataclasses.replace(FaceModel.load("makehuman"), name="bfm")
    with pytest.raises(ValueError, match="got a face `bfm`"):
        separation.expressions(other)


def test_a_glb_shows_the_face_and_morphs_to_rest(face, tmp_path):
    known = separation.expressions(face)
    neutral, weights = random_faces(face)
    vertices = muscles.apply(neutral, weights, known.muscles)[0]
    targets = separation.morph_targets(vertices, known)
    texture = np.zeros([8, 8, 3], np.uint8)
    mesh_files.write_glb(tmp_path / "a.glb", vertices, face, texture, targets)
    shown = mesh_files.read(tmp_path / "a.glb").vertices
    np.testing.assert_allclose(shown, vertices * face.units, atol=1e-3)  # mm, float32 metres
    names = ["jawOpen", "eyeBlinkLeft", "mouthSmileRight"]
    assert set(names) < set(targets.names) and len(targets.names) == UNITS


def test_the_asset_is_of_this_generator():
    drawn, population = maintained.draw(300, maintained.HELD_OUT), load_population()
    known = expression_prior.read(population)
    basis = morphs.face_basis(population).identity.reshape(len(known.identity), -1)
    np.testing.assert_allclose(drawn.units.mean(axis=0), known.units, atol=0.1)  # 5 standard errors
    drift = (drawn.targets.mean(axis=0) - known.identity) @ basis
    modes = known.modes @ basis
    spread = np.sum(np.square((drawn.targets - known.identity) @ basis)) / len(drawn.targets)
    assert np.sum(drift**2) < 0.03 * spread
    np.testing.assert_allclose(np.sum(modes**2), spread, rtol=0.15)
