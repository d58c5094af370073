import numpy as np
import pytest
import reference
import scenes
import tensorflow as tf
from scipy.spatial.transform import Rotation

from tf_nonlinear3dmm.rendering import camera

B, V = 3, 5
POSES = 64


def random_scene(seed=0, dtype=np.float64):
    """Vertices, and projections whose rows are neither orthogonal nor equally long."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=[B, V, 3]).astype(dtype), rng.normal(size=[B, 2, 4]).astype(dtype)


def random_poses(seed=0, batch=POSES):
    rng = np.random.default_rng(seed)
    yaw, roll = rng.uniform(-3.1, 3.1, [2, batch])
    pitch = rng.uniform(-1.5, 1.5, batch)
    return yaw, pitch, roll, rng.uniform(0.1, 9, batch), rng.normal(size=[batch, 2])


def posed(yaw=0.0, pitch=0.0, roll=0.0):
    angles = (np.array([k], float) for k in (yaw, pitch, roll))
    return camera.compose(*angles, np.array([10.0]), np.array([[50.0, 40.0]]))


def test_project_by_hand():
    projection = np.array([[[2.0, 0, 0, 10], [0, -2.0, 0, 20]]])
    found = camera.project(np.array([[[1.0, 2, 3], [0, 0, 0]]]), projection)
    np.testing.assert_allclose(found, [[[12, 16, 6], [10, 20, 0]]], atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_project_agrees_with_a_loop(dtype):
    vertices, projection = random_scene(dtype=dtype)
    expected = [reference.project(*p) for p in zip(vertices, projection, strict=True)]
    found = camera.project(vertices, projection)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, atol=50 * np.finfo(dtype).eps)  # numbers up to 10


def test_project_keeps_distances_of_a_scaled_rotation():
    vertices, _ = random_scene()
    pose = random_poses(batch=B)
    points = camera.project(vertices, camera.compose(*pose)).numpy()
    before, after = (np.linalg.norm(p[:, 1:] - p[:, :-1], axis=-1) for p in (vertices, points))
    np.testing.assert_allclose(after, before * pose[3][:, np.newaxis], rtol=1e-12)


def test_positive_angles_turn_as_documented():
    nose, top = np.array([[[0, 0, 1.0]]]), np.array([[[0, 1.0, 0]]])
    assert camera.project(nose, posed(yaw=0.3))[0, 0, 0] > 50  # to the image's right
    assert camera.project(nose, posed(pitch=0.3))[0, 0, 1] > 40  # down
    assert camera.project(top, posed(roll=0.3))[0, 0, 0] < 50  # anticlockwise


def test_rotation_is_that_of_scipy():
    yaw, pitch, roll, *rest = random_poses()
    found = camera.rotation(camera.compose(yaw, pitch, roll, *rest))
    expected = Rotation.from_euler("yxz", np.stack([yaw, pitch, roll], axis=-1)).as_matrix()
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_rotation_of_any_projection_is_a_rotation_between_its_rows():
    _, projection = random_scene()
    turn = camera.rotation(projection).numpy()
    identity = np.broadcast_to(np.eye(3), [B, 3, 3])
    np.testing.assert_allclose(turn @ turn.transpose(0, 2, 1), identity, atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(turn), 1, atol=1e-12)
    rows = projection[..., :3] / np.linalg.norm(projection[..., :3], axis=-1, keepdims=True)
    cosines = np.sum(turn[:, :2] * rows * [[1], [-1]], axis=-1)
    np.testing.assert_allclose(cosines[:, 0], cosines[:, 1], atol=1e-12)
    np.testing.assert_allclose(np.sum(turn[:, 2:] * rows, axis=-1), 0, atol=1e-12)


def test_third_axis_of_the_rotation_is_the_depth():
    vertices, projection = random_scene()
    depth = camera.project(vertices, projection)[..., 2]
    towards = np.einsum("bi,bvi->bv", camera.rotation(projection)[:, 2], vertices)
    np.testing.assert_allclose(depth, towards * camera.scale(projection)[:, np.newaxis], atol=1e-12)


def test_scale_is_the_mean_norm():
    projection = np.array([[[3.0, 0, 4, 99], [0, -1, 0, 99]], [[0, 0, 0, 9], [0, 0, 0, 9]]])
    np.testing.assert_allclose(camera.scale(projection), [3, 0])


def test_decompose_inverts_compose():
    poses = random_poses()
    found = camera.decompose(camera.compose(*poses))
    for one, other in zip(found, poses, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)  # pitch up to 1.5 costs some digits


@pytest.mark.parametrize("pitch", [-np.pi / 2, np.pi / 2])
def test_decompose_at_a_pole_finds_the_same_projection(pitch):
    projection = posed(0.4, pitch, -0.3)
    found = camera.decompose(projection)
    np.testing.assert_allclose(found[1], [pitch], atol=1e-6)
    np.testing.assert_allclose(camera.rotation(projection)[:, 2, 1], [np.sin(pitch)], atol=1e-12)


def test_crop_by_hand():
    projection = np.array([[[3.0, 0, 0, 10], [0, -3, 0, 20]]])
    found = camera.crop(projection, 4, 8, 2)
    np.testing.assert_allclose(found, [[[6, 0, 0, 12.5], [0, -6, 0, 24.5]]])
    np.testing.assert_array_equal(camera.crop(projection, 0, 0, 1), projection)


@pytest.mark.parametrize("each", [False, True])
def test_cropping_and_projecting_change_places(each):
    vertices, projection = random_scene()
    corner = (np.array([1.0, -2, 5]), np.array([3.0, 4, -7])) if each else (1.5, -2.5)
    k = np.array([0.5, 2, 3]) if each else 0.7
    found = camera.project(vertices, camera.crop(projection, *corner, k))
    points = camera.project(vertices, projection)
    np.testing.assert_allclose(found, camera.crop_points(points, *corner, k), atol=1e-12)
    flat = camera.crop_points(points[..., :2], *corner, k)
    np.testing.assert_allclose(flat, found[..., :2], atol=1e-12)


def test_gradients_are_the_finite_differences():
    vertices, projection = random_scene()
    scenes.check_gradient(camera.project, vertices, projection)
    scenes.check_gradient(camera.rotation, projection)
    scenes.check_gradient(camera.scale, projection)
    scenes.check_gradient(lambda p, k: camera.crop(p, 3.0, -4.0, k), projection, np.array(1.7))
    scenes.check_gradient(lambda p: camera.crop_points(p, 3.0, -4.0, 1.7), vertices)


def test_gradients_of_poses_are_the_finite_differences():
    scenes.check_gradient(camera.compose, *random_poses(batch=B))
    scenes.check_gradient(camera.decompose, random_scene()[1])


@pytest.mark.parametrize("rows", [np.zeros([2, 3]), np.ones([2, 3]), [[0, 0, 0], [0, -1, 0]]])
def test_gradients_of_a_collapsed_projection_are_finite(rows):
    vertices, projection = random_scene()
    projection[:, :, :3] = rows
    for function in (lambda v, p: camera.project(v, p), lambda v, p: camera.rotation(p) + v[:, :1]):
        for gradient in scenes.gradients(function, vertices, projection):
            assert np.isfinite(gradient).all()


def test_gradients_at_the_poles_are_finite():
    vertices, _ = random_scene()
    for yaw, pitch in [(0, np.pi / 2), (0, -np.pi / 2), (np.pi, 0), (np.pi / 2, 0)]:
        projection = posed(yaw, pitch).numpy().repeat(B, axis=0)
        for gradient in scenes.gradients(camera.project, vertices, projection):
            assert np.isfinite(gradient).all()
        assert np.isfinite(scenes.gradients(camera.rotation, projection)[0]).all()


def test_graph_of_unknown_batch_is_eager():
    specs = [tf.TensorSpec([None, V, 3], tf.float64), tf.TensorSpec([None, 2, 4], tf.float64)]

    def run(vertices, projection):
        pose = camera.decompose(projection)
        moved = camera.crop(projection, 1.0, 2.0, 3.0)
        return camera.project(vertices, moved), camera.rotation(projection), camera.compose(*pose)

    graph = tf.function(run, input_signature=specs)
    vertices, projection = random_scene()
    for batch in (B, 1, 0):
        for one, other in zip(
            graph(vertices[:batch], projection[:batch]),
            run(vertices[:batch], projection[:batch]),
            strict=True,
        ):
            np.testing.assert_allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("shape", [[B, 3, 4], [B + 1, 2, 4], [2, 4]])
def test_project_refuses_other_projections(shape):
    with pytest.raises(ValueError, match=r"`projection` must have shape .* got \["):
        camera.project(np.zeros([B, V, 3]), np.zeros(shape))


def test_rotation_and_crop_refuse_other_projections():
    for function in (camera.rotation, lambda p: camera.crop(p, 0, 0, 1)):
        with pytest.raises(ValueError, match=r"`projection` must have shape \[B, 2, 4\]"):
            function(np.zeros([B, 4, 2]))


def test_six_numbers_of_a_rotation_give_that_rotation():
    angles = tf.constant(np.random.default_rng(4).uniform(-1.4, 1.4, [3, 5]))
    scale, place = (
        tf.constant([1.0, 2, 3, 4, 5], tf.float64),
        tf.random.normal([5, 2], dtype="float64"),
    )
    projection = camera.compose(*tf.unstack(angles), scale, place)
    rows = camera.rotation(projection)[:, :2]
    stretched = tf.reshape(rows * [[[2.0], [0.7]]] + [[[0.0], [0.3]]] * rows[:, :1], [5, 6])
    np.testing.assert_allclose(camera.from_six(stretched, scale, place), projection, atol=1e-12)


def test_a_camera_from_six_numbers_puts_the_point_where_it_should():
    rng = np.random.default_rng(6)
    point, place = rng.normal(size=3), rng.normal(size=[4, 2]) * 20
    projection = camera.from_six(
        rng.normal(size=[4, 6]), np.full(4, 9.0), tf.constant(place), point
    )
    placed = camera.project(tf.constant(np.tile(point, [4, 1, 1])), projection)
    np.testing.assert_allclose(placed[:, 0, :2], place, atol=1e-12)


def test_any_six_numbers_give_rows_of_the_scale_at_right_angles_and_a_gradient():
    numbers = tf.constant(np.random.default_rng(5).normal(size=[4, 6]))
    scale, place = tf.constant([0.5, 1, 2, 40], tf.float64), tf.zeros([4, 2], tf.float64)
    rows = camera.from_six(numbers, scale, place)[..., :3]
    gram = tf.matmul(rows, rows, transpose_b=True)
    np.testing.assert_allclose(gram, np.eye(2) * np.square(scale)[:, None, None], atol=1e-9)
    exact, numeric = tf.test.compute_gradient(
        lambda n, s: camera.from_six(n, s, place), [numbers, scale]
    )
    for one, other in zip(exact, numeric, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    with pytest.raises(ValueError, match=r"`numbers` must have shape \[B, 6\]"):
        camera.from_six(numbers[:, :5], scale, place)
