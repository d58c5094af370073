"""A disk that is full: one error that names the file, and what lay there before stays."""

import ast
import errno
import os
import pathlib

import numpy as np
import pytest

from tf_nonlinear3dmm import configs, weights
from tf_nonlinear3dmm.baselines import sdm
from tf_nonlinear3dmm.core import array_files, command_line
from tf_nonlinear3dmm.data import freshness, splits
from tf_nonlinear3dmm.demo import samples
from tf_nonlinear3dmm.evaluation import directions, report
from tf_nonlinear3dmm.face import FaceModel, mesh_files
from tf_nonlinear3dmm.face.build import assemble
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.networks import linear
from tf_nonlinear3dmm.rendering import visualize
from tf_nonlinear3dmm.studies import pictures, runs, schedule, study
from tf_nonlinear3dmm.studies.paper import linear_models, results
from tf_nonlinear3dmm.training import checkpoints, log, run

ROOT = pathlib.Path(__file__).parents[1]
PICTURE = np.zeros([8, 8, 3], np.uint8)
TEXTURE = np.zeros([4, 4, 3])
BASIS = linear.Basis(np.zeros(3), np.eye(3)[:2], np.ones(2))


@pytest.fixture(scope="module")
def face():
    return FaceModel.load("makehuman")


@pytest.fixture(scope="module")
def model():
    return Nonlinear3DMM(configs.preset("tiny").model, np.zeros(8), np.ones(8))


def small(folder):
    return study.tiny(folder, None, "data")


def descent():
    return sdm.Model(np.zeros([2, 2]), np.zeros([1, 3, 4]), sdm.Settings())


STEP = directions.Direction("shape_age", "age", "Shape", "shape", np.zeros(3))
WRITERS = {  # file -> what writes it: function of its folder, a face and a model
    "text.txt": lambda at, face, model: array_files.write_text(at / "text.txt", "new"),
    "arrays.npz": lambda at, face, model: array_files.write(at / "arrays.npz", {}, {}),
    "00000002.npz": lambda at, face, model: checkpoints.Checkpoints(at, 1).save(2, {}, {}),
    "weights.npz": lambda at, face, model: weights.save(at / "weights.npz", model),
    "face.npz": lambda at, face, model: face.save(at / "face.npz"),
    "asset.npz": lambda at, face, model: assemble.write(at / "asset.npz", {"a": np.zeros(2)}),
    "mesh.obj": lambda at, face, model: mesh_files.write_obj(
        at / "mesh.obj", face.mean_vertices, face, TEXTURE
    ),
    "mesh.glb": lambda at, face, model: mesh_files.write_glb(
        at / "mesh.glb", face.mean_vertices, face, TEXTURE
    ),
    "picture.png": lambda at, face, model: visualize.save(at / "picture.png", PICTURE),
    "samples.jpg": lambda at, face, model: samples.write_samples(at, [PICTURE]),
    "directions.npz": lambda at, face, model: directions.save(at / "directions.npz", [STEP]),
    "sdm.npz": lambda at, face, model: sdm.save(descent(), at / "sdm.npz"),
    "source.json": lambda at, face, model: freshness.keep(at, {}),
    "config.json": lambda at, face, model: run._write_config(configs.preset("tiny"), at),
    "metrics.jsonl": lambda at, face, model: log.Files(at, 1),
    "report.json": lambda at, face, model: report._write(at, {}, "", {}),
    "study.json": lambda at, face, model: schedule.check(small(at)),
    "parts.json": lambda at, face, model: small(at).write_json("parts.json", {}),
    "figures/a.png": lambda at, face, model: pictures.save(small(at), "a", PICTURE),
    "bases/a.npz": lambda at, face, model: linear_models._save(small(at), "a", BASIS),
    "results/a.json": lambda at, face, model: results.save(small(at), "a", {}),
    "results/maps/a/0004.npy": lambda at, face, model: results.save_maps(
        small(at), "a", 4, np.zeros([1, 2, 2, 3])
    ),
}
MADE_ANEW = ("study.json", "metrics.jsonl")  # what is there is read first


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("name", WRITERS)
def test_what_lay_there_stays_and_the_file_is_named(name, face, model, tmp_path, monkeypatch):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    before = {}
    if name != "study.json":
        path.write_text("")
        before = {path: b""}
    monkeypatch.setattr(os, "fsync", full)  # the last of what may fail while a file is written
    with pytest.raises(array_files.SaveError) as raised:
        WRITERS[name](tmp_path, face, model)
    assert str(raised.value) == f"cannot write {path}: No space left on device"
    assert command_line.is_expected(raised.value)
    there = [p for p in tmp_path.rglob("*") if p.is_file() and "tfevents" not in p.name]
    assert {p: p.read_bytes() for p in there} == before


def test_a_fork_of_a_run_is_whole_or_absent(tmp_path, monkeypatch):
    (tmp_path / "a" / "checkpoints").mkdir(parents=True)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(array_files.SaveError, match="cannot write .*/b: No space left"):
        runs.fork(tmp_path / "a", tmp_path / "b", configs.preset("tiny"))
    assert not (tmp_path / "b").exists()


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system reserves no space")
def test_space_for_records_is_there_before_they_are_copied(tmp_path, monkeypatch):
    """A memory-mapped file on a full disk would end the process when its pages are written."""
    splits._create(tmp_path / "a.npy", np.zeros([1000], np.float32), 100)
    assert (tmp_path / "a.npy").stat().st_blocks * 512 >= 400_000
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        splits._create(tmp_path / "b.npy", np.zeros([1000], np.float32), 100)


def test_a_link_is_followed_and_a_device_is_not_replaced(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    array_files.write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink() and (tmp_path / "real.txt").read_text() == "new"
    array_files.write_text("/dev/null", "nothing")
    assert not os.path.isfile("/dev/null")
    with pytest.raises(array_files.SaveError, match="cannot write .*: Is a directory"):
        array_files.write_text(tmp_path, "a folder")


ALLOWED = {  # what need not be whole: see there
    "core/array_files.py",  # the one place
    "core/array_streams.py",  # rows, in a folder that is removed
    "core/command_line.py",  # to the null device
    "training/log.py",  # appends lines, the last of which may be cut
    "serving/saved_model.py",  # in a folder that is renamed once it is whole
    "maintenance/benchmark/process.py",  # what a child says, in a folder that is removed
    "face/build/mediapipe_wheel.py",  # for maintainers, from a download
}


def writes(tree):
    """Lines of a module that write to a path of their own."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        modes = [a.value for a in node.args[:2] if isinstance(a, ast.Constant)]
        if name in ("write_text", "write_bytes") and len(node.args) == 1:
            yield node.lineno
        if name == "open" and any(isinstance(m, str) and set(m) & set("wax") for m in modes):
            yield node.lineno


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tf_nonlinear3dmm").rglob("*.py")), ids=lambda p: p.name
)
def test_files_are_written_in_one_place(path):
    lines = [*writes(ast.parse(path.read_text()))]
    assert not lines or str(path.relative_to(ROOT / "tf_nonlinear3dmm")) in ALLOWED
