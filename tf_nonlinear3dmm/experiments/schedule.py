"""What is done in which order. Every part is done once; a second call goes on after the first.

A part that trains stops at a signal and goes on from its checkpoint; any other part that is
interrupted starts again.
"""

import dataclasses
import gc
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import keras

from tf_nonlinear3dmm import training


class Part(NamedTuple):
    """One part of the schedule.

    Attributes:
        name: unique; also of its record in parts.json.
        work: () -> False where a signal stopped it before its end.
        trains: it answers SIGTERM by saving and returning False.
    """

    name: str
    work: Callable
    trains: bool = False


def follow(study, parts, write, minutes=None, say=print):
    """Works through the parts and writes the report; whether everything is done.

    Args:
        study: `Study`.
        parts: list of `Part`.
        write: called at the end with what `seconds` returns.
        minutes: stop after so long: no part begins later, and a training that runs is asked to
            save and stop. The next call goes on.
        say: called with lines about progress.

    Raises:
        training.RunError: the folder holds a study of another configuration.
    """
    _check(study)
    begun = time.monotonic()
    left = (lambda: float("inf")) if minutes is None else lambda: minutes * 60 - _since(begun)
    for number, part in enumerate(parts):
        record = seconds(study).get(part.name, {})
        if record.get("done"):
            continue
        if left() <= 0:
            say(f"stopped before `{part.name}`; {len(parts) - number} parts are left")
            return False
        say(f"part {number + 1} of {len(parts)}: {part.name}")
        started = time.monotonic()
        with _Alarm(left() if part.trains else float("inf")):
            finished = part.work() is not False
        _record(study, part.name, record.get("seconds", 0) + _since(started), finished)
        keras.utils.clear_session()
        gc.collect()  # graphs of a part hold on to its arrays
        if not finished:
            say(f"stopped in `{part.name}`; {len(parts) - number} parts are left")
            return False
    write(seconds(study))
    say(f"report: {study.folder / 'report.md'}")
    return True


def seconds(study):
    """Part -> dict of `seconds` so far and `done`."""
    path = study.file("parts.json")
    return json.loads(path.read_text()) if path.exists() else {}


class _Alarm:
    """Sends this process SIGTERM after a while, unless the block ends before."""

    def __init__(self, wait):
        self.timer = None
        if wait != float("inf"):
            self.timer = threading.Timer(wait, os.kill, (os.getpid(), signal.SIGTERM))

    def __enter__(self):
        if self.timer:
            self.timer.start()

    def __exit__(self, *_):
        if self.timer:
            self.timer.cancel()


def _check(study):
    """Refuses a folder that holds another study; writes what this one is."""
    fields = dataclasses.asdict(study)
    for name in ("folder", "scans", "aflw"):
        fields.pop(name)
    fields["config"]["data"].pop("folder")
    wanted, path = json.dumps(fields, indent=2) + "\n", study.file("study.json")
    if not path.exists():
        path.write_text(wanted)
    elif path.read_text() != wanted:
        raise training.RunError(
            f"{path} is of a study of another configuration; give another --out"
        )


def _since(start):
    return time.monotonic() - start


def _record(study, name, spent, done):
    record = seconds(study) | {name: {"seconds": round(spent, 1), "done": done}}
    path = study.file("parts.json")
    part = path.with_suffix(".part")
    part.write_text(json.dumps(record, indent=2) + "\n")
    os.replace(part, path)
