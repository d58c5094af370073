"""Every foreign face model, on a small face written with the exact keys, shapes and dtypes."""

import pathlib
import pickle
import subprocess
import sys

import fake_models
import numpy as np
import pytest
import scipy.io

from tf_nonlinear3dmm.face import FaceModel, formats, sample_shapes
from tf_nonlinear3dmm.face.build import relaxation

SCRIPT = pathlib.Path(__file__).parents[1] / "scripts" / "convert.py"
TRUTH = fake_models.truth()
OWN_UV = {"ict", "eos1", "eos2", "eos2-pca", "eos3", "eos4", "original", "packed"}
BLEND_SHAPES = {"ict", "eos1", "eos2", "eos3", "eos4", "packed"}
UNIT_STD = {"ict", "packed"}


def turned(triangles):
    """Triangles as a set that does not depend on which corner comes first."""
    return {tuple(np.roll(t, -int(np.argmin(t)))) for t in np.asarray(triangles).tolist()}


@pytest.fixture(params=fake_models.WRITERS)
def converted(request, tmp_path):
    path = fake_models.WRITERS[request.param](tmp_path, TRUTH)
    return request.param, *formats.convert(path)


def test_every_format_gives_the_same_face(converted):
    kind, face, _ = converted
    assert face.units == 1
    np.testing.assert_allclose(
        face.mean_vertices, TRUTH.mean, atol=0.02 if kind in ("packed",) else 2e-4
    )
    if kind == "ict":  # its quads are cut along the other diagonal
        areas = relaxation.signed_areas(TRUTH.uv * [1, -1], face.triangles)
        assert areas.min() > 0 and len(face.triangles) == len(TRUTH.triangles)
    else:
        assert turned(face.triangles) == turned(TRUTH.triangles)
    assert face.normal_triangles.all() and len(face.normal_triangles) == len(TRUTH.triangles)
    tolerance = 0.02 if kind == "packed" else 1e-4  # half floats
    deviation = face.shape_std[:, None, None] * face.shape_basis
    np.testing.assert_allclose(
        deviation, TRUTH.shape_std[:, None, None] * TRUTH.shape, atol=tolerance
    )
    if kind in UNIT_STD:
        np.testing.assert_array_equal(face.shape_std, np.ones(fake_models.KS))
    if kind in BLEND_SHAPES:
        np.testing.assert_allclose(face.expression_std, 0.3, atol=1e-6)
        scale = 20 if kind in ("ict", "packed") else 1
        np.testing.assert_allclose(
            face.expression_basis, scale * TRUTH.expression, atol=10 * tolerance
        )
    else:
        np.testing.assert_allclose(face.expression_std, TRUTH.expression_std, rtol=1e-3)
        np.testing.assert_allclose(face.expression_basis, TRUTH.expression, atol=1e-4)


@pytest.mark.parametrize("kind", ["300w_lp", "face3d", "ict", "eos1"])
def test_junk_of_file_managers_beside_a_face_model_is_not_read(tmp_path, kind):
    path = fake_models.WRITERS[kind](tmp_path, TRUTH)
    expected, _ = formats.convert(path)
    for file in [*tmp_path.rglob("*.*")]:
        file.with_name(f"._{file.name}").write_bytes(b"\0\5\x16\7")
    found, _ = formats.convert(path)
    np.testing.assert_array_equal(found.expression_basis, expected.expression_basis)
    np.testing.assert_array_equal(found.landmarks, expected.landmarks)


def test_landmarks_are_the_sources_and_minus_one_where_it_has_none(converted):
    kind, face, notes = converted
    if kind == "h5":
        known = [30, 36, 45]
        np.testing.assert_array_equal(face.landmarks[known], TRUTH.landmarks[known])
        assert np.all(np.delete(face.landmarks, known) == -1)
        assert "65 of 68 landmarks are unknown and will be masked" in notes
    else:
        np.testing.assert_array_equal(face.landmarks, TRUTH.landmarks)


def test_the_map_is_the_sources_or_the_cylinder_with_v_down(converted):
    kind, face, _ = converted
    if kind in OWN_UV:
        np.testing.assert_allclose(face.uv, TRUTH.uv, atol=1e-5)
    else:
        x, y, z = (TRUTH.mean - (TRUTH.mean.min(axis=0) + TRUTH.mean.max(axis=0)) / 2).T
        angle = np.arctan2(x, z)
        expected = 0.5 + angle / (2 * np.abs(angle).max()), (y.max() - y) / np.ptp(y)
        np.testing.assert_allclose(face.uv, np.stack(expected, axis=1), atol=1e-4)
    assert face.uv[TRUTH.landmarks[8], 1] > face.uv[TRUTH.landmarks[27], 1]
    assert face.uv[TRUTH.landmarks[45], 0] > face.uv[TRUTH.landmarks[36], 0]


def test_the_mirror_is_found_by_reflection(converted):
    _, face, _ = converted
    reflected = TRUTH.mean * [-1, 1, 1]
    np.testing.assert_allclose(TRUTH.mean[face.mirror], reflected, atol=1e-3)


def test_offsets_reach_three_deviations(converted):
    _, face, _ = converted
    variance = np.zeros(len(face.mean_vertices))
    for basis, std in (
        (face.shape_basis, face.shape_std),
        (face.expression_basis, face.expression_std),
    ):
        variance += np.sum((np.linalg.norm(basis, axis=2) * std[:, None]) ** 2, axis=0)
    expected = max(20, np.ceil(3 * np.sqrt(variance.max())))
    assert abs(2 * face.shape_scale - expected) < 1e-3


def test_a_converted_face_is_saved_sampled_and_loaded(converted, tmp_path):
    _, face, _ = converted
    face.save(tmp_path / "out.npz")
    face = FaceModel.load(tmp_path / "out.npz")
    faces = sample_shapes(face, np.random.default_rng(0), 3)
    assert faces.shape == (3, *TRUTH.mean.shape)
    assert 1 < np.abs(faces - face.mean_vertices).max() < 100  # mm


def test_parameters_of_300w_lp_keep_their_meaning(tmp_path):
    face, _ = formats.convert(fake_models.basel(tmp_path, TRUTH))
    shape_para, exp_para = np.array([3e4, -2e4, 1e4, 0]), np.array([-2.0, 1.0, 3.0])  # um, 1
    offsets = np.tensordot(shape_para, face.shape_basis, 1)
    offsets += np.tensordot(exp_para, face.expression_basis, 1)
    expected = np.tensordot(shape_para / 1000, TRUTH.shape, 1)
    expected += np.tensordot(exp_para, TRUTH.expression, 1)
    np.testing.assert_allclose(offsets, expected, atol=1e-4)


def test_the_basel_model_alone_is_whole_and_without_landmarks(tmp_path):
    face, notes = formats.convert(fake_models.basel(tmp_path, TRUTH, companions=False))
    assert len(face.mean_vertices) == len(TRUTH.mean) + 5
    assert len(face.triangles) == len(TRUTH.triangles) + 1
    assert np.all(face.landmarks == -1) and len(face.expression_basis) == 0
    assert "it has no expressions" in notes


def test_bare_skin_leaves_out_what_the_landmarks_outline(tmp_path):
    face, _ = formats.convert(fake_models.packed(tmp_path, TRUTH))
    bare = face.regions["constancy"]
    assert np.all(bare[TRUTH.landmarks[17:27]] == 0) and np.all(bare[TRUTH.landmarks[36:60]] == 0)
    assert np.all(bare[TRUTH.landmarks[:17]] == 0) and bare[TRUTH.landmarks[30]] == 1
    assert np.all(face.regions["skin"] == 1) and 0.05 < bare.mean() < 0.5


def test_the_papers_skin_mask_is_kept(tmp_path):
    face, _ = formats.convert(fake_models.original(tmp_path, TRUTH))
    np.testing.assert_array_equal(
        face.regions["constancy"], np.round(1 + 191 * TRUTH.uv[:, 1]) <= 96
    )


def test_the_papers_triangles_are_read_along_either_axis(tmp_path):
    folder = fake_models.original(tmp_path, TRUTH)
    (folder / "3DMM_tri.dat").write_bytes((TRUTH.triangles + 1).astype("<i4").tobytes())
    face, _ = formats.convert(folder)
    assert turned(face.triangles) == turned(TRUTH.triangles)


def test_unknown_deviations_are_zero_and_said(tmp_path):
    folder = fake_models.original(tmp_path, TRUTH)
    (folder / "std_shape.npy").unlink()
    face, notes = formats.convert(folder)
    assert not face.shape_std.any() and face.expression_std.all()
    assert "the standard deviations of its shape modes are unknown and stored as 0" in notes
    assert 2 * face.shape_scale >= 20


@pytest.mark.parametrize("kind", ["basel", "ict"])
def test_a_relaxed_map_does_not_fold(tmp_path, kind):
    face, notes = formats.convert(fake_models.WRITERS[kind](tmp_path, TRUTH), uv="relaxed")
    areas = relaxation.signed_areas(face.uv * np.array([1, -1]), face.triangles)
    assert areas.min() > 0 and not any("fold" in note for note in notes)
    np.testing.assert_allclose(face.uv[face.mirror] * [-1, 1] + [1, 0], face.uv, atol=1e-6)


def test_a_neck_that_folds_is_spread_in_a_rounded_square(tmp_path):
    """Rows bent under the chin fold in any cylinder."""
    mean = TRUTH.mean.copy()
    grid = mean.reshape(fake_models.ROWS, fake_models.COLUMNS, 3)
    grid[-4:, :, 1] = grid[-4, :1, 1]  # flat, then back and narrower
    grid[-4:, :, 2] -= np.array([0, 25, 50, 75])[:, None]
    grid[-4:, :, 0] *= np.array([1, 0.8, 0.7, 0.6])[:, None]
    bent = TRUTH._replace(mean=mean, landmarks=np.full(68, 3))
    path = fake_models.h5(tmp_path, bent, skip=("metadata/landmarks/json",))
    folded = formats.convert(path)[1]
    assert any("triangles fold in its UV map" in note for note in folded)
    face, notes = formats.convert(path, uv="relaxed")
    areas = relaxation.signed_areas(face.uv * np.array([1, -1]), face.triangles)
    assert areas.min() > 0 and not any("fold" in note for note in notes)


def test_holes_are_closed_for_the_map_only(tmp_path):
    """Without vertex 71 six triangles are gone, and a vertex belongs to none."""
    cut = TRUTH._replace(
        triangles=TRUTH.triangles[~np.isin(TRUTH.triangles, [71]).any(axis=1)],
        landmarks=np.where(TRUTH.landmarks == 71, 72, TRUTH.landmarks),
    )
    assert len(cut.triangles) == len(TRUTH.triangles) - 6
    face, _ = formats.convert(fake_models.face3d(tmp_path, cut), uv="relaxed")
    assert len(face.triangles) == len(cut.triangles) and len(face.uv) == len(TRUTH.mean)
    areas = relaxation.signed_areas(face.uv * np.array([1, -1]), face.triangles)
    assert areas.min() > 0


def test_a_face_in_two_pieces_has_no_relaxed_map(tmp_path):
    cut = TRUTH._replace(triangles=TRUTH.triangles[[0, -1]])
    with pytest.raises(ValueError, match="needs one piece with a border, got 2 pieces and 2 bord"):
        formats.convert(fake_models.face3d(tmp_path, cut), uv="relaxed")


def replaced(path, **changes):
    """Rewrites a .mat with other values, or without those that are None."""
    values = {k: v for k, v in scipy.io.loadmat(path).items() if not k.startswith("__")} | changes
    scipy.io.savemat(path, {k: v for k, v in values.items() if v is not None})


def wrong_basel(folder, **changes):
    path = fake_models.basel(folder, TRUTH)
    replaced(path, **changes)
    return path


def cut(path, count):
    path.write_bytes(path.read_bytes()[:count])
    return path


def with_bytes(folder, name, data):
    (folder / name).write_bytes(data)
    return folder / name


def another_file(kind, name, data=None):
    def write(folder):
        path = fake_models.WRITERS[kind](folder, TRUTH)
        (file,) = folder.rglob(name)
        file.unlink() if data is None else file.write_bytes(data)
        return path

    return write


def wrong_packed(**changes):
    def write(folder):
        path = fake_models.packed(folder, TRUTH)
        with np.load(path) as file:
            arrays = dict(file) | changes
        np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
        return path

    return write


def eos_with(version):
    def write(folder):
        path = fake_models.eos(folder, TRUTH)
        data = path.read_bytes()
        path.write_bytes(bytes([version]) + data[1:])
        return path

    return write


MISSING_FILE = FileNotFoundError
REFUSALS = {
    "nothing": (lambda f: f / "none.mat", MISSING_FILE, "none.mat: there is no such face model"),
    "empty folder": (lambda f: f, ValueError, "holds no face model that is known; known are BFM"),
    "other file": (
        lambda f: with_bytes(f, "a.txt", b"hello"),
        ValueError,
        "a.txt: not a face model that is known; known are BFM 2009",
    ),
    "pickle": (
        lambda f: with_bytes(f, "flame.pkl", pickle.dumps({"v_template": 1})),
        ValueError,
        "flame.pkl: is a pickle; it is not read, because reading one can run code",
    ),
    "matlab 7.3": (
        lambda f: with_bytes(f, "a.mat", b"MATLAB 7.3 MAT-file".ljust(600)),
        ValueError,
        "a.mat: is a MATLAB 7.3 file; save it again with `save -v7`",
    ),
    "damaged mat": (
        lambda f: cut(fake_models.basel(f, TRUTH), 2000),
        ValueError,
        "01_MorphableModel.mat: not a (MATLAB file|face model) that",
    ),
    "other mat": (
        lambda f: wrong_basel(f, shapePC=None),
        ValueError,
        r"not a face model that is known; its keys are segbin, .*; a BFM 2009 file has shapeMU",
    ),
    "other count": (
        lambda f: wrong_basel(f, shapePC=np.zeros([12, 4])),
        ValueError,
        r"`shapePC` must have shape \[444, K\], got float64 of shape \[12, 4\]",
    ),
    "no number as a deviation": (
        lambda f: wrong_basel(f, shapeEV=np.array([[1.0], [2.0], [np.nan], [1.0]])),
        ValueError,
        r"`shapeEV` must be 4 numbers from 0, got float64 of shape \[4, 1\]",
    ),
    "other deviations": (
        lambda f: wrong_basel(f, shapeEV=np.ones([5, 1])),
        ValueError,
        r"`shapeEV` must be 4 numbers from 0, got float64 of shape \[5, 1\]",
    ),
    "0-based": (
        lambda f: wrong_basel(f, tl=np.array([[0.0, 1, 2]])),
        ValueError,
        "`tl` must lie in 1 to 148, got 0.0 to 2.0",
    ),
    "no triangles": (
        another_file("300w_lp", "Model_Shape.mat"),
        ValueError,
        "holds no face model that is known",
    ),
    "h5 key": (
        lambda f: fake_models.h5(f, TRUTH, skip=("shape/model/pcaBasis",)),
        ValueError,
        r"`shape/model/pcaBasis` is missing; the file has color, expression, metadata, shape",
    ),
    "damaged h5": (
        lambda f: cut(fake_models.h5(f, TRUTH), 3000),
        ValueError,
        "model2017-1_bfm_nomouth.h5: not an HDF5 file that can be read",
    ),
    "ict without identities": (
        lambda f: (fake_models.obj(f / "generic_neutral_mesh.obj", TRUTH.mean, TRUTH), f)[1],
        MISSING_FILE,
        "must hold identity000.obj and so on",
    ),
    "ict other count": (
        another_file("ict", "identity001.obj", b"v 0 0 0\n"),
        ValueError,
        "identity001.obj: must have 143 vertices as generic_neutral_mesh.obj has, got 1",
    ),
    "ict not an obj": (
        another_file("ict", "identity001.obj", b"v a b c\n"),
        ValueError,
        "identity001.obj: not an .obj that can be read",
    ),
    "ict landmarks": (
        another_file("ict", "vertex_indices.json", b"{}"),
        ValueError,
        "vertex_indices.json: `idx_to_landmark_verts` cannot be read",
    ),
    "eos version": (
        eos_with(7),
        ValueError,
        "sfm_tiny.bin: must be an eos model of version 1 to 4, got version 7",
    ),
    "eos version 0": (eos_with(0), ValueError, "version 1 to 4, got version 0"),
    "eos cut": (
        lambda f: cut(fake_models.eos(f, TRUTH), 5000),
        ValueError,
        "sfm_tiny.bin: ends too early: .* are missing at byte",
    ),
    "eos too long": (
        lambda f: with_bytes(f, "sfm.bin", fake_models.eos(f, TRUTH).read_bytes() + b"123"),
        ValueError,
        "sfm.bin: 3 bytes are left at the end",
    ),
    "dat missing": (
        another_file("original", "vertices_2d_v.dat"),
        MISSING_FILE,
        "vertices_2d_v.dat: this file is needed and is not there",
    ),
    "dat length": (
        another_file("original", "3DMM_exp_basis.dat", b"1234"),
        ValueError,
        "3DMM_exp_basis.dat: must be rows of 429 numbers, got 1 numbers",
    ),
    "dat objects": (
        another_file("original", "std_shape.npy", pickle.dumps([1])),
        ValueError,
        "std_shape.npy: not an .npy of numbers",
    ),
    "npz objects": (
        wrong_packed(uv=np.array([{}], object)),
        ValueError,
        "packed.npz: key `uv` must hold numbers or text, got pickled objects",
    ),
    "npz key": (wrong_packed(id_basis=None), ValueError, "packed.npz: key `id_basis` is missing"),
    "size": (
        wrong_packed(mean=TRUTH.mean * [1, 3, 1] / 10),
        ValueError,
        "the face is 570 mm tall at 10 mm a unit, which no face is; give its units",
    ),
    "left and right": (
        wrong_packed(
            landmarks68=TRUTH.landmarks[[*range(36), 45, *range(37, 45), 36, *range(46, 68)]]
        ),
        ValueError,
        "x must grow to the subject's left; landmark 36 is left of 45",
    ),
    "upside down": (
        wrong_packed(mean=TRUTH.mean * [1, -1, 1] / 10),
        ValueError,
        "y must grow upwards; the chin is above the tip of the nose",
    ),
    "nan": (
        wrong_packed(mean=np.full([143, 3], np.nan)),
        ValueError,
        "packed.npz: key `mean` must be finite, got 429 NaN",
    ),
}


@pytest.mark.parametrize("write, kind, message", REFUSALS.values(), ids=REFUSALS)
def test_refusals_are_one_clear_line(tmp_path, write, kind, message):
    with pytest.raises(kind, match=message) as caught:
        formats.convert(write(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_converted_model_is_not_converted_again(tmp_path):
    FaceModel.load("makehuman").save(tmp_path / "a.npz")
    with pytest.raises(ValueError, match="a.npz: is a converted face model already"):
        formats.convert(tmp_path / "a.npz")


def test_units_can_be_given(tmp_path):
    path = fake_models.packed(tmp_path, TRUTH)
    face, _ = formats.convert(path, units=9.0, name="small")
    np.testing.assert_allclose(face.mean_vertices, 0.9 * TRUTH.mean, atol=0.02)
    assert face.name == "small"
    with pytest.raises(ValueError, match="`uv` must be one of source, cylinder, relaxed, got `x`"):
        formats.convert(path, uv="x")


def run(*arguments):
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_script_converts_and_refuses_with_exit_code_2(tmp_path):
    path = fake_models.h5(tmp_path, TRUTH)
    good = run(path, tmp_path / "new" / "face.npz")
    assert good.returncode == 0, good.stderr
    assert "bfm-h5, 143 vertices, 240 triangles, 4 shape and 3 expression modes" in good.stdout
    assert "note: 65 of 68 landmarks are unknown" in good.stdout
    assert FaceModel.load(tmp_path / "new" / "face.npz").name == "bfm-h5"
    bad = run(cut(path, 3000), tmp_path / "bad.npz")
    assert bad.returncode == 2 and not (tmp_path / "bad.npz").exists()
    assert len(bad.stderr.splitlines()) == 1 and "not an HDF5 file" in bad.stderr


def test_ict_facekit_converts(shared, tmp_path):
    face, _ = formats.convert(shared / "real_faces" / "ict_face_f16.npz", name="ict")
    assert face.mean_vertices.shape == (9409, 3) and len(face.triangles) == 18460
    assert len(face.shape_basis) == 100 and len(face.expression_basis) == 53
    marks = face.mean_vertices[face.landmarks]
    eyes = np.linalg.norm(marks[36:42].mean(axis=0) - marks[42:48].mean(axis=0))
    assert 55 < eyes < 70  # mm
    assert face.uv[face.landmarks[8], 1] > face.uv[face.landmarks[27], 1]
    areas = relaxation.signed_areas(face.uv * np.array([1, -1]), face.triangles)
    assert areas.min() > 0  # turned outwards and not folded
    faces = sample_shapes(face, np.random.default_rng(0), 8)
    spread = np.linalg.norm(faces - face.mean_vertices, axis=-1)
    assert 2 < spread.mean() < 12 and spread.max() < 2 * face.shape_scale * 1.5
