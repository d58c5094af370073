"""Laws of the fit to a scan: a face that the model drew is found in any frame, and nothing else."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
import trimesh
from scipy.spatial.transform import Rotation
from test_model import MEAN, STD, TINY, VARIANTS, bases

from tf_nonlinear3dmm import fitting, serving
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.fitting import icp, surface
from tf_nonlinear3dmm.model import Nonlinear3DMM

MM = 0.01  # of the face's units


@pytest.fixture(scope="module")
def model():
    """A linear model of smooth shapes: 5 places of the face move by 5 mm in 3 directions."""
    face = FaceModel.load(TINY.face_model)
    points, random = face.mean_vertices, np.random.default_rng(0)
    places = points[random.permutation(np.flatnonzero(face.regions["skin"]))[:5]]
    bump = np.exp(-np.square(np.linalg.norm(points - places[:, np.newaxis], axis=-1) / 0.5))
    basis = np.zeros([16, *points.shape])
    basis[:15] = np.einsum("kv,ij->kivj", bump, np.eye(3)).reshape(15, -1, 3)
    std = np.full(16, 5 * MM / face.shape_scale)
    shape = {"mean": np.zeros_like(points), "basis": basis, "std": std}
    config = dataclasses.replace(TINY, **VARIANTS["linear"])
    albedo = bases(2, (16, 24, 28, 3))
    return Nonlinear3DMM(config, MEAN, STD, face, linear_shape=shape, linear_albedo=albedo)


@pytest.fixture(scope="module")
def person(model):
    """Vertices of a face that the model draws, in its frame."""
    code = np.random.default_rng(1).normal(size=[1, 16]).astype(np.float32)
    return model.decode_shape(tf.constant(code))[1][0].numpy()


@pytest.fixture(scope="module")
def pose():
    return icp.Pose(37 * Rotation.from_rotvec([1.0, 2.0, -1.0]).as_matrix(), np.array([100, 20, 5]))


def sampled(model, vertices, count=8000):
    mesh = trimesh.Trimesh(vertices, model.face.triangles, process=False)
    return trimesh.sample.sample_surface(mesh, count, seed=0)[0]


def errors(model, fit, vertices, pose):
    """`[Vs]` mm on the skin."""
    skin = model.face.regions["skin"] > 0
    return np.linalg.norm(pose.undo(fit.vertices) - vertices, axis=-1)[skin] / MM


def test_a_cloud_in_any_frame_gives_the_face_back_and_nothing_that_is_left(model, person, pose):
    marks = pose.apply(person[model.face.landmarks])
    marks[20:30] = np.nan
    fit = fitting.fit_scan(model, pose.apply(sampled(model, person)), marks)
    assert errors(model, fit, person, pose).mean() < 0.5  # mm; the codes move them by 5
    assert fit.distance < 0.5  # a plane through points 3 mm apart is off a round face
    vertices = model.decode_shape(fit.shape_code[np.newaxis])[1][0].numpy()
    moved = fit.scale * vertices @ fit.rotation.T + fit.translation
    np.testing.assert_allclose(fit.vertices, moved, atol=1e-3)
    np.testing.assert_allclose(fit.rotation @ fit.rotation.T, np.eye(3), atol=1e-9)


def test_what_is_no_skin_changes_little_and_holes_have_no_residual(model, person, pose):
    points = sampled(model, person)
    random, face = np.random.default_rng(0), model.face
    nose = person[face.landmarks[33]]
    kept = points[(points[:, 0] > -0.5) & (np.linalg.norm(points - nose, axis=-1) > 0.15)]
    hair = kept[kept[:, 1] > 0.5] + [0, 0.1, 0.2]
    others = random.uniform(-3, 3, size=[3000, 3])
    scan = pose.apply(np.concatenate([kept, hair, others]))
    marks = pose.apply(person[face.landmarks] + 2 * MM * random.normal(size=[68, 3]))
    fit = fitting.fit_scan(model, scan, marks)
    assert errors(model, fit, person, pose).mean() < 1.5  # the landmarks are off by 3.2
    known = np.isfinite(fit.residual[:, 0])
    hole = np.linalg.norm(person - nose, axis=-1) < 0.1
    assert known.mean() > 0.4 and not known[hole].any() and not known[person[:, 0] < -0.6].any()


def test_a_mesh_of_large_triangles_is_its_surface_not_its_corners(model, person, pose):
    order = np.random.default_rng(0).permutation(len(person))
    triangles = np.argsort(order)[model.face.triangles]
    marks = pose.apply(person[model.face.landmarks])
    fit = fitting.fit_scan(model, pose.apply(person[order]), marks, triangles)
    assert errors(model, fit, person, pose).mean() < 0.5
    assert fit.distance < 0.15


def test_the_residual_leads_to_the_scan(model, person, pose):
    dent = np.exp(
        -np.square(np.linalg.norm(person - person[model.face.landmarks[1]], axis=-1) / 0.1)
    )
    bumped = person + 4 * MM * dent[:, np.newaxis] * [1, 0, 0]
    fit = fitting.fit_scan(
        model, pose.apply(sampled(model, bumped, 30_000)), pose.apply(person[model.face.landmarks])
    )
    length = np.linalg.norm(fit.residual, axis=-1) / fit.scale / MM
    assert dent[np.nanargmax(length)] > 0.3 and np.nanmax(length) > 1.5
    reached = pose.undo(fit.vertices + fit.residual)[np.isfinite(length)]
    tree = surface.of_points(sampled(model, bumped, 30_000)).tree
    assert np.median(tree.query(reached)[0]) / MM < 1.0  # as far as points of the scan lie apart


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p, m: (p[:, :2], m), "`points` must have shape"),
        (lambda p, m: (p * np.nan, m), "`points` must be finite"),
        (lambda p, m: (p[:0], m), "`points` must lie around `landmarks`, got 0"),
        (lambda p, m: (p + 100, m), "`points` must lie around `landmarks`"),
        (lambda p, m: ("scan", m), "`points` must be an array of numbers"),
        (lambda p, m: (p, m[:67]), "`landmarks` must have shape"),
        (lambda p, m: (p, m / 0), "`landmarks` must be finite"),
        (lambda p, m: (p, np.where(np.arange(68)[:, None] < 5, m, np.nan)), "6 points at least"),
        (lambda p, m: (p, 0 * m), "must not lie on a line"),
        (lambda p, m: (p, m * [1, 0, 0]), "must not lie on a line"),
        (lambda p, m: (p, m[::-1]), "mirrored, or in another order"),
        (lambda p, m: (p, m * [1, 1, -1]), "mirrored, or in another order"),
        (lambda p, m: (p, m, [[0, 1, len(p)]]), "`triangles` must be from 0"),
        (lambda p, m: (p, m, [[0.0, 1, 2]]), "`triangles` must be ids"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.filterwarnings("ignore:invalid value")
def test_refuses_what_is_no_scan_of_a_face(model, person, change, words):
    points = np.asarray(person, float)
    with pytest.raises(ValueError, match=words):
        fitting.fit_scan(model, *change(points, points[model.face.landmarks]))


def test_a_surface_ends_at_its_border_and_has_no_place_turned_away():
    x, y = np.meshgrid(np.linspace(0, 1, 30), np.linspace(0, 1, 30))
    plane = surface.of_points(np.stack([x, y, 0 * x], axis=-1).reshape(-1, 3))
    places = np.array([[0.5, 0.5, 0.2], [0.5, 0.5, -0.1], [1.3, 0.5, 0.0], [0.5, 0.5, 0.2]])
    normals = np.array([[0, 0, 1.0], [0, 0, -1], [0, 0, 1], [1, 0, 0]])
    pairs = surface.pairs(plane, places, normals)
    np.testing.assert_array_equal(pairs.lies, [True, True, False, False])
    np.testing.assert_allclose(
        (pairs.normals * pairs.distance[:, np.newaxis])[:2], [[0, 0, -0.2], [0, 0, 0.1]], atol=1e-9
    )


def test_files_of_a_scan_lie_on_it(model, person, pose, tmp_path):
    marks = [list(p) for p in pose.apply(person[model.face.landmarks])]
    marks[3] = None
    (tmp_path / "points.json").write_text(json.dumps(marks))
    trimesh.PointCloud(pose.apply(sampled(model, person))).export(tmp_path / "me.ply")
    paths = tmp_path / "me.ply", tmp_path / "points.json"
    about = serving.scans.fit(*paths, model, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "me_face.json").read_text()) == about
    written = trimesh.load(tmp_path / "out" / "me_face.obj", process=False).vertices
    assert errors(model, fitting.ScanFit(None, written, *[None] * 5), person, pose).mean() < 1
    for content, words in (
        ('{"box": []}', "not a .json file"),
        (json.dumps(marks[:5]), "68 points"),
    ):
        (tmp_path / "points.json").write_text(content)
        with pytest.raises(ValueError, match=words):
            serving.scans.fit(*paths, model, tmp_path / "out")
    (tmp_path / "me.stl").write_text("no mesh")
    with pytest.raises(ValueError, match="me.stl: "):
        serving.scans.read(tmp_path / "me.stl")


def test_meshes_of_a_file_are_joined_and_points_among_them_make_a_cloud(tmp_path):
    box = trimesh.creation.box()
    scene = trimesh.Scene([box, box.copy().apply_translation([3, 0, 0])])
    scene.export(tmp_path / "two.glb")
    points, triangles = serving.scans.read(tmp_path / "two.glb")
    joined = trimesh.Trimesh(points, triangles, process=False)
    assert joined.area == pytest.approx(12) and np.ptp(points[:, 0]) == pytest.approx(4)
    trimesh.PointCloud(box.vertices).export(tmp_path / "cloud.ply")
    assert serving.scans.read(tmp_path / "cloud.ply")[1] is None
