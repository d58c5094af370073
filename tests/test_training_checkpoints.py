"""Checkpoints are whole or absent."""

import errno
import os

import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.training import checkpoints

ARRAYS = {"a/0000": np.arange(5, dtype=np.float32), "b/0000": np.array(3, np.int64)}


def test_what_is_written_is_read(tmp_path):
    store = checkpoints.Checkpoints(tmp_path / "new", keep=3)
    assert store.load_latest() is None
    state = {"step": 7, "window": {"loss": [0.1 + 0.2, 3]}, "best": None}
    store.save(7, ARRAYS, state)
    arrays, found = store.load_latest()
    assert found == state  # floats too, bit for bit
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)


def test_the_last_ones_stay(tmp_path):
    store = checkpoints.Checkpoints(tmp_path, keep=2)
    for step in (5, 50, 100_000_000, 9):
        store.save(step, ARRAYS, {"step": step})
    assert store.steps() == [50, 100_000_000]
    assert store.load_latest()[1]["step"] == 100_000_000


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path, damage):
    store, lines = checkpoints.Checkpoints(tmp_path, keep=2), []
    for step in (1, 2):
        store.save(step, ARRAYS, {"step": step})
    content = bytearray(store.path(2).read_bytes())
    if damage == "flip":
        content[content.index(ARRAYS["a/0000"].tobytes())] ^= 1
    store.path(2).write_bytes({"cut": content[:-40], "flip": content, "empty": b""}[damage])
    assert store.load_latest(lines.append)[1]["step"] == 1
    assert "00000002.npz cannot be read" in lines[0]
    store.path(1).write_bytes(b"")
    with pytest.raises(array_files.LoadError, match="no checkpoint in .* can be read"):
        store.load_latest(lines.append)


def test_what_a_killed_process_left_is_removed(tmp_path):
    store = checkpoints.Checkpoints(tmp_path, keep=2)
    store.save(1, ARRAYS, {"step": 1})
    (tmp_path / "00000002.part").write_bytes(b"half")
    assert store.load_latest()[1]["step"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["00000001.npz"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, monkeypatch, call):
    store = checkpoints.Checkpoints(tmp_path, keep=1)
    store.save(1, ARRAYS, {"step": 1})

    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(array_files.SaveError, match="cannot write .*2.npz: No space left"):
        store.save(2, ARRAYS, {"step": 2})
    assert [p.name for p in tmp_path.iterdir()] == ["00000001.npz"]
    assert store.load_latest()[1]["step"] == 1


def test_a_full_disk_under_tensorflow_reads_like_any_other():
    said = "{{function_node w_device_/job:localhost}} /r/tensorboard/e.v2; No space left [Op:Flush]"
    with pytest.raises(array_files.SaveError, match="^cannot write /r/tensorboard: No space left$"):
        with array_files.writing("/r/tensorboard"):
            raise tf.errors.ResourceExhaustedError(None, None, said)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    store = checkpoints.Checkpoints(tmp_path / "file" / "checkpoints", keep=1)
    with pytest.raises(array_files.SaveError, match="cannot write .*Not a directory"):
        store.save(1, ARRAYS, {})


def test_arrays_that_do_not_fit_change_nothing():
    variables = [tf.Variable([1.0, 2.0]), tf.Variable(3.0)]
    arrays = checkpoints.values_of(variables)
    with pytest.raises(array_files.LoadError, match="has 2 arrays, this model needs 1"):
        checkpoints.assign(variables[:1], arrays, "it")
    wrong = arrays | {"0001": np.zeros(4), "0000": np.zeros(2)}
    with pytest.raises(array_files.LoadError, match=r"array 1 must have shape \[\], got \[4\]"):
        checkpoints.assign(variables, wrong, "it")
    np.testing.assert_array_equal(variables[0], [1, 2])
    variables[0].assign([9, 9])
    checkpoints.assign(variables, arrays, "it")
    np.testing.assert_array_equal(variables[0], [1, 2])
