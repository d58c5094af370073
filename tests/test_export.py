import json
import os
import pathlib
import runpy
import sys

import numpy as np
import pytest
import tensorflow as tf

import tf_nonlinear3dmm as n3
from tf_nonlinear3dmm import configs, serving
from tf_nonlinear3dmm.core import command_line
from tf_nonlinear3dmm.model import Nonlinear3DMM

CONFIG = configs.preset("tiny").model
S = CONFIG.image_size


@pytest.fixture(scope="module")
def model():
    tf.keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    made = Nonlinear3DMM(CONFIG, np.float32([14, 0, 0, 16, 0, -14, 0, 17]), np.ones(8, np.float32))
    for v in made.trainable_variables:
        v.assign_add(random.normal(0, 0.02, v.shape))
    return made


@pytest.fixture(scope="module")
def weights(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tiny.npz"
    serving.save(path, model)
    return path


def test_weights_come_back_as_float16(model, weights):
    loaded = n3.load(weights)
    assert loaded.config == CONFIG
    for old, new in zip(model.weights, loaded.weights, strict=True):
        tolerance = 1e-3 if len(old.shape) > 1 else 0  # float16 has 11 bits
        np.testing.assert_allclose(new.numpy(), old.numpy(), rtol=tolerance, atol=1e-7)
    images = np.random.default_rng(0).random([2, S, S, 3], np.float32)
    old, new = (m(images, draw=False) for m in (model, loaded))
    np.testing.assert_allclose(new.landmarks, old.landmarks, atol=0.05)  # pixels
    np.testing.assert_allclose(100 * new.vertices, 100 * old.vertices, atol=0.05)  # mm


def test_the_weights_of_a_run_are_the_same_format_with_every_bit(model, tmp_path):
    serving.save(tmp_path / "weights.npz", model, {"step": 7}, exact=True)
    for place in (tmp_path, tmp_path / "weights.npz"):
        loaded = n3.load(place)
        for old, new in zip(model.weights, loaded.weights, strict=True):
            np.testing.assert_array_equal(new.numpy(), old.numpy())
    with np.load(tmp_path / "weights.npz") as run:
        assert json.loads(run["state"].item()) == {"step": 7}
        assert {run[name].dtype for name in run.files if "/" in name} == {np.dtype(np.float32)}
        names = {*run.files}
    serving.save(tmp_path / "exported.npz", model)
    with np.load(tmp_path / "exported.npz") as exported:
        assert {*exported.files} == names


def test_the_file_is_small_and_holds_no_objects(model, weights):
    count = sum(v.numpy().size for v in model.weights)
    with np.load(weights, allow_pickle=False) as file:
        assert {file[name].dtype.kind for name in file.files} == {"f", "U"}
    assert 1.5 * count < weights.stat().st_size < 2.5 * count


def test_reconstruct_takes_bytes_floats_and_other_sizes(model):
    images = np.random.default_rng(0).integers(0, 256, [2, S, S, 3], np.uint8)
    wanted = model.reconstruct(images).landmarks
    np.testing.assert_allclose(model.reconstruct(images / 255).landmarks, wanted, atol=1e-4)
    larger = images.repeat(3, axis=1).repeat(3, axis=2)
    np.testing.assert_allclose(model.reconstruct(larger).landmarks, wanted, atol=0.5)
    rounded = images / 255 * (1 + 1e-6)
    np.testing.assert_allclose(model.reconstruct(rounded).landmarks, wanted, atol=1e-3)
    with pytest.raises(ValueError, match=r"\[B, N, N, 3\]"):
        model.reconstruct(images[:, :5])
    with pytest.raises(ValueError, match="uint8 or floats in .0, 1., got float64 from 0.0 to 255"):
        model.reconstruct(images * np.array(1.0))


def damaged(tmp_path, weights, change):
    with np.load(weights) as file:
        arrays = {name: file[name] for name in file.files}
    change(arrays)
    path = tmp_path / "damaged.npz"
    np.savez(path, **arrays)
    return path


def cut(arrays):
    name = next(name for name in arrays if name.endswith("kernel"))
    arrays[name] = arrays[name][:1]


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda arrays: arrays.pop("config"), "is not a file of weights: key `config` is missing"),
        (cut, r"kernel` must have shape \(.*\), got \(1,"),
        (lambda arrays: arrays.update(extra=np.zeros(3)), r"`extra` must have shape None"),
        (lambda arrays: arrays.update(config=np.array('{"wdth": 3}')), "did you mean `width`"),
    ],
)
def test_damaged_weights_are_named(tmp_path, weights, change, message):
    with pytest.raises(ValueError, match=message):
        n3.load(damaged(tmp_path, weights, change))


def test_missing_weights_say_how_to_train(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="nonlinear3dmm train"):
        n3.load(tmp_path / "none.npz")
    monkeypatch.setattr("tf_nonlinear3dmm.weights.SHIPPED", tmp_path / "small.npz")
    with pytest.raises(FileNotFoundError, match="no trained weights come with this package"):
        n3.load()
    with pytest.raises(FileNotFoundError, match="the folder has no weights.npz; train with"):
        n3.load(tmp_path)


def test_the_public_names_exist():
    for name in n3.__all__:
        assert getattr(n3, name).__doc__
    assert {*n3.__all__} <= {*dir(n3)}
    with pytest.raises(AttributeError, match="nothing"):
        _ = n3.nothing


def script(monkeypatch, *flags):
    """Runs scripts/export.py; returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["export.py", *map(str, flags)])
    try:
        runpy.run_path("scripts/export.py", run_name="__main__")
    except SystemExit as end:
        return end.code
    return 0


def test_the_script_writes_weights_once(monkeypatch, capsys, tmp_path, weights):
    flags = ("--run", weights, "--format", "weights", "--out", tmp_path / "a")
    assert script(monkeypatch, *flags) == 0
    assert n3.load(tmp_path / "a/weights.npz").config == CONFIG
    assert script(monkeypatch, *flags) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_script_ends_with_one_line_and_code_2(monkeypatch, capsys, tmp_path):
    for flags in (("--run", tmp_path / "none"), ("--format", "pickle"), ("--rnu", "x")):
        assert script(monkeypatch, *flags, "--out", tmp_path / "out") == 2
        error = capsys.readouterr().err
        assert error.startswith("export.py: ") and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", ["saved_model", "weights", "litert"])
def test_a_folder_that_cannot_be_written_is_one_line(monkeypatch, capsys, tmp_path, weights, form):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setattr(serving.portable, "litert", lambda model, path: path.write_bytes(b"x"))
    for out in ("/proc/tty", tmp_path / "file", tmp_path / "file" / "export"):
        assert script(monkeypatch, "--run", weights, "--format", form, "--out", out) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"export.py: cannot write {out}") and error.count("\n") == 1
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("form", ["saved_model", "weights", "litert"])
def test_an_export_that_fails_leaves_nothing(monkeypatch, tmp_path, model, form):
    def full(*arguments, **named):
        path = pathlib.Path(arguments[1 if form == "saved_model" else 0])
        path.mkdir() if form == "saved_model" else path.touch()
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", full)
    monkeypatch.setattr(serving, "save", full)
    monkeypatch.setattr(serving.portable, "litert", lambda model, path: full(path))
    with pytest.raises(serving.ExportError, match="cannot write .*: No space left on device"):
        serving.write(model, form, tmp_path / "out")
    assert not [*(tmp_path / "out").iterdir()]


def test_libraries_load_quietly(capfd):
    with command_line.quiet_imports():
        os.write(2, b"noise")
    os.write(2, b"signal")
    assert capfd.readouterr().err == "signal"


@pytest.mark.slow
def test_the_script_writes_a_saved_model(monkeypatch, tmp_path, weights):
    assert script(monkeypatch, "--run", weights, "--out", tmp_path, "--version", 7) == 0
    assert (tmp_path / "7" / "saved_model.pb").exists()


@pytest.fixture
def inputs(model):
    random = np.random.default_rng(0)
    codes = {name: random.normal(size=[3, 16]) for name in ("shape_code", "albedo_code")}
    images = {"images": random.random([3, S, S, 3])}
    give = {"encode": images, "decode": codes}
    give = {f: {n: v.astype(np.float32) for n, v in d.items()} for f, d in give.items()}
    found = {n: v for n, v in model.encode(give["encode"]["images"])._asdict().items()}
    vertices = model.decode_shape(give["decode"]["shape_code"])[1]
    albedo = model.decode_albedo(give["decode"]["albedo_code"])
    return give, {"encode": found, "decode": {"vertices": vertices, "albedo": albedo}}


def compare(found, wanted):
    assert {*found} == {*wanted}
    for name in wanted:  # other kernels, the same numbers
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_onnx_agrees(model, inputs, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    give, wanted = inputs
    for path in serving.write(model, "onnx", tmp_path):
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        found = session.run(None, give[path.stem])
        compare(dict(zip(names, found, strict=True)), wanted[path.stem])


@pytest.mark.slow
def test_litert_agrees(model, inputs, tmp_path):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    give, wanted = inputs
    [path] = serving.write(model, "litert", tmp_path)
    loaded = interpreter.Interpreter(model_path=str(path))
    for name, arrays in give.items():
        compare(loaded.get_signature_runner(name)(**arrays), wanted[name])
