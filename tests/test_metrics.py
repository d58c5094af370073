import numpy as np
import pytest
import scipy.optimize
import scipy.spatial.transform
import tensorflow as tf

from tf_nonlinear3dmm import metrics
from tf_nonlinear3dmm.evaluation import statistics
from tf_nonlinear3dmm.rendering import camera

B, K, V = 4, 9, 11


def turns(count, seed=0):
    return scipy.spatial.transform.Rotation.random(count, rng=seed).as_matrix()


def test_nme_by_hand():
    true = np.array([[[0, 0], [8, 0], [8, 2], [0, 2]]], np.float32)  # sqrt(8 * 2) = 4
    predicted = true + np.array([[3, 4], [0, 0], [0, 1], [0, 0]], np.float32)
    np.testing.assert_allclose(metrics.nme(predicted, true), [100 * (5 + 0 + 1 + 0) / 4 / 4])


def test_nme_of_missing_points_counts_neither_in_the_mean_nor_in_the_box():
    true = np.array([[[0, 0], [8, 0], [8, 2], [100, np.nan]]], np.float32)
    predicted = true + np.array([[3, 4], [0, 0], [0, 1], [50, 50]], np.float32)
    error = metrics.nme(predicted, true, valid=[1, 1, 1, 0])
    np.testing.assert_allclose(error, [100 * (5 + 0 + 1) / 3 / 4], rtol=1e-6)


def test_nme_does_not_change_with_the_image_s_size_and_position():
    rng = np.random.default_rng(0)
    true, predicted = rng.normal(size=[2, B, K, 2])
    moved = metrics.nme(7 * predicted + 3, 7 * true + 3)
    np.testing.assert_allclose(moved, metrics.nme(predicted, true))


def test_nme_runs_in_a_graph():
    true = np.random.default_rng(0).normal(size=[B, K, 2]).astype(np.float32)
    spec = tf.TensorSpec([None, K, 2])
    graph = tf.function(metrics.nme, input_signature=[spec, spec])
    np.testing.assert_allclose(graph(true + 1, true), metrics.nme(true + 1, true), rtol=1e-6)


def test_nme_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"`landmarks` must have shape \[B, K, 2\] with B = 4"):
        metrics.nme(np.zeros([4, 9, 2]), np.zeros([4, 8, 2]))


def test_yaw_bins_are_closed_above_and_take_either_side():
    yaw = [0, -30, 30.1, 60, -60, -60.1, 95]
    assert statistics.yaw_bin(yaw).tolist() == [0, 0, 1, 1, 1, 2, 2]


@pytest.mark.parametrize(
    "bins, mean, std", [((3.67, 4.94, 9.76), 6.12, 3.21), ((3.78, 4.54, 7.93), 5.42, 2.21)]
)
def test_alignment_table_repeats_two_published_rows(bins, mean, std):
    yaw = np.repeat([10, 45, 80], [50, 30, 20])
    table = statistics.alignment_table(np.repeat(bins, [50, 30, 20]), yaw)
    assert table["balanced mean"][0] == pytest.approx(mean, abs=5e-3)
    assert table["std"][0] == pytest.approx(std, abs=5e-3)
    assert table["mean"][0] == pytest.approx(np.dot(bins, [0.5, 0.3, 0.2]))
    assert table["n"] == [100, 50, 30, 20]


def test_alignment_table_lives_with_an_empty_bin():
    table = statistics.alignment_table([2.0, 4.0, 6.0], [0, 5, 45])
    assert [table[name][0] for name in statistics.YAW_BINS[:2]] == [3, 6]
    assert np.isnan(table["(60, 90]"]).all()
    assert table["balanced mean"][0] == 4.5
    assert np.isnan(statistics.alignment_table([1.0], [0])["std"][0])


def test_bootstrap_interval_is_that_of_the_normal_law():
    sample = np.random.default_rng(0).normal(size=2000)
    low, high = statistics.bootstrap(lambda x: x.mean(-1, keepdims=True), sample)[0]
    expected = 1.96 / np.sqrt(2000)
    assert low < sample.mean() < high
    assert high - low == pytest.approx(2 * expected, rel=0.1)


@pytest.mark.parametrize("scale", [1.0, 1.7])
def test_kabsch_finds_a_rigid_motion_and_a_similarity(scale):
    rng = np.random.default_rng(0)
    source, rotation = rng.normal(size=[B, V, 3]), scale * turns(B)
    shift = rng.normal(size=[B, 3])
    target = source @ rotation.transpose(0, 2, 1) + shift[:, None]
    found, moved = metrics.kabsch(source, target, scaled=scale != 1)
    np.testing.assert_allclose(found, rotation, atol=1e-9)
    np.testing.assert_allclose(moved, shift, atol=1e-9)


@pytest.mark.parametrize("alone", ["source", "target"])
def test_points_are_aligned_with_those_of_others_or_of_one_face(alone):
    rng = np.random.default_rng(0)
    face, weights = rng.normal(size=[V, 3]), rng.random(V)
    faces = (face @ (1.2 * turns(B)).transpose(0, 2, 1)) + rng.normal(size=[B, 1, 3])
    source, target = (face, faces) if alone == "source" else (faces, face)
    moved = metrics.aligned(source, target, weights, scaled=True)
    np.testing.assert_allclose(moved, np.broadcast_to(target, [B, V, 3]), atol=1e-9)
    assert not np.allclose(metrics.aligned(source, target, weights), moved, atol=0.01)


def test_kabsch_never_mirrors():
    source = np.random.default_rng(0).normal(size=[B, V, 3])
    found, _ = metrics.kabsch(source, source * [-1, 1, 1])
    np.testing.assert_allclose(np.linalg.det(found), 1)


def test_a_similarity_is_the_best_of_all_factors():
    rng = np.random.default_rng(1)
    source, target, weights = rng.normal(size=[B, V, 3]), rng.normal(size=[B, V, 3]), rng.random(V)

    def distance(factor):
        rotation, translation = metrics.kabsch(factor * source, target, weights)
        moved = factor * source @ rotation.transpose(0, 2, 1) + translation[:, None]
        return np.sum(weights[:, None] * (moved - target) ** 2, axis=(1, 2))

    rotation, _ = metrics.kabsch(source, target, weights, scaled=True)
    best = np.cbrt(np.linalg.det(rotation))[:, None, None]
    assert (distance(best) < np.minimum(distance(0.99 * best), distance(1.01 * best))).all()


def test_vertex_error_keeps_scale_and_takes_motion_away():
    cube = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    moved = cube[None] @ turns(1)[0].T + [3, 2, 1]
    distance, _ = metrics.vertex_error(1.5 * cube, moved)
    np.testing.assert_allclose(distance, np.full([1, 8], 0.5 * np.sqrt(3)), rtol=1e-6)
    distance, _ = metrics.vertex_error(1.5 * cube, moved, scaled=True)
    np.testing.assert_allclose(distance, np.zeros([1, 8]), atol=1e-12)


def test_vertex_error_aligns_on_the_weighted_vertices_alone():
    face = np.random.default_rng(1).normal(size=[V, 3])
    other = face.copy()
    other[-1] += [5, 0, 0]
    weights = np.ones(V)
    weights[-1] = 0
    distance, _ = metrics.vertex_error(face, other[None], weights)
    np.testing.assert_allclose(distance, [[0] * (V - 1) + [5]], atol=1e-9)


def test_eye_distance_is_that_of_the_centroids():
    vertices = np.zeros([1, 68, 3])
    vertices[:, 36:42, 0] = -np.arange(6)
    vertices[:, 42:48, 0] = np.arange(6) + 1
    assert metrics.eye_distance(vertices, np.arange(68)) == pytest.approx([2.5 + 3.5])


def test_normal_angle_by_hand():
    angle = metrics.normal_angle(np.eye(3), [[1, 0, 0], [1, 0, 0], [0, 0, -1]])
    np.testing.assert_allclose(angle, [0, 90, 180], atol=1e-6)


def test_masked_l1_by_hand():
    predicted, true = np.zeros([2, 1, 2, 3]), np.zeros([2, 1, 2, 3])
    predicted[:, 0, 0] = [0.1, 0.2, 0.6]
    predicted[:, 0, 1] = 1
    mask = np.array([[[[1], [0]]], [[[0], [0]]]])
    np.testing.assert_allclose(metrics.masked_l1(predicted, true, mask), [0.3, np.nan])
    np.testing.assert_allclose(metrics.masked_l1(predicted, true, np.ones([1, 1, 2, 1])), 0.65)


def test_best_gain_undoes_a_colour_factor():
    true = np.random.default_rng(0).uniform(size=[2, 3, 4, 3])
    gain = metrics.best_gain(true / [2.0, 4.0, 0.5], true, np.ones([1, 3, 4, 1]))
    np.testing.assert_allclose(gain, np.broadcast_to([2.0, 4.0, 0.5], [2, 1, 1, 3]))


def test_light_error_forgets_strength():
    light = np.random.default_rng(0).normal(size=[3, 9, 3])
    other = np.stack([light[0] * 7, light[1], light[2]])
    other[1, :, :] = 0
    error = metrics.light_error(other, light)
    np.testing.assert_allclose(error, [0, 1, 0], atol=1e-6)
    assert metrics.light_error([[[1.0, 0, 0]] * 9], [[[1.0, 1, 0]] * 9]) == pytest.approx(0.5**0.5)


def random_view(seed, noise):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=[K, 3])
    angles = [tf.constant(rng.uniform(-1.2, 1.2, B)) for _ in range(3)]
    scale, shift = tf.constant(rng.uniform(20, 60, B)), tf.constant(rng.uniform(0, 90, [B, 2]))
    projection = camera.compose(*angles, scale, shift)
    image = camera.project(tf.tile(points[None], [B, 1, 1]), projection).numpy()[..., :2]
    return points, image + noise * rng.normal(size=image.shape), projection.numpy()


def test_best_pose_recovers_a_camera():
    points, image, projection = random_view(seed=0, noise=0)
    np.testing.assert_allclose(metrics.best_pose(points, image), projection, atol=1e-5)


def test_best_pose_is_the_least_squares_fit():
    points, image, start = random_view(seed=1, noise=3)
    found = metrics.best_pose(points, image)
    fitted = camera.project(tf.tile(points[None], [B, 1, 1]), tf.constant(found)).numpy()[..., :2]
    for i in range(B):

        def residual(x, i=i):
            rotation = scipy.spatial.transform.Rotation.from_rotvec(x[:3]).as_matrix()
            at = x[3] * points @ rotation[:2].T * [1, -1] + x[4:]
            return (at - image[i]).ravel()

        turn = camera.rotation(tf.constant(start[i : i + 1])).numpy()[0]
        vector = scipy.spatial.transform.Rotation.from_matrix(turn).as_rotvec()
        size = np.linalg.norm(start[i, 0, :3])
        best = scipy.optimize.least_squares(residual, [*vector, size, *start[i, :, 3]])
        assert np.sum((fitted[i] - image[i]) ** 2) == pytest.approx(2 * best.cost, rel=1e-4)


def test_best_pose_leaves_missing_points_out():
    points, image, projection = random_view(seed=2, noise=0)
    image[:, 3] = np.nan
    found = metrics.best_pose(points, image, valid=np.arange(K) != 3)
    np.testing.assert_allclose(found, projection, atol=1e-5)


def test_bins_of_the_real_benchmark(shared):
    bins = statistics.yaw_bin(np.load(shared / "real_faces/AFLW2000-3D.pose.npy"))
    assert np.bincount(bins).tolist() == [1312, 383, 305]
    bins = statistics.yaw_bin(np.load(shared / "real_faces/AFLW2000-3D-new.pose.npy"))
    assert np.bincount(bins).tolist() == [1306, 462, 232]


def test_nme_between_two_annotations_of_the_real_benchmark(shared):
    first = np.load(shared / "real_faces/AFLW2000-3D.pts68.npy")[:, :2].transpose(0, 2, 1)
    second = np.load(shared / "real_faces/AFLW2000-3D-Reannotated.pts68.npy").transpose(0, 2, 1)
    error = metrics.nme(second, first).numpy()
    assert error.mean() == pytest.approx(3.09, abs=5e-3)
    assert np.median(error) == pytest.approx(2.80, abs=5e-3)
