"""Several devices and several processes train as one device does."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys

import fake_faces
import numpy as np
import programs
import pytest

HERE = pathlib.Path(__file__).parent
pytestmark = pytest.mark.slow


def start(data, strategy, devices, out, **environment):
    """The process of `train_steps.py`."""
    return subprocess.Popen(
        [sys.executable, HERE / "train_steps.py", data, strategy, str(devices), out],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(*processes):
    for process in processes:
        output, _ = process.communicate(timeout=1800)
        assert process.returncode == 0, output[-3000:]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("localhost", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def cluster(workers):
    """TF_CONFIG of each of several workers on this machine."""
    addresses = [f"localhost:{port}" for port in free_ports(workers)]
    return [
        json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": i}})
        for i in range(workers)
    ]


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """(folder of the data, arrays of the run on one device)."""
    folder = tmp_path_factory.mktemp("data")
    fake_faces.prepare(folder)
    finish(start(folder, "one_device", 1, folder / "one.npz"))
    return folder, np.load(folder / "one.npz")


def assert_same(arrays, path):
    found = np.load(path)
    assert {*found} == {*arrays}
    for name in arrays:
        if found[name].dtype.kind == "f":
            np.testing.assert_allclose(
                found[name], arrays[name], atol=1e-5, rtol=1e-5, err_msg=name
            )
        else:
            np.testing.assert_array_equal(found[name], arrays[name], err_msg=name)


def test_two_devices_train_as_one(one):
    folder, arrays = one
    finish(start(folder, "mirrored", 2, folder / "mirrored.npz"))
    assert_same(arrays, folder / "mirrored.npz")


def test_two_processes_train_as_one(one):
    folder, arrays = one
    outs = [folder / f"worker{i}.npz" for i in range(2)]
    finish(*(
        start(folder, "multi_worker", 1, out, TF_CONFIG=task)
        for out, task in zip(outs, cluster(2), strict=True)
    ))  # fmt: skip
    for out in outs:
        assert_same(arrays, out)


def workers(data, *outs):
    """Processes of scripts/train.py, one for each folder."""
    flags = ["--preset", "tiny", "--strategy", "multi_worker", "--data", "fake_faces"]
    flags += ["--data.folder", data, "--train.checkpoint_minutes", "0"]
    return [
        programs.start("train.py", *flags, "--out", out, env={**os.environ, "TF_CONFIG": task})
        for out, task in zip(outs, cluster(len(outs)), strict=True)
    ]


def test_a_worker_that_is_killed_or_stopped_stops_the_other_and_both_go_on(one, tmp_path):
    folder, _ = one
    out, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    chief, other = workers(folder, out, out)
    programs.follow(chief, "pretrain 5/40")
    other.kill()
    programs.end(other)
    code, said = programs.end(chief)
    assert code == 5 and "is gone. On every machine: nonlinear3dmm train" in said
    chief, other = workers(folder, out, out)
    lines = programs.follow(chief, "pretrain 10/40")
    assert any("resuming after step" in line for line in lines)
    other.send_signal(signal.SIGTERM)
    for process in (chief, other):
        code, said = programs.end(process)
        assert (
            code == 0 and "stopped after step" in said and "To resume: nonlinear3dmm train" in said
        )
    for process in workers(folder, out, elsewhere):
        code, said = programs.end(process)
        assert code == 2 and "they must share the folder" in said
    assert not [*elsewhere.glob("checkpoints/*")]
