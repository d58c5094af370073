import types

import numpy as np
import pytest
import scenes
import tensorflow as tf
from test_renderer import head

from tf_nonlinear3dmm.rendering import renderer, unwrap, uv_layout

H, W, HU, WU = 40, 44, 24, 28
PLATE = np.array([[-1.0, 1, 0], [-1, -1, 0], [1, -1, 0], [1, 1, 0]])
QUAD = np.int32([[0, 1, 2], [0, 2, 3]])


def plates():
    """Two squares, the left and the right half of the map, one 2 units before the other."""
    corners = np.array([[0.0, 0], [0, 1], [0.45, 1], [0.45, 0]])
    face = types.SimpleNamespace(
        triangles=np.concatenate([QUAD, QUAD + 4]),
        normal_triangles=np.ones(4, bool),
        uv=np.concatenate([corners, corners + [0.55, 0]]),
    )
    vertices = np.concatenate([PLATE, PLATE + [0.0, 0, 2]])[np.newaxis]
    projection = np.array([[[15.0, 0, 0, 21], [0, -15.0, 0, 19]]])
    return uv_layout.build(face, (HU, WU)), vertices, projection


def smooth(rows, columns):
    y, x = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    return np.stack([x, y, 0.5 + 0.3 * np.sin(3 * x + 2 * y)], axis=-1)[np.newaxis]


def test_a_flat_square_reads_the_pixels_under_its_texels():
    face = types.SimpleNamespace(
        triangles=QUAD,
        normal_triangles=np.ones(2, bool),
        uv=np.array([[0, 0], [0, 1], [1, 1], [1, 0]]),
    )
    face = uv_layout.build(face, (3, 3))
    image = np.random.default_rng(0).random([1, 5, 6, 3])
    projection = np.array([[[1.0, 0, 0, 2], [0, -1.0, 0, 2]]])
    texture, mask = unwrap.unwrap(image, PLATE[np.newaxis], projection, face)
    np.testing.assert_allclose(texture, image[:, 1:4, 1:4], atol=1e-6)
    assert np.all(mask == 1)


@pytest.mark.parametrize("yaw", [0.0, 0.7])
def test_unwrapping_a_drawn_smooth_texture_returns_it(yaw):
    face, vertices, projection = head(64, (HU, WU), yaw)
    texture = smooth(HU, WU).astype(np.float32)
    image = renderer.render(vertices, texture, projection, None, face, (64, 64)).image
    found, mask = unwrap.unwrap(image, vertices, projection, face)
    seen = mask[..., 0].numpy() > 0
    assert seen.mean() > 0.35
    error = np.abs(found - texture).max(axis=-1)[seen]
    assert np.median(error) < 0.01 and np.quantile(error, 0.95) < 0.05  # a texel is 0.04
    assert np.all(found.numpy()[~seen] == 0)


def test_turning_the_head_hides_the_far_side():
    face, vertices, _ = head(64, (HU, WU))
    image = np.ones([1, 64, 64, 3], np.float32)
    halves = []
    for yaw in (0.9, -0.9):
        mask = unwrap.unwrap(image, vertices, head(64, (HU, WU), yaw)[2], face)[1][0, :, :, 0]
        halves.append([np.mean(mask[:, : WU // 2]), np.mean(mask[:, WU // 2 :])])
    # Positive yaw turns the nose to the image's right and shows the subject's right, at small u.
    assert halves[0][0] > 2 * halves[0][1] and halves[1][1] > 2 * halves[1][0]


def test_a_near_plate_hides_the_far_one_and_back_faces_are_unseen():
    face, vertices, projection = plates()
    image = np.random.default_rng(0).random([1, H, W, 3])
    left, right = face.texel_triangle // 2 == 0, face.texel_triangle // 2 == 1
    left &= face.texel_triangle >= 0
    mask = unwrap.unwrap(image, vertices, projection, face)[1][0, ..., 0].numpy() > 0
    assert mask[right].all() and not mask[~right].any()
    behind = vertices * [1, 1, -1]  # now the right one is behind
    mask = unwrap.unwrap(image, behind, projection, face)[1][0, ..., 0].numpy() > 0
    assert mask[left].all() and not mask[~left].any()
    turned = vertices * [-1, 1, 1]
    assert not np.any(unwrap.unwrap(image, turned, projection, face)[1])


def test_texels_outside_the_image_are_unseen():
    face, vertices, projection = plates()
    projection[0, 0, 3] = 0  # half of the plate lies left of the image
    mask = unwrap.unwrap(np.ones([1, H, W, 3]), vertices, projection, face)[1]
    seen = mask[0, ..., 0].numpy()[face.texel_triangle >= 2]
    assert 0.4 < seen.mean() < 0.6


def test_what_the_mask_hides_and_the_background_do_not_reach_the_texture():
    face, vertices, projection = plates()
    image = np.broadcast_to(smooth(H, W), [1, H, W, 3]).copy()
    face_mask = np.ones([1, H, W, 1])
    face_mask[:, :15] = 0
    clean, mask = unwrap.unwrap(image, vertices, projection, face, face_mask)
    whole = unwrap.unwrap(image, vertices, projection, face)[1]
    assert 0 < np.sum(mask) < np.sum(whole) and np.all(mask <= whole)
    drawn = renderer.render(vertices, smooth(HU, WU), projection, None, face, (H, W)).mask
    image[(face_mask * drawn.numpy())[..., 0] == 0] = np.nan
    found, again = unwrap.unwrap(image, vertices, projection, face, face_mask)
    np.testing.assert_array_equal(again, mask)
    np.testing.assert_array_equal(found, clean)


def test_graph_of_unknown_batch_is_eager():
    face, vertices, projection = plates()
    arrays = np.random.default_rng(0).random([1, H, W, 3]), vertices, projection
    arrays = [np.concatenate([a, a + 0.01]) for a in arrays]

    @tf.function(input_signature=[tf.TensorSpec([None, *a.shape[1:]], tf.float64) for a in arrays])
    def graph(*arrays):
        return unwrap.unwrap(*arrays, face)

    for batch in (2, 1, 0):
        part = [a[:batch] for a in arrays]
        for one, other in zip(graph(*part), unwrap.unwrap(*part, face), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-12)


def test_colours_have_gradients():
    face, vertices, projection = plates()
    image = np.random.default_rng(0).random([1, H, W, 3])
    (gradient,) = scenes.gradients(lambda i: unwrap.unwrap(i, vertices, projection, face)[0], image)
    count = np.sum(unwrap.unwrap(image, vertices, projection, face)[1])
    np.testing.assert_allclose(gradient.sum(), 3 * count)  # every texel is a mean


def test_refusals():
    face, vertices, projection = plates()
    with pytest.raises(ValueError, match=r"`image` must have shape \[B, H, W, 3\] .*got"):
        unwrap.unwrap(np.zeros([1, H, W, 4]), vertices, projection, face)
    with pytest.raises(ValueError, match=r"`vertices` must have shape \[B, V, 3\].* got"):
        unwrap.unwrap(np.zeros([2, H, W, 3]), vertices, projection, face)
