"""Fixtures shared by all tests."""

import os
import pathlib

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as in scripts, whose runs some tests repeat


@pytest.fixture(scope="session")
def shared():
    """The folder of optional reference data; tests that need it skip where it is absent."""
    folder = os.environ.get("TF_NONLINEAR3DMM_SHARED")
    if not folder:
        pytest.skip("reference data: set TF_NONLINEAR3DMM_SHARED to its folder to run this test")
    return pathlib.Path(folder)


@pytest.fixture(scope="session")
def faces(tmp_path_factory):
    """A folder of data sets for runs on generated faces: the first test that trains fills it."""
    return tmp_path_factory.mktemp("faces")


@pytest.fixture(scope="session")
def fake(tmp_path_factory):
    """A folder with a small 300W_LP and AFLW2000 of synthetic faces, as on disk; do not write."""
    from tf_nonlinear3dmm.data.builders.w300_lp import fake

    folder = tmp_path_factory.mktemp("fake")
    fake.write_300w_lp(folder, photographs=4, image_size=32)
    fake.write_aflw2000_3d(folder, images=4, image_size=32)
    return folder


@pytest.fixture(scope="session")
def basel_files(tmp_path_factory):
    """A folder with generated companion files of 300W-LP, and basel.npz; do not write."""
    import basel

    folder = tmp_path_factory.mktemp("basel")
    basel.convert_face(folder)
    return folder
