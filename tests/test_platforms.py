"""Where Unix ends: what other systems lack, and locks that every system has."""

import os
import subprocess
import sys
import threading

import programs
import pytest

from tf_nonlinear3dmm.core import array_files, locks

ELSEWHERE = """
import os, signal, sys
for name in ("fcntl", "grp", "pwd", "pty", "resource", "syslog", "termios", "tty"):
    sys.modules[name] = None  # importing it fails
for name in ("fork", "getuid", "getloadavg", "killpg", "sched_getaffinity", "setsid"):
    vars(os).pop(name, None)
for name in ("SIGHUP", "SIGKILL", "SIGALRM"):
    vars(signal).pop(name, None)
"""

LOADS = """
import numpy as np
import tf_nonlinear3dmm as n3
model = n3.load()
size = model.config.image_size
print(*model.reconstruct(np.zeros([1, size, size, 3], np.float32)).image.shape)
print("tf_nonlinear3dmm.training" in sys.modules)
"""

HOLDS = """
import pathlib, sys, time
from tf_nonlinear3dmm.core import locks
run, data = map(pathlib.Path, sys.argv[1:])
with locks.alone(run, wait=False), locks.alone(data):
    print("held", flush=True)
    time.sleep(600)
"""


def python(program, *words):
    """The process of a program given as text."""
    command = [sys.executable, "-c", program, *map(str, words)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
    )


def test_a_face_is_reconstructed_without_training_where_unix_modules_are_absent():
    code, said = programs.end(python(ELSEWHERE + LOADS), timeout=120)
    assert code == 0 and said.endswith("1 112 112 3\nFalse\n"), said[-2000:]


def test_the_locks_of_a_killed_process_are_free(tmp_path):
    run, data = tmp_path / "run", tmp_path / "data"
    holder = python(HOLDS, run, data)
    entered = threading.Event()

    def wait():
        with locks.alone(data):
            entered.set()

    waiter = threading.Thread(target=wait)
    try:
        programs.follow(holder, "held")
        waiter.start()
        with (
            pytest.raises(locks.BusyError, match="run is in use by another process$"),
            locks.alone(run, wait=False),
        ):
            pass
        assert not entered.wait(0.5)
    finally:
        holder.kill()
        programs.end(holder)
    assert entered.wait(30)
    waiter.join()
    with locks.alone(run, wait=False):
        pass


def test_a_folder_is_synchronized_where_the_system_opens_folders(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError):
        array_files.sync_folder(tmp_path / "missing")
    monkeypatch.delattr(os, "O_DIRECTORY")

    def refuse(path, flags):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "open", refuse)  # as Windows does
    array_files.sync_folder(tmp_path)
