"""What a program sets in Keras for its own networks does not reach ours."""

import os
import runpy
import subprocess
import sys

import keras
import numpy as np
import pytest

from tf_nonlinear3dmm import configs, serving
from tf_nonlinear3dmm.core import keras_state
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.networks import perceptual
from tf_nonlinear3dmm.networks.discriminator import Discriminator

TINY = configs.tiny().model
MEAN = np.array([11, 0, 0, 16, 0, -11, 0, 16], np.float32)
IMAGES = np.random.default_rng(0).random([2, 32, 32, 3]).astype(np.float32)
STATES = {
    "mixed_float16": (keras.config.set_dtype_policy, "mixed_float16"),
    "mixed_bfloat16": (keras.config.set_dtype_policy, "mixed_bfloat16"),
    "float64": (keras.config.set_dtype_policy, "float64"),
    "floatx": (keras.config.set_floatx, "float64"),
    "channels_first": (keras.config.set_image_data_format, "channels_first"),
}


def state():
    return (
        keras.config.dtype_policy(),
        keras.config.floatx(),
        keras.config.image_data_format(),
    )


@pytest.fixture
def theirs(request):
    """Keras' state as another program would set it, during one test."""
    before = state()
    setter, value = STATES[request.param]
    setter(value)
    yield state()
    keras.config.set_floatx(before[1])
    keras.config.set_image_data_format(before[2])
    keras.config.set_dtype_policy(before[0])


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Weights of an untrained model, and what it says about `IMAGES`."""
    keras.utils.set_random_seed(0)
    model = Nonlinear3DMM(TINY, MEAN, np.full(8, 0.5, np.float32))
    path = tmp_path_factory.mktemp("weights") / serving.FILE
    serving.save(path, model, exact=True)
    return path, model.reconstruct(IMAGES)


@pytest.mark.parametrize("theirs", STATES, indirect=True)
def test_a_reconstruction_is_the_same_whatever_keras_is_set_to(exported, theirs):
    path, expected = exported
    model = serving.load(path)
    assert state() == theirs
    assert {v.dtype for v in model.weights} <= {"float32", "uint32", "int32", "int64"}
    found = model.reconstruct(IMAGES)
    assert found.vertices.dtype == found.image.dtype == "float32"
    assert np.mean(found.mask) > 0.05
    for name in ("projection", "vertices", "landmarks", "albedo_map", "image", "mask"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras
@pytest.mark.parametrize("theirs", ["mixed_float16", "channels_first"], indirect=True)
def test_other_networks_follow_nothing_either(theirs, tmp_path):
    found = Discriminator(TINY)(IMAGES)
    assert found.dtype == "float32" and found.shape == (2, 2, 2, 1)
    with keras_state.ours():
        whole = keras.applications.VGG16(include_top=False, weights=None)
    whole.save_weights(tmp_path / "vgg.weights.h5")
    features, _ = perceptual.Features(tmp_path / "vgg.weights.h5")(IMAGES)
    assert features[0].dtype == "float32" and features[0].shape == (2, 32, 32, 64)


def test_an_error_leaves_the_state_as_it_was():
    before = state()
    with pytest.raises(ValueError, match="must be positive"):
        Nonlinear3DMM(TINY, MEAN, np.full(8, np.nan, np.float32))
    assert state() == before


@pytest.mark.parametrize("backend", ["torch", "jax"])  # not installed for the tests
def test_another_backend_is_one_line(backend):
    code = (
        "import tf_nonlinear3dmm as n3\ntry:\n    n3.load\nexcept ImportError as e:\n    print(e)"
    )
    environment = os.environ | {"KERAS_BACKEND": backend}
    done = subprocess.run([sys.executable, "-c", code], env=environment, text=True, **PIPES)
    assert done.returncode == 0 and done.stdout.count("\n") == 1
    assert backend in done.stdout and "KERAS_BACKEND=tensorflow" in done.stdout


def test_a_backend_that_is_there_but_is_not_tensorflow_is_refused(monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(
        ImportError, match="needs Keras' backend `tensorflow`, got `jax`: set KERAS"
    ):
        runpy.run_path(keras_state.__file__)


PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
