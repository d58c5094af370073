import numpy as np
import pytest
import reference
import scenes
import tensorflow as tf

from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import antialiasing, camera, rasterizer

B, H, W, V, T, C = 3, 9, 13, 17, 29, 4
SIZE = (H, W)
ONE = np.int32([[0, 1, 2]])


def antialias(image, points, triangles, size=SIZE):
    """`image` None: the mask."""
    fragments = rasterizer.rasterize(points, triangles, size)
    if image is None:
        image = tf.cast(fragments.triangle_id >= 0, points.dtype)[..., tf.newaxis]
    neighbours = antialiasing.neighbours(triangles)
    return antialiasing.antialias(image, fragments, points, triangles, neighbours)


def head(size, yaw, batch=1):
    face = FaceModel.load("makehuman")
    pose = (np.full([batch], k) for k in (yaw, 0.1, 0.05, size * 0.4))
    projection = camera.compose(*pose, np.full([batch, 2], size / 2 + 0.3))
    vertices = np.repeat(face.mean_vertices[np.newaxis].astype(float), batch, axis=0)
    return face.triangles, camera.project(vertices, projection).numpy()


def random_triangles(count, size, seed=0):
    """Triangles `[N, 3, 3]` that face the camera, of 30 square pixels at least."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(2, size - 3, [8 * count, 3, 2])
    area = np.linalg.det(points[:, 1:] - points[:, :1]) / 2
    points = np.where(area[:, None, None] < 0, points, points[:, ::-1])[np.abs(area) > 30]
    return np.pad(points[:count], [(0, 0), (0, 0), (0, 1)])


def coverage(points, triangles, size, fine=8):
    """What share of every pixel a mesh covers, by `fine` x `fine` samples."""
    points = np.concatenate([(points[..., :2] + 0.5) * fine - 0.5, points[..., 2:]], axis=-1)
    ids = rasterizer.rasterize(points, triangles, (size * fine,) * 2).triangle_id.numpy()
    return (ids >= 0).reshape(-1, size, fine, size, fine).mean(axis=(2, 4))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("side", [1, -1])
def test_an_edge_by_hand(axis, side):
    # A half-plane that ends `share` beyond the centre of pixel 4, to either side of it.
    for share, expected in ((0.2, {4: 0.7}), (0.5, {}), (0.7, {4 + side: 0.2})):
        points = np.array([[[4 + side * share, -40, 0], [4 + side * share, 60, 0], [0, 9, 0]]])
        points[0, 2, 0] = 4 - side * 90
        points = points[..., [1, 0, 2]] if axis else points
        points = points if (side == 1) == bool(axis) else points[:, ::-1]
        mask = antialias(None, points, ONE, (9, 9))[0, ..., 0].numpy()
        line = np.array([float(side * (k - 4) <= 0) for k in range(9)])
        for pixel, value in expected.items():
            line[pixel] = value
        lines = mask.T if axis else mask
        np.testing.assert_allclose(lines[2:7], np.tile(line, [5, 1]), atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_antialias_agrees_with_a_loop(dtype):
    points, triangles = scenes.soup(0, B, V, T, SIZE, dtype)
    image = np.random.default_rng(1).random([B, H, W, C]).astype(dtype)
    found = antialias(image, points, triangles)
    assert found.dtype == dtype and found.shape == image.shape
    fragments = rasterizer.rasterize(points, triangles, SIZE)
    for b in range(B):
        seen = fragments.triangle_id[b].numpy(), fragments.depth[b].numpy()
        expected = reference.antialias(image[b].astype(float), *seen, points[b], triangles)
        assert np.mean(np.any(expected != image[b], axis=-1)) > 0.2
        np.testing.assert_allclose(found[b], expected, atol=3e-4 if dtype == np.float32 else 1e-9)


def test_antialias_agrees_with_a_loop_on_a_face_of_small_triangles():
    triangles, points = head(20, yaw=0.5)
    image = np.random.default_rng(1).random([1, 20, 20, C])
    fragments = rasterizer.rasterize(points, triangles, (20, 20))
    seen = fragments.triangle_id[0].numpy(), fragments.depth[0].numpy()
    expected = reference.antialias(image[0], *seen, points[0], triangles)
    found = antialias(image, points, triangles, (20, 20))[0]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_neighbours_by_hand():
    triangles = [
        [0, 1, 2],
        [2, 1, 3],
        [1, 3, 4],
        [3, 1, 5],
    ]  # three of them at the edge from 1 to 3
    expected = [[4, 1, 4], [0, 4, 4], [4, 4, 4], [4, 4, 4]]
    np.testing.assert_array_equal(antialiasing.neighbours(triangles), expected)


def test_gradients_are_the_finite_differences():
    points, triangles = scenes.soup(3, 2, 6, 5, (5, 7))
    fragments = rasterizer.rasterize(points, triangles, (5, 7))
    neighbours = antialiasing.neighbours(triangles)
    image = np.random.default_rng(0).random([2, 5, 7, 1])
    scenes.check_gradient(
        lambda i, p: antialiasing.antialias(i, fragments, p, triangles, neighbours), image, points
    )


def test_the_area_of_a_mask_is_that_of_the_triangle_and_so_is_its_gradient():
    points = random_triangles(60, 30)
    edges = np.roll(points, -1, axis=1) - np.roll(points, 1, axis=1)
    area = np.abs(np.linalg.det(points[:, 1:, :2] - points[:, :1, :2])) / 2
    mask = antialias(None, points, ONE, (30, 30)).numpy()
    assert mask.min() == 0 and mask.max() == 1
    assert np.abs(mask.sum(axis=(1, 2, 3)) - area).mean() < 0.7  # the corners
    found = scenes.gradients(lambda p: antialias(None, p, ONE, (30, 30)), points)[0]
    exact = np.stack([-edges[..., 1], edges[..., 0]], axis=-1) / 2
    assert np.linalg.norm(found[..., :2] - exact) < 0.1 * np.linalg.norm(exact)
    assert np.all(found[..., 2] == 0)


@pytest.mark.parametrize("yaw", [0.0, 0.6, -1.4])
def test_the_mask_of_a_face_is_its_coverage(yaw):
    triangles, points = head(60, yaw)
    exact = coverage(points, triangles, 60)[0]
    hard = rasterizer.rasterize(points, triangles, (60, 60)).triangle_id[0] >= 0
    soft = antialias(None, points, triangles, (60, 60))[0, ..., 0]
    error, before = (np.abs(mask - exact).sum() for mask in (soft.numpy(), hard.numpy()))
    assert error < 0.2 * before
    assert np.min(soft) >= 0 and np.max(soft) <= 1


def test_pixels_away_from_outlines_are_as_they_were():
    triangles, points = head(60, 0.5)
    image = np.random.default_rng(0).random([1, 60, 60, C])
    changed = np.any(antialias(image, points, triangles, (60, 60)) != image, axis=-1)[0]
    share = coverage(points, triangles, 60)[0]
    outline = (share > 0) & (share < 1)
    near = tf.nn.max_pool2d(outline[np.newaxis, ..., np.newaxis].astype(float), 3, 1, "SAME")
    assert np.mean(changed[outline]) > 0.8
    assert np.mean(changed[near[0, ..., 0] == 0]) < 0.03  # lips, eyelids, nose
    assert not np.any(changed[share == 0] & ~(near[0, ..., 0].numpy() > 0)[share == 0])


def test_what_lies_in_front_hides_an_outline():
    behind = np.array([[2.3, 1, 0], [2.3, 6, 0], [7.6, 6, 0]])
    front = np.array([[-50.0, -50, 5], [-50, 90, 5], [90, -50, 5]])
    points, triangles = (
        np.concatenate([behind, front])[np.newaxis],
        np.int32([[0, 1, 2], [3, 4, 5]]),
    )
    image = np.random.default_rng(0).random([1, H, W, C])
    np.testing.assert_array_equal(antialias(image, points, triangles), image)
    points[0, 3:, 2] = -5
    assert np.mean(antialias(image, points, triangles) != image) > 0.05


def test_of_two_edges_between_two_pixels_the_outer_one_counts():
    # A ramp of slivers, of which every second one faces away, ends at x = 4.3 between two pixels.
    x = np.array([-50, 4.1, 4.05, 4.3, 4.25])
    points = np.stack([np.repeat(x, 2), np.tile([-9.0, 20], 5), np.zeros(10)], axis=1)[np.newaxis]
    first = np.array([0, 2, 4, 6])
    triangles = [[first, first + 1, first + 3], [first, first + 3, first + 2]]
    triangles = np.concatenate([np.stack(t, axis=1) for t in triangles]).astype(np.int32)
    mask = antialias(None, points, triangles)[0, ..., 0].numpy()
    expected = np.where(np.arange(W) < 4, 1, np.where(np.arange(W) == 4, 0.8, 0))
    np.testing.assert_allclose(mask, np.tile(expected, [H, 1]), atol=1e-9)


def test_an_edge_that_glides_changes_the_picture_evenly():
    triangle = np.array([[2.0, 60, 0], [2.0, -40, 0], [-90, 9, 0]])
    moved = triangle + np.arange(0, 4, 0.01)[:, None, None] * [1, 0, 0]
    rows = antialias(None, moved, ONE)[:, 4, :, 0].numpy().sum(axis=1)
    np.testing.assert_allclose(np.diff(rows), 0.01, atol=1e-9)


def test_moving_by_whole_pixels_moves_the_image():
    points, triangles = scenes.soup(1, B, V, T, SIZE)
    image = np.random.default_rng(1).random([B, H + 1, W + 2, C])
    # Columns at the image's border have no neighbour to blend with.
    far = antialias(image, points + [2, 1, 0], triangles, (H + 1, W + 2))[:, 3:, 4:]
    near = antialias(image[:, 1:, 2:], points, triangles)[:, 2:, 2:]
    np.testing.assert_allclose(far, near, atol=1e-9)


def test_mirroring_the_mesh_mirrors_the_image():
    points, triangles = scenes.soup(1, B, V, T, SIZE)
    image = np.random.default_rng(1).random([B, H, W, C])
    mirrored = points * [-1, 1, 1] + [W - 1, 0, 0]
    found = antialias(image[:, :, ::-1], mirrored, triangles[:, ::-1])
    np.testing.assert_allclose(found[:, :, ::-1], antialias(image, points, triangles), atol=1e-9)


def test_bad_corners_and_degenerate_triangles_leave_no_nan():
    points, triangles = scenes.soup(2, B, V, T, SIZE)
    points[0, :5] = np.array([np.nan, np.inf, -np.inf, 1e300, 7])[:, np.newaxis]
    points[1] = points[1, :1]
    points[2, :, 0] = points[2, :1, 0]
    image = np.random.default_rng(1).random([B, H, W, C])
    assert np.isfinite(antialias(image, points, triangles)).all()
    for gradient in scenes.gradients(lambda i, p: antialias(i, p, triangles), image, points):
        assert np.isfinite(gradient).all()


def test_graph_of_unknown_batch_is_eager():
    points, triangles = scenes.soup(0, B, V, T, SIZE)
    image = np.random.default_rng(1).random([B, H, W, C])
    signature = [tf.TensorSpec([None, *a.shape[1:]], tf.float64) for a in (image, points)]
    graph = tf.function(lambda i, p: antialias(i, p, triangles), input_signature=signature)
    for batch in (B, 1, 0):
        expected = antialias(image[:batch], points[:batch], triangles)
        np.testing.assert_allclose(graph(image[:batch], points[:batch]), expected, atol=1e-12)


@pytest.mark.parametrize("soft", [True, False])
def test_a_triangle_finds_a_target_with_which_it_shares_no_pixel(soft):
    start = np.array([[[3.2, 4.4, 0], [4.1, 13.3, 0], [8.4, 8.1, 0]]])
    target = start + [3, 4.2, 0]
    seen = [rasterizer.rasterize(p, ONE, (20, 20)).triangle_id >= 0 for p in (start, target)]
    assert np.all(np.any(seen, axis=(1, 2, 3))) and not np.any(seen[0] & seen[1])
    wanted = antialias(None, target, ONE, (20, 20))
    points, neighbours = tf.Variable(start), antialiasing.neighbours(ONE)

    @tf.function
    def slope():
        with tf.GradientTape() as tape:
            fragments = rasterizer.rasterize(points, ONE, (20, 20))
            image = rasterizer.interpolate(tf.ones([1, 3, 1], tf.float64), ONE, fragments)
            if soft:
                image = antialiasing.antialias(image, fragments, points, ONE, neighbours)
            loss = tf.reduce_sum((image - wanted) ** 2)
        return tape.gradient(loss, points)

    for _ in range(300):
        points.assign_sub(0.1 * slope())
    error = np.abs(points - target)[..., :2].max()
    assert (error < 1e-3) if soft else (error > 4)


def test_refusals():
    points, triangles = scenes.soup(0, B, V, T, SIZE)
    fragments = rasterizer.rasterize(points, triangles, SIZE)
    neighbours = antialiasing.neighbours(triangles)
    with pytest.raises(ValueError, match=r"`image` must have shape \[B, H, W, C\], got"):
        antialiasing.antialias(np.zeros(SIZE), fragments, points, triangles, neighbours)
    with pytest.raises(ValueError, match=r"`neighbours` must have shape \[T, 3\] with T = 29, got"):
        image = np.zeros([B, H, W, C])
        antialiasing.antialias(image, fragments, points, triangles, neighbours[1:])
