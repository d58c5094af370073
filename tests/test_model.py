import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.networks import decoders
from tf_nonlinear3dmm.rendering import uv_layout

B, S = 2, 32
TINY = configs.tiny().model
MEAN = np.array([11, 0, 0, 16, 0, -11, 0, 16], np.float32)
STD = np.full(8, 0.5, np.float32)
IMAGES = np.random.default_rng(0).random([B, S, S, 3]).astype(np.float32)
VARIANTS = {
    "tpami19": {},
    "cvpr18": {"shape_decoder": "mlp", "lighting": False, "uv_size": (16, 16)},
    "cvpr19": {"shape_decoder": "global_local", "albedo_decoder": "global_local", "proxies": True},
    "linear": {"shape_decoder": "linear", "albedo_decoder": "linear"},
}


def bases(seed, shape):
    rng = np.random.default_rng(seed)
    mean, basis = rng.random(shape[1:]), 0.1 * rng.random(shape)
    return {"mean": mean, "basis": basis, "std": rng.random(shape[0])}


def make(variant="tpami19", face=None):
    config = dataclasses.replace(TINY, **VARIANTS[variant])
    if variant != "linear":
        return Nonlinear3DMM(config, MEAN, STD, face)
    shape, albedo = bases(1, (16, 3016, 3)), bases(2, (16, 24, 28, 3))
    return Nonlinear3DMM(config, MEAN, STD, face, linear_shape=shape, linear_albedo=albedo)


@pytest.fixture(scope="module")
def model():
    return make()


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request):
    return make(request.param)


def test_shapes_and_ranges(variant):
    found, (height, width) = variant(IMAGES), variant.config.uv_size
    vertices = len(variant.face.mean_vertices)
    assert found.vertices.shape == (B, vertices, 3)
    assert found.image_points.shape == (B, vertices, 3)
    assert found.landmarks.shape == (B, 68, 2)
    for name in ("shape_map", "albedo_map", "texture", "shading"):
        assert getattr(found, name).shape == (B, height, width, 3), name
    assert found.image.shape == (B, S, S, 3) and found.mask.shape == (B, S, S, 1)
    assert found.fragments.triangle_id.shape == (B, S, S)
    assert (found.illumination is None) == (not variant.config.lighting)
    assert np.sum(found.mask) > 0
    assert np.isfinite(found.image).all()


def test_pieces_make_up_the_whole(variant):
    found, codes = variant(IMAGES), variant.encode(IMAGES)
    shape_map, vertices = variant.decode_shape(codes.shape_code)
    albedo_map = variant.decode_albedo(codes.albedo_code)
    rendering = variant.render(vertices, albedo_map, codes.projection, codes.illumination)
    pieces = {"shape_map": shape_map, "vertices": vertices, "albedo_map": albedo_map}
    pieces |= {"projection": codes.projection, "image": rendering.image, "mask": rendering.mask}
    for name, piece in pieces.items():
        np.testing.assert_allclose(piece, getattr(found, name), atol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -0.1, 1.1])
def test_images_with_a_value_that_is_not_in_range_are_refused(model, bad):
    images = IMAGES.copy()
    images[1, 5, 7, 2] = bad
    with pytest.raises(
        ValueError, match=r"`images` must be uint8 or floats in \[0, 1\], got float"
    ):
        model.reconstruct(images)


def test_silhouette_gradient_antialiases():
    hard, soft = make(), make()
    soft.set_weights(hard.get_weights())
    soft.config = dataclasses.replace(TINY, silhouette_gradient=True)
    masks = [m(IMAGES).mask.numpy() for m in (hard, soft)]
    assert set(np.unique(masks[0])) == {0, 1}
    outline = (masks[1] > 0) & (masks[1] < 1)
    assert 0.01 < np.mean(outline) < 0.3
    np.testing.assert_array_equal(masks[0][~outline], masks[1][~outline])
    codes = soft.encode(IMAGES)
    _, vertices = soft.decode_shape(codes.shape_code)
    albedo_map = soft.decode_albedo(codes.albedo_code)
    drawn = soft.render(vertices, albedo_map, codes.projection, codes.illumination)
    np.testing.assert_allclose(drawn.mask, masks[1], atol=1e-5)


def test_without_drawing_all_else_is_the_same(variant):
    drawn, other = variant(IMAGES), variant(IMAGES, draw=False)
    assert other.image is other.mask is other.fragments is None
    for name in ("landmarks", "texture", "shading", "image_points", "vertices"):
        np.testing.assert_array_equal(getattr(drawn, name), getattr(other, name))


def test_an_image_of_another_size(model):
    codes = model.encode(IMAGES)
    _, vertices = model.decode_shape(codes.shape_code)
    albedo_map = model.decode_albedo(codes.albedo_code)
    image = model.render(vertices, albedo_map, codes.projection, codes.illumination, (20, 50)).image
    assert image.shape == (B, 20, 50, 3)


def test_vertices_read_the_shape_map_at_their_uv(model):
    shape_map, vertices = model.decode_shape(np.random.rand(B, 16).astype(np.float32) * 50)
    offsets = (vertices - model.face.mean_vertices).numpy()
    height, width = model.config.uv_size
    for v in (0, 700, 3015):
        x, y = model.face.uv[v] * [width - 1, height - 1]
        i, j = min(int(y), height - 2), min(int(x), width - 2)
        corners = shape_map.numpy()[:, i : i + 2, j : j + 2]
        weights = np.outer([1 - (y - i), y - i], [1 - (x - j), x - j])
        expected = np.einsum("bijc,ij->bc", corners, weights)
        np.testing.assert_allclose(offsets[:, v], expected, atol=1e-5)


def test_no_offset_is_the_mean_face(model):
    other = make()
    last = other.shape_decoder.last
    last.set_weights([np.zeros_like(weight) for weight in last.get_weights()])
    _, vertices = other.decode_shape(np.zeros([B, 16], np.float32))
    np.testing.assert_array_equal(vertices, np.broadcast_to(model.face.mean_vertices, [B, 3016, 3]))


def test_an_offset_reaches_twice_the_shape_scale():
    model = make()
    kernel, bias = model.shape_decoder.last.get_weights()
    model.shape_decoder.last.set_weights([kernel, bias + 100])
    _, vertices = model.decode_shape(np.zeros([1, 16], np.float32))
    np.testing.assert_allclose(
        vertices[0] - model.face.mean_vertices, 2 * model.face.shape_scale, atol=1e-6
    )


def test_offsets_per_vertex_are_spread_over_the_shape_map():
    model = make("cvpr18")
    shape_map, vertices = model.decode_shape(np.random.rand(1, 16).astype(np.float32))
    offsets = vertices[0].numpy() - model.face.mean_vertices
    corners = offsets[model.uv_layout.texel_vertices]
    expected = np.einsum("hwk,hwkc->hwc", model.uv_layout.texel_weights, corners)
    np.testing.assert_allclose(shape_map[0], expected, atol=1e-6)


def test_a_linear_model_is_its_bases():
    model, shape, albedo = make("linear"), bases(1, (16, 3016, 3)), bases(2, (16, 24, 28, 3))
    code = np.random.default_rng(3).normal(size=[B, 16]).astype(np.float32)
    _, vertices = model.decode_shape(code)
    offsets = shape["mean"] + np.tensordot(code * shape["std"], shape["basis"], 1)
    expected = model.face.mean_vertices + model.face.shape_scale * offsets
    np.testing.assert_allclose(vertices, expected, atol=1e-4)
    expected = albedo["mean"] + np.tensordot(code * albedo["std"], albedo["basis"], 1)
    np.testing.assert_allclose(model.decode_albedo(code), expected, atol=1e-4)
    assert not model.shape_decoder.trainable_weights


def test_landmarks_are_the_projected_vertices(model):
    found = model(IMAGES)
    expected = found.image_points.numpy()[:, model.face.landmarks, :2]
    np.testing.assert_array_equal(found.landmarks, expected)
    ids = model.face.landmarks.copy()
    ids[5] = -1
    other = make(face=dataclasses.replace(FaceModel.load("makehuman"), landmarks=ids))
    np.testing.assert_array_equal(other(IMAGES, draw=False).landmarks[:, 5], 0)


def test_graph_equals_eager_for_any_batch(variant):
    signature = [tf.TensorSpec([None, S, S, 3])]
    graph = tf.function(lambda images: variant(images), input_signature=signature)
    found, expected = graph(IMAGES), variant(IMAGES)
    for name in ("vertices", "landmarks", "texture", "projection"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-4)
    assert np.mean(np.abs(found.image - expected.image) > 1e-3) < 0.01  # a pixel on an edge
    assert graph(IMAGES[:1]).image.shape == (1, S, S, 3)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras
def test_saved_weights_make_the_same_model(variant, tmp_path):
    path = tmp_path / "model.weights.h5"
    variant.save_weights(path)
    other = Nonlinear3DMM(variant.config, np.zeros(8), np.ones(8))
    other.load_weights(path)
    for a, b in zip(variant.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(variant(IMAGES).projection, other(IMAGES).projection)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras
def test_weights_of_another_model_are_refused(model, tmp_path):
    path = tmp_path / "model.weights.h5"
    model.save_weights(path)
    other = Nonlinear3DMM(dataclasses.replace(TINY, width=8), MEAN, STD)
    with pytest.raises(ValueError):
        other.load_weights(path)


def test_every_weight_has_a_gradient(variant):
    with tf.GradientTape() as tape:
        found = variant(IMAGES, training=True)
        loss = tf.reduce_mean(found.image**2) + tf.reduce_mean(found.shape_map**2)
        loss += tf.reduce_mean(found.landmarks**2)
    for weight, gradient in zip(
        variant.trainable_weights,
        tape.gradient(loss, [w.value for w in variant.trainable_weights]),
        strict=True,
    ):
        assert gradient is not None and np.isfinite(gradient).all(), weight.path


def test_a_basis_of_the_wrong_size_is_refused():
    config = dataclasses.replace(TINY, **VARIANTS["linear"])
    wrong = bases(1, (15, 3016, 3))
    with pytest.raises(ValueError, match=r"`basis` must have shape \[16, 3016, 3\], got \[15, 30"):
        Nonlinear3DMM(config, MEAN, STD, linear_shape=wrong)


def test_the_paper_model_has_13_108_297_parameters():
    config = configs.paper().model
    face = FaceModel.load(config.face_model)
    layout = uv_layout.build(face, config.uv_size)
    parts = [decoders.shape_decoder(config, face, layout), decoders.albedo_decoder(config, face)]
    count = sum(int(np.prod(w.shape)) for p in parts for w in p.trainable_weights)
    assert count + 3_053_123 == 13_108_297  # the encoder's part: tests/test_encoder.py
