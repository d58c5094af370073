import pathlib
import runpy
import sys

import numpy as np
import pytest
import scipy.io

from tf_nonlinear3dmm.data import mat_labels

ROOT = pathlib.Path(__file__).parents[1]


def check(path, expected):
    arrays = scipy.io.loadmat(path)
    found = {k: (v.shape, v.dtype.str[1:]) for k, v in arrays.items() if not k.startswith("_")}
    if arrays["Exp_Para"].dtype == np.uint8:  # as in some of the real files
        found["Exp_Para"] = ((29, 1), "f8")
    assert found == expected
    return arrays


COMMON = {
    "Pose_Para": ((1, 7), "f4"),
    "Shape_Para": ((199, 1), "f8"),
    "Exp_Para": ((29, 1), "f8"),
    "Tex_Para": ((199, 1), "f8"),
    "Illum_Para": ((1, 10), "f8"),
    "Color_Para": ((1, 7), "f4"),
    "roi": ((1, 4), "i2"),
}


def test_the_layout_and_the_keys_are_those_of_the_real_files(fake):
    folders = sorted(p.name for p in (fake / "300W_LP").iterdir())
    names = ["AFW", "HELEN", "IBUG", "LFPW"]
    assert folders == sorted(names + [f"{n}_Flip" for n in names] + ["landmarks"])
    bytes_seen = 0
    for path in sorted((fake / "300W_LP").glob("[A-Z]*/*.mat")):
        arrays = check(path, COMMON | {"pt2d": ((2, 68), "f8")})
        bytes_seen += arrays["Exp_Para"].dtype == np.uint8
        assert path.with_suffix(".jpg").exists()
    assert bytes_seen
    for path in sorted((fake / "300W_LP" / "landmarks").glob("*/*.mat")):
        assert scipy.io.loadmat(path)["pts_3d"].shape == (68, 2)
    for path in sorted((fake / "AFLW2000").glob("*.mat")):
        arrays = check(path, COMMON | {"pt2d": ((2, 21), "f8"), "pt3d_68": ((3, 68), "f4")})


def test_real_files_have_these_keys(shared):
    for path in (shared / "real_faces" / "aflw2000").glob("*.mat"):
        check(path, COMMON | {"pt2d": ((2, 21), "f8"), "pt3d_68": ((3, 68), "f4")})
    for path in (shared / "real_faces" / "300w_lp").glob("*.mat"):
        check(path, COMMON | {"pt2d": ((2, 68), "f8")})


def test_depth_grows_towards_the_camera(fake):
    for path in sorted((fake / "AFLW2000").glob("*.mat")):
        x, y, z = scipy.io.loadmat(path)["pt3d_68"]
        assert z[30] > z[[0, 16]].min() + 40  # the nose tip is before the ear that is farther away


def test_pose_and_landmarks_of_mirrored_files_agree(fake):
    plain = fake / "300W_LP" / "HELEN" / "HELEN_000002_1_0.mat"
    mirrored = fake / "300W_LP" / "HELEN_Flip" / plain.name
    a, b = (mat_labels.Pose(*scipy.io.loadmat(p)["Pose_Para"][0]) for p in (plain, mirrored))
    flip = np.diag([-1.0, 1.0, 1.0])
    np.testing.assert_allclose(
        mat_labels.rotation(b), flip @ mat_labels.rotation(a) @ flip, atol=1e-6
    )
    assert a.x - 1 == 449 - (b.x - 1)


@pytest.mark.slow
def test_the_script_writes_both_trees(tmp_path, monkeypatch):
    flags = ["--photographs", "1", "--images", "1", "--image-size", "32"]
    monkeypatch.setattr(sys, "argv", ["make_fake_300w_lp.py", str(tmp_path), *flags])
    runpy.run_path(
        str(ROOT / "scripts" / "maintenance" / "make_fake_300w_lp.py"), run_name="__main__"
    )
    assert len(list(tmp_path.glob("300W_LP/AFW*/*.jpg"))) == 8
    assert len(list(tmp_path.glob("AFLW2000/*.jpg"))) == 1
