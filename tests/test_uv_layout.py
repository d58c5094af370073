import numpy as np
import pytest
import scenes
import tensorflow as tf

from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import sampling, uv_layout

B, HU, WU, C = 3, 7, 9, 2
PATCH = scenes.patch()
V = len(PATCH.uv)
LAYOUT = uv_layout.build(PATCH, (HU, WU))


def random_maps(dtype=np.float64):
    return np.random.default_rng(0).normal(size=[B, HU, WU, C]).astype(dtype)


@pytest.fixture(scope="module")
def head():
    face = FaceModel.load("makehuman")
    return face, uv_layout.build(face, (24, 28))


def test_texels_of_uv_are_their_own_places(head):
    face, layout = head
    covered = layout.texel_triangle >= 0
    assert layout.size == (24, 28) and 0.7 < covered.mean() <= 1
    np.testing.assert_allclose(layout.texel_weights.sum(axis=-1), 1, atol=1e-5)
    uv = uv_layout.to_texels(layout.uv[np.newaxis], layout)[0].numpy()
    x, y = np.meshgrid(np.linspace(0, 1, 28), np.linspace(0, 1, 24))
    np.testing.assert_allclose(uv[covered], np.stack([x, y], axis=-1)[covered], atol=1e-5)
    assert np.isfinite(uv_layout.to_texels(face.mean_vertices[np.newaxis], layout)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_vertices_read_the_map_bilinearly(dtype):
    maps = random_maps(dtype)
    points = sampling.texels(tf.constant(PATCH.uv), (HU, WU))
    expected = sampling.bilinear(maps, np.stack([points] * B))
    found = uv_layout.to_vertices(maps, LAYOUT)
    assert found.dtype == dtype and found.shape == (B, V, C)
    np.testing.assert_array_equal(found, expected)


def test_vertices_of_a_linear_map_are_linear_in_uv(head):
    _, layout = head
    x, y = np.meshgrid(np.linspace(0, 1, 28), np.linspace(0, 1, 24))
    maps = np.stack([x, 2 * y - x], axis=-1)[np.newaxis]
    u, v = layout.uv.T
    found = uv_layout.to_vertices(maps, layout)[0]
    np.testing.assert_allclose(found, np.stack([u, 2 * v - u], axis=-1), atol=1e-6)


def test_gradients_are_the_finite_differences():
    scenes.check_gradient(lambda maps: uv_layout.to_vertices(maps, LAYOUT), random_maps())
    attributes = np.random.default_rng(1).normal(size=[B, V, C])
    scenes.check_gradient(lambda a: uv_layout.to_texels(a, LAYOUT), attributes)


def test_a_graph_of_unknown_batch_does_the_same():
    spec = tf.TensorSpec([None, HU, WU, C], tf.float64)
    graph = tf.function(lambda m: uv_layout.to_vertices(m, LAYOUT), input_signature=[spec])
    maps = random_maps()
    for batch in (B, 1, 0):
        expected = uv_layout.to_vertices(maps[:batch], LAYOUT)
        np.testing.assert_allclose(graph(maps[:batch]), expected, atol=1e-14)


def test_refusals():
    with pytest.raises(ValueError, match=r"`maps` must have shape \[B, 7, 9, C\].* got"):
        uv_layout.to_vertices(random_maps()[:, :-1], LAYOUT)
    with pytest.raises(ValueError, match=r"`attributes` must have shape \[B, V, C\], got"):
        uv_layout.to_texels(np.zeros([V, C]), LAYOUT)
