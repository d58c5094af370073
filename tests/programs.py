"""Programs that run beside a test and are watched."""

import pathlib
import subprocess
import sys

import pytest

SCRIPTS = pathlib.Path(__file__).parents[1] / "scripts"


def start(script, *words, **options):
    """The process of one of the project's scripts; what it prints comes line by line."""
    return subprocess.Popen(
        [sys.executable, SCRIPTS / script, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
        **options,
    )


def follow(process, until):
    """The lines of a process up to the first that starts with `until`."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith(until):
            return lines
    said = "".join(lines[-20:])
    pytest.fail(f"it ended with code {process.wait()} before it said {until!r}: {said}")


def end(process, timeout=900):
    """(exit code, the rest of what it says)."""
    output, _ = process.communicate(timeout=timeout)
    return process.returncode, output
