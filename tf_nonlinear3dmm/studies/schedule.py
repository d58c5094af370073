"""Works through a list of parts, in as many sittings as it takes. Every part is done once.

A part that trains stops at a signal and goes on from its checkpoint; any other part that is
interrupted starts again. A part that fails is named in the report and tried again by the next call;
the others go on without it.
"""

import dataclasses
import gc
import json
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from typing import NamedTuple

import keras

from tf_nonlinear3dmm import training

STEP = 0.4  # seconds of one training step of `small` on two free cores
ASK_EVERY = 5  # seconds; a training that has not begun its steps does not hear the first time


class Part(NamedTuple):
    """One part of a schedule.

    Attributes:
        name: unique; also of its record in parts.json.
        work: () -> False where a signal stopped it before its end.
        seconds: expected on two free cores.
        trains: it answers SIGTERM by saving and returning False; any other part that is
            interrupted starts again.
    """

    name: str
    work: Callable
    seconds: float
    trains: bool = False


def follow(study, parts, write, minutes=None, say=print):
    """Works through the parts and writes a report of what there is; whether all is done.

    Args:
        study: `Study`.
        parts: list of `Part`.
        write: see `write_report`.
        minutes: stop after so long: no part begins that would not end in time, and a training that
            runs is asked to save and stop. The next call goes on.
        say: called with lines about progress.

    Raises:
        training.RunError: the folder holds a study of another configuration.
    """
    check(study)
    begun = time.monotonic()
    finished = _work(study, parts, lambda: _left(begun, minutes), say)
    write_report(study, parts, write, say)
    return finished


def write_report(study, parts, write, say=print):
    """Calls `write` with the records of all `parts`; it returns whether there was any result."""
    check(study)
    done = records(study)
    if write({part.name: done.get(part.name, {}) for part in parts}):
        say(f"report: {study.folder / 'report.md'}")
    else:
        say("nothing is measured yet: no report")


def records(study):
    """Part -> dict of `seconds` so far, `done`, and `error` where it failed."""
    path = study.file("parts.json")
    return json.loads(path.read_text()) if path.exists() else {}


def check(study):
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


def _left(begun, minutes):
    return float("inf") if minutes is None else 60 * minutes - (time.monotonic() - begun)


def _work(study, every, left, say):
    """Does parts until the time is over; whether all are done."""
    whole, begun = True, False
    for number, part in enumerate(every):
        done = records(study)
        if done.get(part.name, {}).get("done"):
            continue
        needed = part.seconds * _pace(every, done)
        if left() <= 0 or (begun and not part.trains and needed > left()):
            say(f"stopped before `{part.name}`")
            return False
        remains = _remaining(every, done)
        say(
            f"part {number + 1} of {len(every)}: {part.name}, about {_minutes(needed)}; "
            f"all that is left: about {_minutes(remains)}"
        )
        begun = True
        if not _do(study, part, left(), done.get(part.name, {}), say):
            if "error" not in records(study)[part.name]:
                say(f"stopped in `{part.name}`")
                return False
            whole = False
    return whole


def _do(study, part, left, before, say):
    """Does one part and records it; whether it is done."""
    started, record = time.monotonic(), {}
    try:
        with _Alarm(left if part.trains else float("inf")):
            record["done"] = part.work() is not False
    except Exception as error:  # the parts after it need not fail too
        traceback.print_exc()
        record = {"done": False, "error": f"{type(error).__name__}: {error}"}
        say(f"`{part.name}` failed: {record['error']}")
    spent = before.get("seconds", 0) + time.monotonic() - started
    _record(study, part.name, {"seconds": round(spent, 1), **record})
    keras.utils.clear_session()
    gc.collect()  # graphs of a part hold on to its arrays
    return record["done"]


def _record(study, name, record):
    path = study.file("parts.json")
    whole = path.with_suffix(".part")
    whole.write_text(json.dumps(records(study) | {name: record}, indent=2) + "\n")
    os.replace(whole, path)


def _pace(every, done):
    """How much longer than expected trainings have taken here so far."""
    known = [part for part in every if part.trains and done.get(part.name, {}).get("done")]
    expected = sum(part.seconds for part in known)
    return sum(done[part.name]["seconds"] for part in known) / expected if expected else 1.0


def _remaining(every, done):
    """Seconds that the parts to do will take, without what interrupted ones have done already."""
    pace, total = _pace(every, done), 0.0
    for part in every:
        record = done.get(part.name, {})
        if not record.get("done"):
            spent = record.get("seconds", 0) if part.trains else 0
            total += max(0.0, part.seconds * pace - spent)
    return total


def _minutes(seconds):
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


class _Alarm:
    """Sends this process SIGTERM after a while, again and again, until the block ends."""

    def __init__(self, wait):
        self.wait, self.over = wait, threading.Event()

    def __enter__(self):
        if self.wait != float("inf"):
            # Where no training listens yet, or none any more, the signal must not kill.
            self.old = signal.signal(signal.SIGTERM, lambda *_: None)
            self.thread = threading.Thread(target=self._ring, daemon=True)
            self.thread.start()

    def _ring(self):
        wait = self.wait
        while not self.over.wait(wait):
            os.kill(os.getpid(), signal.SIGTERM)
            wait = ASK_EVERY

    def __exit__(self, *_):
        if self.wait != float("inf"):
            self.over.set()
            self.thread.join()
            signal.signal(signal.SIGTERM, self.old)
