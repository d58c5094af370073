"""Works through a list of parts, each of which is done once, and resumes where it stopped.

A part that trains saves a checkpoint at a signal and resumes from it; any other part that is
interrupted starts again. A part that fails is named in the report and tried again by the next call;
the others do not wait for it.
"""

import dataclasses
import gc
import json
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras

from tf_nonlinear3dmm import training
from tf_nonlinear3dmm.core import command_line, json_files
from tf_nonlinear3dmm.studies.study import Study


class Part(NamedTuple):
    """One part of a schedule.

    Attributes:
        name: unique; also of its record in parts.json.
        work: () -> False where a signal stopped it before its end.
    """

    name: str
    work: Callable[[], bool | None]


Write = Callable[[dict[str, dict[str, Any]]], bool]  # a report, of the record of each part


def follow(
    study: Study,
    parts: Sequence[Part],
    write: Write,
    minutes: float | None = None,
    say: Callable[[str], None] = print,
) -> bool:
    """Does the parts that are not done and writes a report of what there is; whether all is done.

    Args:
        study: `Study`.
        parts: list of `Part`.
        write: see `write_report`.
        minutes: time budget: no part begins after so long. The next call resumes.
        say: called with lines about progress.

    Raises:
        training.RunError: the folder holds a study of another configuration.
    """
    check(study)
    deadline = float("inf") if minutes is None else time.monotonic() + 60 * minutes
    finished = _work(study, parts, deadline, say)
    write_report(study, parts, write, say)
    return finished


def write_report(
    study: Study, parts: Sequence[Part], write: Write, say: Callable[[str], None] = print
) -> None:
    """Calls `write` with the records of all `parts`; it returns whether there was any result."""
    check(study)
    done = records(study)
    if write({part.name: done.get(part.name, {}) for part in parts}):
        say(f"report: {study.folder / 'report.md'}")
    else:
        say("nothing is measured yet: no report")


def records(study: Study) -> dict[str, dict[str, Any]]:
    """Part -> dict of `seconds` so far, `done`, and `error` where it failed."""
    path = study.file("parts.json")
    try:
        kept = json_files.loads(path.read_text()) if path.exists() else {}
    except ValueError as error:
        raise training.RunError(f"{path} cannot be read: {error}") from None
    if not isinstance(kept, dict) or not all(isinstance(part, dict) for part in kept.values()):
        raise training.RunError(f"{path} cannot be read: no records of parts")
    return kept


def check(study: Study) -> None:
    """Refuses a folder that holds another study; writes what this one is."""
    fields = dataclasses.asdict(study)
    for name in ("folder", "scans", "source"):
        fields.pop(name)
    fields["config"]["data"].pop("folder")
    text, path = json.dumps(fields, indent=2) + "\n", study.file("study.json")
    if not path.exists():
        study.write_text(path.name, text)
    elif path.read_text() != text:
        raise training.RunError(
            f"{path} is of a study of another configuration; give another --out"
        )


def _work(study, parts, deadline, say):
    """Does parts until the time budget is used up; whether all are done."""
    all_done = True
    for number, part in enumerate(parts, start=1):
        if records(study).get(part.name, {}).get("done"):
            continue
        if time.monotonic() >= deadline:
            say(f"the time budget is used up before `{part.name}`")
            return False
        say(f"part {number} of {len(parts)}: {part.name}")
        record = _do(study, part)
        if "error" in record:
            say(f"`{part.name}` failed: {record['error']}")
        elif not record["done"]:
            say(f"stopped in `{part.name}`")
            return False
        all_done = all_done and record["done"]
    return all_done


def _do(study, part):
    """Does one part; its record, which is kept in parts.json."""
    started, before = time.monotonic(), records(study).get(part.name, {}).get("seconds", 0)
    try:
        record = {"done": part.work() is not False}
    except Exception as error:  # the parts after it need not fail too
        if not command_line.is_expected(error):
            traceback.print_exc()
        record = {"done": False, "error": f"{type(error).__name__}: {error}"}
    record = {"seconds": round(before + time.monotonic() - started, 1), **record}
    study.write_json("parts.json", records(study) | {part.name: record})
    keras.utils.clear_session()
    gc.collect()  # graphs of a part hold on to its arrays
    return record
