import io

import numpy as np
import pytest
import scipy.io

from tf_nonlinear3dmm import metrics
from tf_nonlinear3dmm.data import mat_labels
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import camera

HEIGHT, B, V, KS, KE = 450, 3, 11, 5, 4


def record(**changes):
    arrays = {
        "Pose_Para": np.array([[0.1, -0.5, 0.2, 200.0, 220.0, -90.0, 1.4e-3]], np.float32),
        "Shape_Para": np.zeros([199, 1]),
        "Exp_Para": np.zeros([29, 1], np.uint8),
        "Tex_Para": np.zeros([199, 1]),
        "Illum_Para": np.zeros([1, 10]),
        "Color_Para": np.zeros([1, 7], np.float32),
        "roi": np.array([[-3, 4, 400, 401]], np.int16),
    }
    return {k: v for k, v in (arrays | changes).items() if v is not None}


def mat(arrays):
    file = io.BytesIO()
    scipy.io.savemat(file, arrays)
    return file.getvalue()


def random_poses(seed=0):
    random = np.random.default_rng(seed)
    angles = random.uniform(-1.5, 1.5, [3, B])
    return mat_labels.Pose(
        *angles, *random.uniform(100, 300, [2, B]), np.zeros(B), np.full(B, 1.3e-3)
    )


def published(pose, vertices):
    """Image points by the formula as it is published: three rotations, y up, pixels from 1."""
    c, s = np.cos, np.sin
    x, y, z = pose.pitch, pose.yaw, pose.roll
    about_x = np.array([[1, 0, 0], [0, c(x), s(x)], [0, -s(x), c(x)]])
    about_y = np.array([[c(y), 0, -s(y)], [0, 1, 0], [s(y), 0, c(y)]])
    about_z = np.array([[c(z), s(z), 0], [-s(z), c(z), 0], [0, 0, 1]])
    points = pose.scale * about_x @ about_y @ about_z @ vertices.T
    points = points + np.array([[pose.x], [pose.y], [pose.z]])
    return np.stack([points[0], HEIGHT + 1 - points[1]])


def test_projection_is_the_published_formula_in_our_pixels():
    poses = random_poses()
    vertices = np.random.default_rng(1).normal(0, 7e4, [B, V, 3])  # micrometres
    projection = mat_labels.projection(poses, HEIGHT, units=100)
    points = camera.project(vertices / 1e5, projection)[..., :2]
    for i in range(B):
        pose = mat_labels.Pose(*(part[i] for part in poses))
        np.testing.assert_allclose(points[i], published(pose, vertices[i]).T - 1, atol=1e-9)


def test_rotation_is_a_rotation():
    turn = mat_labels.rotation(random_poses())
    np.testing.assert_allclose(turn @ np.swapaxes(turn, 1, 2), np.eye(3) + 0 * turn, atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(turn), 1)


def test_pose_inverts_projection():
    poses = random_poses()
    back = mat_labels.pose(mat_labels.projection(poses, HEIGHT, units=10), HEIGHT, units=10)
    np.testing.assert_allclose(back, poses, rtol=1e-9)


def small_face():
    """A `FaceModel` of random bases, with coefficients as large as those of the real files."""
    random = np.random.default_rng(0)
    face = FaceModel.load("makehuman")
    changes = {
        "mean_vertices": random.normal(0, 0.8, [V, 3]).astype(np.float32),
        "shape_basis": random.normal(0, 1e-5 / V, [KS, V, 3]).astype(np.float32),
        "expression_basis": random.normal(0, 0.1, [KE, V, 3]).astype(np.float32),
    }
    return type(face)(**vars(face) | changes)


def test_vertices_are_the_mean_plus_both_bases_and_back():
    face, random = small_face(), np.random.default_rng(2)
    shape = random.normal(0, 3e5, [B, KS]).astype(np.float32)
    expression = random.normal(0, 1, [B, KE]).astype(np.float32)
    vertices = mat_labels.vertices(shape, expression, face)
    by_hand = np.float64(face.mean_vertices)
    by_hand = by_hand + sum(c * basis for c, basis in zip(shape[1], face.shape_basis, strict=True))
    expressions = zip(expression[1], face.expression_basis, strict=True)
    by_hand = by_hand + sum(c * basis for c, basis in expressions)
    np.testing.assert_allclose(vertices[1], by_hand, atol=1e-5)
    found = mat_labels.coefficients(vertices, face)
    np.testing.assert_allclose(found[0], shape, atol=30)  # of 3e5: rounding of float32 vertices
    np.testing.assert_allclose(found[1], expression, atol=1e-4)


def test_geometry_of_converted_files_is_the_published_one(basel_files):
    face, random = FaceModel.load(basel_files / "basel.npz"), np.random.default_rng(3)
    shape, expression = (scipy.io.loadmat(basel_files / f"Model_{x}.mat") for x in ("Shape", "Exp"))
    shape_para = random.normal(0, 1e5, [B, 199]).astype(np.float32)
    exp_para = random.normal(0, 1, [B, 29]).astype(np.float32)
    poses = random_poses()
    vertices = mat_labels.vertices(shape_para, exp_para, face)
    projection = mat_labels.projection(poses, HEIGHT, face.units).astype(np.float32)
    points = camera.project(vertices, projection)[..., :2]
    for i in range(B):
        micrometres = shape["mu_shape"] + expression["mu_exp"]
        micrometres = micrometres + shape["w"] @ shape_para[i, :, np.newaxis]
        micrometres = micrometres + expression["w_exp"] @ exp_para[i, :, np.newaxis]
        pose = mat_labels.Pose(*(part[i] for part in poses))
        direct = published(pose, micrometres.reshape(-1, 3)).T - 1
        np.testing.assert_allclose(points[i], direct, atol=2e-3)  # pixels; float32 coefficients
    found = mat_labels.coefficients(vertices, face)
    np.testing.assert_allclose(found[0], shape_para, atol=100)  # of 1e5
    np.testing.assert_allclose(found[1], exp_para, atol=1e-3)


def test_a_face_without_the_bases_is_told():
    assert not mat_labels.has_bases(FaceModel.load("makehuman"))
    with pytest.raises(ValueError, match=r"`shape_basis` must have shape .*Ks = 199.* got \[0"):
        face = FaceModel.load("makehuman")
        mat_labels.vertices(np.zeros([1, 199]), np.zeros([1, 29]), face)


def test_the_mean_face_finds_its_scale_and_place_whatever_the_mouth_does():
    face = FaceModel.load("makehuman")
    pose = mat_labels.Pose(0.2, -0.6, 0.1, 210.0, 240.0, 0.0, 1.2e-3)
    projection = mat_labels.projection(pose, HEIGHT, face.units)
    points = face.mean_vertices[face.landmarks] @ projection[:, :3].T + projection[:, 3]
    found, left = mat_labels.mean_face_projection(pose, points, face)
    np.testing.assert_allclose(found, projection, rtol=1e-3, atol=0.02)
    points[48:] += [0, 40]
    found, left = mat_labels.mean_face_projection(pose, points, face)
    np.testing.assert_allclose(found, projection, rtol=0.02, atol=2)
    assert left[48:].mean() > 35 and left[:48].mean() < 1.5


def test_uint8_expressions_and_all_dtypes_become_floats():
    found = mat_labels.read_parameters(mat(record()), "a.mat")
    assert {a.dtype for a in found.values()} == {np.dtype(np.float32)}
    assert found["Exp_Para"].shape == (29,) and found["roi"][0] == -3


@pytest.mark.parametrize(
    "contents, message",
    [
        (b"", r"a\.mat: the file is empty"),
        (b"MATLAB" * 40, r"a\.mat: not a sound MATLAB 5 file"),
        (mat(record())[:2000], r"a\.mat: not a sound MATLAB 5 file"),
        (mat(record(Exp_Para=None)), r"a\.mat: key `Exp_Para` is missing"),
        (mat(record(Exp_Para=np.zeros([28, 1]))), r"`Exp_Para` must hold 29 numbers, got shape"),
        (mat(record(Exp_Para="smile")), r"`Exp_Para` must hold numbers, got <U5"),
        (mat(record(Tex_Para=np.full([199, 1], np.nan))), r"`Tex_Para` must hold finite numbers"),
        (mat(record(Pose_Para=np.array([[0, 99, 0, 0, 0, 0, 1e-3]]))), r"angles below 12\.6 rad"),
        (mat(record(Pose_Para=np.zeros([1, 7]))), r"a scale in \(0, 0\.1\), got \[0\."),
    ],
)
def test_bad_files_are_refused_by_name_and_key(contents, message):
    with pytest.raises(ValueError, match=message):
        mat_labels.read_parameters(contents, "a.mat")


def test_shapes_of_further_keys_are_checked():
    contents = mat(record(pt2d=np.zeros([2, 21])))
    assert mat_labels.read_parameters(contents, "a.mat", {"pt2d": (2, None)})["pt2d"].shape == (
        2,
        21,
    )
    with pytest.raises(ValueError, match=r"`pt2d` must have shape \(2, 68\), got \(2, 21\)"):
        mat_labels.read_parameters(contents, "a.mat", {"pt2d": (2, 68)})


def test_real_records_agree_with_the_mean_face_under_their_own_pose(shared):
    face = FaceModel.load("makehuman")
    paths = sorted((shared / "real_faces").glob("*/*.mat"))
    assert len(paths) == 7
    for path in paths:
        key, size = ("pt3d_68", (3, 68)) if "image" in path.stem[:5] else ("pt2d", (2, 68))
        arrays = mat_labels.read_parameters(path.read_bytes(), path.name, {key: size})
        landmarks = arrays[key][:2].T - 1
        pose = mat_labels.Pose(*arrays["Pose_Para"])
        projection, left = mat_labels.mean_face_projection(pose, landmarks, face)
        assert 100 * left.mean() / np.sqrt(np.prod(np.ptp(landmarks, axis=0))) < 7, path.name
        moved = face.mean_vertices[face.landmarks] @ projection[:, :3].T + projection[:, 3]
        assert metrics.nme(moved[np.newaxis], landmarks[np.newaxis])[0] < 7, path.name
        # Their scales agree as well: the pose's own, of another mean face, within 15 %.
        own = mat_labels.projection(pose, HEIGHT, face.units)
        ratio = np.linalg.norm(projection[0, :3]) / np.linalg.norm(own[0, :3])
        assert 0.95 < ratio < 1.15, path.name
