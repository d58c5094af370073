import numpy as np
import pytest
import reference
import scenes
import scipy.spatial
import tensorflow as tf
from tensorflow.python.framework import kernels

from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import camera, rasterizer

B, H, W, V, T, C = 3, 9, 13, 17, 29, 4
SIZE = (H, W)
SQUARE = np.array([[[2.0, 1, 5], [2, 6, 5], [8, 6, 5], [8, 1, 5]]])
FACING = np.int32([[0, 1, 2], [0, 2, 3]])


def fragments_of(points, triangles, size=SIZE, **options):
    return [f.numpy() for f in rasterizer.rasterize(points, triangles, size, **options)]


def face_points(size, yaw=0.0):
    face = FaceModel.load("makehuman")
    vertices = face.mean_vertices[np.newaxis]
    pose = (np.array([k]) for k in (yaw, 0.1, 0.05, size * 0.4))
    projection = camera.compose(*pose, np.array([[0.48, 0.52]]) * size)
    return face, camera.project(vertices.astype(float), projection).numpy()


def assert_alike(found, expected, atol=1e-9):
    np.testing.assert_array_equal(found[0], expected[0])
    for one, other in zip(found[1:], expected[1:], strict=True):
        np.testing.assert_allclose(one, other, atol=atol)


def test_rasterize_by_hand():
    points = np.array([[[0.0, 0, 8], [0, 4, 0], [4, 0, 4]]])
    triangle_id, barycentric, depth = fragments_of(points, np.int32([[0, 1, 2]]), (3, 6))
    np.testing.assert_array_equal(
        triangle_id[0] + 1, [[1] * 5 + [0], [1] * 4 + [0] * 2] + [[1] * 3 + [0] * 3]
    )
    np.testing.assert_allclose(barycentric[0, 1, 2], [0.25, 0.25, 0.5])
    np.testing.assert_allclose(depth[0, 1, 2], 8 * 0.25 + 0 + 4 * 0.5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("int64", [True, False])
def test_rasterize_agrees_with_a_loop(dtype, int64):
    points, triangles = scenes.soup(0, B, V, T, SIZE, dtype)
    expected = [reference.rasterize(p, triangles, SIZE) for p in points]
    found = fragments_of(points, triangles, int64=int64)
    assert found[0].dtype == np.int32 and found[1].dtype == found[2].dtype == dtype
    # A sliver multiplies the rounding of points up to 17 pixels.
    assert_alike(
        found, [np.stack(e) for e in zip(*expected, strict=True)], 1e4 * np.finfo(dtype).eps
    )
    assert 0.3 < np.mean(found[0] >= 0) < 1


def test_int32_draws_the_face_as_int64_does():
    face, points = face_points(40, yaw=0.6)
    points = points.astype(np.float32)
    found = [fragments_of(points, face.triangles, (40, 37), int64=k) for k in (False, True)]
    assert_alike(*found, atol=0)


def test_unequal_parts_of_a_batch_draw_what_one_does(monkeypatch):
    points, triangles = scenes.soup(3, 7, V, T, SIZE)
    upstream = np.random.default_rng(0).normal(size=[7, *SIZE, 3])

    def draw():
        corners = tf.constant(points)
        with tf.GradientTape() as tape:
            tape.watch(corners)
            fragments = rasterizer.rasterize(corners, triangles, SIZE)
            loss = tf.reduce_sum(upstream * fragments.barycentric) + tf.reduce_sum(fragments.depth)
        return [*fragments, tape.gradient(loss, corners)]

    assert len(rasterizer._part_ends(points, H * W)) == 1
    whole = draw()
    monkeypatch.setattr(rasterizer, "_LEAST_PART", 1)
    assert rasterizer._part_ends(points, H * W) == [(0, 2), (2, 4), (4, 7)]
    assert_alike(draw(), whole)


def test_barycentrics_sum_to_1_and_depth_follows_them():
    face, points = face_points(48, yaw=-0.4)
    triangle_id, barycentric, depth = fragments_of(points, face.triangles, (48, 45))
    seen = triangle_id >= 0
    assert 0.3 < seen.mean() < 0.9
    np.testing.assert_allclose(barycentric[seen].sum(axis=-1), 1, atol=1e-12)
    assert barycentric[seen].min() > -1e-9  # on an edge
    assert np.all(triangle_id[~seen] == -1)
    assert np.all(barycentric[~seen] == 0) and np.all(depth[~seen] == 0)
    corners = points[0][face.triangles[triangle_id[seen]]]
    where = np.einsum("nk,nkc->nc", barycentric[seen], corners)
    np.testing.assert_allclose(where[:, 2], depth[seen], atol=1e-9)
    np.testing.assert_allclose(where[:, :2], np.argwhere(seen[0])[:, ::-1], atol=1e-9)


def test_a_net_of_triangles_is_scipys_without_a_gap():
    height, width = 60, 83
    points = np.random.default_rng(0).uniform(0, [width, height], [400, 2])
    net = scipy.spatial.Delaunay(points)
    a, b, c = (points[net.simplices[:, k]] for k in range(3))
    away = np.linalg.det(np.stack([b - a, c - a], axis=1)) > 0
    triangles = np.where(away[:, np.newaxis], net.simplices[:, ::-1], net.simplices)
    found = fragments_of(np.pad(points, [(0, 0), (0, 1)])[np.newaxis], triangles, (height, width))
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    expected = net.find_simplex(np.stack([x, y], axis=-1).astype(float))
    assert 0.9 < np.mean(expected >= 0) < 1
    np.testing.assert_array_equal(found[0][0], expected)


def test_moving_by_whole_pixels_moves_the_image():
    points, triangles = scenes.soup(1, B, V, T, SIZE)
    near = fragments_of(points, triangles)
    far = fragments_of(points + [2, 1, 0], triangles, (H + 1, W + 2))
    assert_alike([f[:, 1:, 2:] for f in far], near)


def test_mirroring_the_face_mirrors_the_image():
    face, points = face_points(40, yaw=0.5)
    mirrored = (points * [-1, 1, 1] + [39, 0, 0])[:, face.mirror]
    one, other = (fragments_of(p, face.triangles, (44, 40)) for p in (points, mirrored))
    assert np.mean((one[0] >= 0) == (other[0] >= 0)[:, :, ::-1]) > 0.998
    # The two halves may cut a quad along different diagonals.
    assert np.mean(np.abs(one[2] - other[2][:, :, ::-1]) < 0.2) > 0.99


def test_the_order_of_the_triangles_is_irrelevant_without_ties():
    points, triangles = scenes.soup(2, B, V, T, SIZE)
    order = np.random.default_rng(0).permutation(T)
    found, shuffled = fragments_of(points, triangles), fragments_of(points, triangles[order])
    shuffled[0] = np.where(shuffled[0] >= 0, order[shuffled[0]], -1)
    assert_alike(shuffled, found, atol=0)


@pytest.mark.parametrize("int64", [True, False])
def test_a_tie_goes_to_the_smaller_id(int64):
    found = fragments_of(SQUARE, FACING[[0, 0, 1, 1]], int64=int64)[0]
    assert set(np.unique(found)) == {-1, 0, 2}
    found = fragments_of(SQUARE, FACING[[1, 0]], int64=int64)[0]
    assert found[0, 1, 2] == 0 and found[0, 6, 8] == 0  # on the diagonal's ends


def test_the_nearer_triangle_wins_and_a_back_face_is_not_there():
    behind = SQUARE - [0, 0, 1e-3]
    points = np.concatenate([behind, SQUARE], axis=1)
    found = fragments_of(points, np.concatenate([FACING, FACING + 4]))
    assert set(np.unique(found[0])) == {-1, 2, 3}
    found = fragments_of(points, np.concatenate([FACING, FACING[:, ::-1] + 4]))
    assert set(np.unique(found[0])) == {-1, 0, 1}
    assert np.sum(found[0] >= 0) == 6 * 7  # edges count: columns 2 to 8, rows 1 to 6


def test_triangles_over_the_border_are_drawn_and_one_may_cover_all():
    points = np.array([[[-100.0, -90, 0], [-100, 200, 0], [300, -90, 0]]])
    points[..., 2] = points[..., 0] - 2 * points[..., 1]
    triangle_id, _, depth = fragments_of(points, np.int32([[0, 1, 2]]))
    x, y = np.meshgrid(np.arange(W), np.arange(H))
    assert np.all(triangle_id == 0)
    np.testing.assert_allclose(depth[0], x - 2 * y, atol=1e-9)
    found = fragments_of(SQUARE - [5, 4, 0], FACING)[0]
    assert np.sum(found >= 0) == 3 * 4 and np.all(found[0, :3, :4] >= 0)
    for away in ([50, 0, 0], [-50, 0, 0], [0, 50, 0], [0, -50, 0]):
        assert np.all(fragments_of(SQUARE + away, FACING)[0] == -1)


def test_a_mesh_within_a_pixel_is_seen_where_it_holds_the_centre():
    tiny = (SQUARE - [5, 3.5, 0]) * [0.05, 0.05, 1]
    found = fragments_of(tiny + [4, 3, 0], FACING)[0]
    assert np.argwhere(found >= 0).tolist() == [[0, 3, 4]]
    assert np.all(fragments_of(tiny + [4.5, 3.5, 0], FACING)[0] == -1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_corner_that_is_not_finite_is_never_drawn(bad, axis):
    points, expected = SQUARE.copy(), fragments_of(SQUARE, FACING[:1])
    points[0, 3, axis] = bad  # of the second triangle alone
    assert_alike(fragments_of(points, FACING), expected)
    gradient = scenes.gradients(lambda p: rasterizer.rasterize(p, FACING, SIZE)[1:], points)[0]
    assert np.isfinite(gradient).all()


def test_degenerate_triangles_are_not_drawn_and_have_finite_gradients():
    points = np.concatenate([SQUARE, [[[4.0, 4, 9], [5, 5, 9], [6, 6, 9]]]], axis=1)
    triangles = np.int32([*FACING, [4, 5, 6], [0, 0, 1], [5, 5, 5]])
    found = fragments_of(points, triangles)
    assert_alike(found, fragments_of(SQUARE, FACING))
    gradient = scenes.gradients(lambda p: rasterizer.rasterize(p, triangles, SIZE)[1:], points)[0]
    assert np.isfinite(gradient).all() and np.all(gradient[0, 4:] == 0)


def test_rasterize_gradients_are_the_finite_differences():
    points, triangles = scenes.soup(3, 2, 6, 5, (5, 7))
    for number in (1, 2):
        scenes.check_gradient(
            lambda p, number=number: rasterizer.rasterize(p, triangles, (5, 7))[number],
            points,
            delta=1e-7,
            tolerance=1e-5,
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch", [1, B])
def test_interpolate_agrees_with_a_loop(dtype, batch):
    points, triangles = scenes.soup(0, B, V, T, SIZE, dtype)
    attributes = np.random.default_rng(1).normal(size=[batch, V, C]).astype(dtype)
    fragments = rasterizer.rasterize(points, triangles, SIZE)
    found = rasterizer.interpolate(attributes, triangles, fragments)
    assert found.shape == (B, H, W, C) and found.dtype == dtype
    for b in range(B):
        values = attributes[b % batch], triangles
        values += fragments.triangle_id[b].numpy(), fragments.barycentric[b].numpy()
        np.testing.assert_allclose(found[b], reference.interpolate(*values), atol=1e-5)


def test_interpolate_gradients_are_the_finite_differences():
    points, triangles = scenes.soup(3, 2, 6, 5, (5, 7))
    fragments = rasterizer.rasterize(points, triangles, (5, 7))
    for batch in (1, 2):
        attributes = np.random.default_rng(1).normal(size=[batch, 6, C])
        scenes.check_gradient(
            lambda a, b: rasterizer.interpolate(a, triangles, fragments._replace(barycentric=b)),
            attributes,
            fragments.barycentric.numpy(),
        )


def test_uv_fragments_agree_with_a_loop_in_either_orientation():
    face = scenes.patch()
    turned = face.triangles.copy()
    turned[::2] = turned[::2, ::-1]
    fragments = rasterizer.uv_fragments(face.uv.astype(float), turned, (8, 11))
    assert np.all(fragments.triangle_id >= 0) and np.all(fragments.depth == 0)
    found = rasterizer.interpolate(face.mean_vertices[np.newaxis], turned, fragments)[0]
    expected = reference.to_texels(face.mean_vertices, turned, face.uv.astype(float), (8, 11))
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_graph_of_unknown_batch_is_eager():
    points, triangles = scenes.soup(0, B, V, T, SIZE)

    @tf.function(input_signature=[tf.TensorSpec([None, V, 3], tf.float64)])
    def graph(points):
        return rasterizer.rasterize(points, triangles, SIZE)

    for batch in (B, 2, 1, 0):
        assert_alike(
            [f.numpy() for f in graph(points[:batch])],
            fragments_of(points[:batch], triangles),
            1e-12,
        )


def kernels_for_gpus(node):
    """Of the kernels that this build registers for an op: those that would run it on a GPU."""
    for kernel in kernels.get_registered_kernels_for_op(node.op).kernel:
        allowed = {c.name: c.allowed_values.list.type for c in kernel.constraint}
        fits = all(node.attr[name].type in types for name, types in allowed.items() if types)
        if fits and kernel.device_type in ("GPU", "DEFAULT"):
            yield kernel


@pytest.mark.skipif(not tf.test.is_built_with_cuda(), reason="a build that lists no GPU kernels")
@pytest.mark.parametrize(
    "int64, lacking", [(True, {"RaggedRange", "UnsortedSegmentMin"}), (False, set())]
)
def test_every_other_op_has_a_kernel_for_gpus(int64, lacking):
    def step(points, colours):
        with tf.GradientTape() as tape:
            tape.watch((points, colours))
            fragments = rasterizer.rasterize(points, FACING, SIZE, int64=int64)
            image = rasterizer.interpolate(colours, FACING, fragments)
            total = tf.reduce_sum(image) + tf.reduce_sum(fragments.depth)
        return tape.gradient(total, (points, colours))

    signature = [tf.TensorSpec([None, 4, 3])] * 2
    graph = tf.function(step).get_concrete_function(*signature).graph.as_graph_def()
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    nodes = [node for node in nodes if node.op != "Placeholder"]
    assert len(nodes) > 300
    assert {node.op for node in nodes if not any(kernels_for_gpus(node))} == lacking


def test_refusals():
    points, triangles = scenes.soup(0, B, V, T, SIZE)
    with pytest.raises(ValueError, match=r"`image_points` must have shape \[B, V, 3\], got"):
        rasterizer.rasterize(points[0], triangles, SIZE)
    with pytest.raises(ValueError, match=r"`triangles` must have shape \[T, 3\].* got"):
        rasterizer.rasterize(points, triangles[:, :2], SIZE)
    with pytest.raises(ValueError, match=r"`image_size` must be at most 16000, got \(1, 20000\)"):
        rasterizer.rasterize(points, triangles, (1, 20_000))
    with pytest.raises(ValueError, match=r"`uv` must have shape \[V, 2\].* got"):
        rasterizer.uv_fragments(points[0], triangles, SIZE)
