"""The servers under many requests at once, briefly; `python tests/load.py` does it for a minute."""

import pathlib
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_every_answer_is_right_and_memory_is_flat_under_load():
    pytest.importorskip("fastapi", reason="the page needs fastapi, uvicorn and python-multipart")
    program = pathlib.Path(__file__).parent / "load.py"
    words = [sys.executable, program, "--seconds", "5"]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=900)
    assert ended.returncode == 0, (ended.stdout + ended.stderr)[-3000:]
