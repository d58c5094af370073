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
from tf_nonlinear3dmm.experiments import (
    alignment,
    bases,
    expressiveness,
    landmarkers,
    pictures,
    report,
    shape_power,
    texture_power,
    variants,
)


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


def parts(study):
    """The schedule of a study: list of `Part`."""
    steps = [Part("faces", lambda: _faces(study)), Part("bases", lambda: bases.learn(study))]
    for name, start in runs(study):
        steps.append(_training(study, name, start))
    steps.append(Part("SDM", lambda: landmarkers.train_sdm(study)))
    steps.append(Part("3DDFA", lambda: landmarkers.train_threeddfa(study), trains=True))
    for size in study.shape_codes:
        for kind in ("mlp", "conv"):
            steps.append(_decoder(study, kind, size))
    for size in study.texture_codes:
        steps.append(_albedo_decoder(study, size))
    for method, run in methods(study).items():
        steps.append(_prediction(study, method, run))
    steps.append(
        Part("shape power", lambda: report.keep(study, "shape", shape_power.measure(study)))
    )
    steps.append(Part("texture power", lambda: _texture_power(study)))
    steps.append(Part("expressiveness", lambda: _expressiveness(study)))
    if study.aflw:
        steps += _aflw(study)
    return steps


def runs(study):
    """[(name of a trained model, name of the run it starts from or None)]."""
    size = study.code_size
    names = [(f"nonlinear-truth-{size}", None)]
    names += [(f"nonlinear-teacher-{size}-pretrain", None)]
    names += [(f"nonlinear-teacher-{size}", f"nonlinear-teacher-{size}-pretrain")]
    names += [("linear-scan-200", None), ("linear-oracle", None)]
    names += [(f"nonlinear-truth-{k}", None) for k in study.image_codes if k != size]
    return names + [(f"mlp-truth-{k}", None) for k in study.mlp_codes]


def methods(study):
    """What the tables of alignment and reconstruction call a method -> its run, or None."""
    size = study.code_size
    return {
        "Linear 3DMM, scan-200": "linear-scan-200",
        "Linear 3DMM, oracle": "linear-oracle",
        "SDM": None,
        "3DDFA": None,
        "Nonlinear, truth": f"nonlinear-truth-{size}",
        "Nonlinear, teacher, pretrained": f"nonlinear-teacher-{size}-pretrain",
        "Nonlinear, teacher, finetuned": f"nonlinear-teacher-{size}",
    }


def follow(study, minutes=None, say=print):
    """Works through the schedule and writes the report; whether everything is done.

    Args:
        study: `Study`.
        minutes: stop after so long: no part begins later, and a training that runs is asked to
            save and stop. The next call goes on.
        say: called with lines about progress.

    Raises:
        training.RunError: the folder holds a study of another configuration.
    """
    _check(study)
    begun = time.monotonic()
    left = (lambda: float("inf")) if minutes is None else lambda: minutes * 60 - _since(begun)
    schedule = parts(study)
    for number, part in enumerate(schedule):
        record = seconds(study).get(part.name, {})
        if record.get("done"):
            continue
        if left() <= 0:
            say(f"stopped before `{part.name}`; {len(schedule) - number} parts are left")
            return False
        say(f"part {number + 1} of {len(schedule)}: {part.name}")
        started = time.monotonic()
        with _Alarm(left() if part.trains else float("inf")):
            finished = part.work() is not False
        _record(study, part.name, record.get("seconds", 0) + _since(started), finished)
        keras.utils.clear_session()
        gc.collect()  # graphs of a part hold on to its arrays
        if not finished:
            say(f"stopped in `{part.name}`; {len(schedule) - number} parts are left")
            return False
    report.write(study, methods(study), seconds(study))
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


def _faces(study):
    for name in ("train", "validation", "test"):
        study.split(name).prepare(["image", "landmarks"])


def _training(study, name, start):
    return Part(name, lambda: variants.train(study, name, start), trains=True)


def _decoder(study, kind, size):
    name = f"shape decoder {kind} {size}"
    return Part(name, lambda: shape_power.train_decoder(study, kind, size))


def _albedo_decoder(study, size):
    return Part(f"albedo decoder {size}", lambda: texture_power.train_decoder(study, size))


def _prediction(study, method, run):
    return Part(f"predict {method}", lambda: alignment.predict(study, method, run))


def _texture_power(study):
    table, maps = texture_power.measure(study)
    report.keep_figure(study, "textures", pictures.textures(study, maps))
    report.keep(study, "texture", table)


def _expressiveness(study):
    for name, picture in expressiveness.figures(
        study, f"nonlinear-truth-{study.code_size}"
    ).items():
        report.keep_figure(study, name, picture)


def _aflw(study):
    """Alignment of AFLW2000-3D, where the user has it."""
    split = report.aflw_split(study)
    return [
        Part(
            f"predict {method} on AFLW2000-3D",
            lambda m=method, r=run: alignment.predict(study, m, r, split, "aflw2000_3d"),
        )
        for method, run in methods(study).items()
    ]
