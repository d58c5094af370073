"""How a training program ends: one line on stderr, and a code that says why."""

import errno
import os

import pytest
import tensorflow as tf

from tf_nonlinear3dmm import training

AGAIN = "python train.py --out runs/a"
SILENT = (
    "{{function_node x_device_/job:worker/replica:0/task:0/device:CPU:0}} Collective ops is "
    "aborted by: Error reported from /job:worker/task:1: The following tasks are unhealthy "
    "(stopped sending heartbeats):\n/job:worker/replica:0/task:1\nThe tasks have crashed."
)


def end(error, capsys):
    """(code, what was said) of a program that ends with an error."""
    with pytest.raises(SystemExit) as end:
        with training.codes("train.py", AGAIN, ZeroDivisionError):
            raise error
    said = capsys.readouterr()
    assert not said.out and said.err.count("\n") == 1 and said.err.startswith("train.py: ")
    return end.value.code, said.err


def full(path=None):
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


@pytest.mark.parametrize(
    "error, code, words",
    [
        (training.RunError("no such preset"), 2, ["no such preset"]),
        (training.LoadError("checkpoint 7 cannot be read"), 2, ["checkpoint 7 cannot be read"]),
        (ZeroDivisionError("a script's own"), 2, ["a script's own"]),
        (training.NonFiniteError(7, {}), 3, ["step 7: the loss", "the checkpoint before it stays"]),
        (training.SaveError("cannot write a.npz: full"), 4, ["a.npz: full", "stays", AGAIN]),
        (full(), 4, ["cannot read or write: No space left on device", AGAIN]),
        (full("a/report.md"), 4, ["cannot read or write a/report.md: No space left", AGAIN]),
        (KeyboardInterrupt(), 130, ["interrupted", AGAIN]),
    ],
)
def test_an_error_is_one_line_and_a_code(error, code, words, capsys):
    found, said = end(error, capsys)
    assert found == code and all(word in said for word in words)


def test_a_worker_that_is_gone_is_named_where_tensorflow_knows_it(capsys, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "{}")
    code, said = end(tf.errors.UnavailableError(None, None, SILENT), capsys)
    assert code == 5 and f"worker 1 is gone. On every machine: {AGAIN}" in said
    code, said = end(tf.errors.AbortedError(None, None, "Graph execution error:\n\nmore"), capsys)
    assert code == 5 and "another worker is gone. On every machine" in said


def test_an_error_of_tensorflow_on_one_machine_is_not_hidden(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(tf.errors.UnavailableError):
        with training.codes("train.py", AGAIN):
            raise tf.errors.UnavailableError(None, None, SILENT)


def test_what_does_not_end_in_an_error_is_left_alone(capsys):
    with training.codes("train.py", AGAIN):
        pass
    assert capsys.readouterr() == ("", "")
