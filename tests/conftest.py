"""Fixtures shared by all tests."""

import os
import pathlib

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(scope="session")
def shared():
    """The folder of optional reference data; tests that need it skip where it is absent."""
    folder = os.environ.get("TF_NONLINEAR3DMM_SHARED")
    if not folder:
        pytest.skip("reference data: set TF_NONLINEAR3DMM_SHARED to its folder to run this test")
    return pathlib.Path(folder)
