import numpy as np
import pytest
import reference
import scenes
import tensorflow as tf

from tf_nonlinear3dmm.rendering import sampling

B, H, W, C, N = 2, 5, 7, 3, 23


def image_and_points(dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    image = rng.normal(size=[B, H, W, C])
    points = rng.uniform(-0.3, 1.3, [B, N, 2]) * [W - 1, H - 1]
    return image.astype(dtype), points.astype(dtype)


def test_bilinear_by_hand():
    image = np.array([[[[0.0], [10.0], [20.0]], [[100.0], [110.0], [120.0]]]])
    points = [[0, 0], [2, 1], [0.25, 0], [1, 0.5], [1.5, 0.25], [-9, 0.5], [1, 9], [7, -7]]
    found = sampling.bilinear(image, np.array([points]))
    np.testing.assert_allclose(found[0, :, 0], [0, 120, 2.5, 60, 40, 50, 110, 20], atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bilinear_agrees_with_a_loop(dtype):
    image, points = image_and_points(dtype)
    expected = np.stack([reference.bilinear(i, p) for i, p in zip(image, points, strict=True)])
    found = sampling.bilinear(image, points)
    assert found.dtype == dtype
    tolerance = 100 * np.finfo(dtype).eps  # a few roundings of numbers up to 8
    np.testing.assert_allclose(found, expected, atol=tolerance)


@pytest.mark.parametrize("size", [(1, 1), (1, 4), (4, 1), (2, 2)])
def test_bilinear_reads_maps_of_one_row_or_column(size):
    image = np.random.default_rng(0).normal(size=[*size, C])
    points = np.random.default_rng(1).uniform(-1, 5, [N, 2])
    found = sampling.bilinear(image[np.newaxis], points[np.newaxis])[0]
    np.testing.assert_allclose(found, reference.bilinear(image, points), atol=1e-12)


def test_bilinear_is_the_image_at_the_centres_and_a_plane_everywhere_inside():
    image, _ = image_and_points()
    x, y = np.meshgrid(np.arange(W), np.arange(H))
    centres = np.stack([x, y], axis=-1).reshape(1, -1, 2).repeat(B, axis=0).astype(float)
    found = sampling.bilinear(image, centres)
    np.testing.assert_array_equal(found, image.reshape(B, -1, C))
    plane = (2.0 * x - 3.0 * y + 1)[np.newaxis, ..., np.newaxis]
    points = np.random.default_rng(2).uniform(0, 1, [1, N, 2]) * [W - 1, H - 1]
    found = sampling.bilinear(plane, points)
    np.testing.assert_allclose(found[..., 0], points @ [2.0, -3.0] + 1, atol=1e-12)


def test_bilinear_shares_an_image_of_batch_1():
    image, points = image_and_points()
    found = sampling.bilinear(image[:1], points)
    expected = sampling.bilinear(np.concatenate([image[:1]] * B), points)
    np.testing.assert_array_equal(found, expected)


def test_bilinear_gradient_is_the_finite_difference():
    scenes.check_gradient(sampling.bilinear, *image_and_points())


def test_bilinear_gradient_is_0_outside():
    image, points = image_and_points()
    points = np.where(points < 1, points - W, points + W)
    gradient = scenes.gradients(sampling.bilinear, image, points)
    assert np.all(gradient[1] == 0) and np.any(gradient[0] != 0)


def test_bilinear_nan_point_reads_nan_alone():
    image, points = image_and_points()
    points[1, 4, 0] = np.nan
    found = np.isnan(sampling.bilinear(image, points))
    assert found[1, 4].all() and found.sum() == C


def test_bilinear_in_a_graph_of_unknown_sizes():
    unknown = tf.TensorSpec([None, None, None, None], tf.float64)
    graph = tf.function(
        sampling.bilinear, input_signature=[unknown, tf.TensorSpec([None, None, 2], tf.float64)]
    )
    image, points = image_and_points()
    np.testing.assert_allclose(graph(image, points), sampling.bilinear(image, points), atol=1e-14)
    assert graph(image[:0], points[:0]).shape == (0, N, C)


@pytest.mark.parametrize("image, points", [([B, H, W], [B, N, 2]), ([B, H, W, C], [B, N, 3])])
def test_bilinear_refuses_other_shapes(image, points):
    with pytest.raises(ValueError, match="must have shape .* got"):
        sampling.bilinear(np.zeros(image), np.zeros(points))


def test_texels_run_from_centre_to_centre():
    uv = np.array([[0, 0], [1, 1], [0.5, 0.25]])
    np.testing.assert_allclose(sampling.texels(uv, (9, 11)), [[0, 0], [10, 8], [5, 2]])
