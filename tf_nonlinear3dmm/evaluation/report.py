"""Weights and a test set -> report.md, report.json and figures in a folder."""

import json
import pathlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tf_nonlinear3dmm import configs, data
from tf_nonlinear3dmm.core import array_files, filenames
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.evaluation import (
    document,
    errors,
    expressiveness,
    measures,
    plots,
    sections,
    statistics,
)
from tf_nonlinear3dmm.evaluation.subject import EvaluationError, open_subject
from tf_nonlinear3dmm.rendering import visualize
from tf_nonlinear3dmm.training import log

SHOWN = 4  # faces in each panel


def evaluate(
    run: Path | None = None,
    source: str | None = None,
    split: str | None = None,
    faces: int | None = None,
    out: Path | None = None,
    batch_size: int = 32,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Evaluates a model on a test set and writes its report.

    Args:
        run: folder of a run, or a file of weights or its folder; None: the weights of the package.
        source: data set, `name`, `name/config` or `name:PATH`; the run's first where None, or the
            generated faces.
        split: of the data set, or "all"; where None test, or all photos of a folder that the run
            was not trained on, or validation.
        faces: evaluate the first so many; all where None.
        out: folder for report.md, report.json and figures/; where None the run's for its own data
            set, else reports/<weights>-<data set>.
        batch_size: faces at a time.
        say: called with lines about progress.

    Returns:
        The report as a dict, as in report.json.

    Raises:
        EvaluationError: no such weights, data set or split, or the report cannot be written.
    """
    started = time.monotonic()
    subject = open_subject(run, source, split, out)
    with array_files.writing(subject.out, EvaluationError):
        filenames.check_writable(subject.out)
    rows = subject.split.rows[:faces]
    say(f"evaluating {len(rows)} faces of {subject.source}, split {subject.split.name}")
    if subject.request.path:
        say(f"prepared in {subject.split.builder.data_path}")
    measured = measures.measure(subject.model, _batches(subject, rows, batch_size))
    per_face = measured.per_face()
    pictures = _figures(subject, rows, per_face, measured.per_vertex())
    pictures |= expressiveness.draw_all(subject.model, subject.train, subject.split)
    report = {
        "run": subject.run,
        "source": subject.source,
        "split": subject.split.name,
        "faces": len(rows),
        "bad_records": _bad_records(subject.split),
        "config": configs.to_dict(subject.config) if subject.of_run else None,
        **statistics.summarise(per_face, subject.config.train.seed),
    }
    report["notes"] = sections.notes(subject, per_face, report)
    report["seconds"] = round(time.monotonic() - started, 1)
    with array_files.writing(subject.out, EvaluationError):
        text = document.to_markdown(sections.blocks(report, pictures))
        _write(subject.out, statistics.finite(report), text, pictures)
    say(f"report: {subject.out / 'report.md'} ({report['seconds']} s)")
    return report


def _bad_records(split):
    """What could not be read when the data set was prepared, then what is not finite."""
    unread = (split.builder.info.metadata or {}).get("skipped", [])
    return [*unread, *split.skipped]


def _batches(subject, rows, batch_size):
    features = [name for name in measures.FEATURES if name in subject.split]
    size, seed = subject.config.model.image_size, subject.config.train.seed
    return data.in_order(subject.split, size, batch_size, features, rows, measures.OFF, seed)


def _write(folder, report, text, pictures):
    for name, picture in pictures.items():
        visualize.save(folder / "figures" / f"{name}.png", picture)
    array_files.write_text(folder / "report.json", json.dumps(report, indent=2) + "\n")
    array_files.write_text(folder / "report.md", text)


def _figures(subject, rows, per_face, per_vertex):
    """Name -> uint8 picture."""
    nme = {name[1]: values for name, values in per_face.items() if name[0] == errors.NME}
    nme = {m: v[np.isfinite(v)] for m, v in nme.items() if np.isfinite(v).any()}
    pictures = plots.error_figures(nme, per_vertex, subject.model.face)
    score = per_face.get((errors.NME, errors.MODEL), np.zeros(len(rows)))
    order = [i for i in np.argsort(score, kind="stable") if np.isfinite(score[i])]
    middle = max(0, (len(order) - SHOWN) // 2)
    groups = {"best": order[:SHOWN], "median": order[middle:][:SHOWN], "worst": order[-SHOWN:]}
    for name, which in groups.items():
        if which:
            pictures[name] = _panel(subject, rows[which])
    history = pathlib.Path(subject.run or "") / "metrics.jsonl"
    if subject.of_run and history.exists():
        pictures["curves"] = plots.curves(log.read(history))
    return pictures


def _panel(subject, rows):
    features = [name for name in ("has_landmarks",) if name in subject.split]
    size = subject.config.model.image_size
    batch = next(iter(data.in_order(subject.split, size, len(rows), features, rows)))
    return visualize.panel(
        batch["image"], subject.model(batch["image"]), batch, subject.model.uv_layout
    )
