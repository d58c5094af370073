"""Landmarks and 3D shape that every method predicts on test faces, and their errors.

Predictions are saved as arrays: tables and figures need no second run of a method.
"""

import pathlib
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from tf_nonlinear3dmm import data, training
from tf_nonlinear3dmm.baselines import sdm
from tf_nonlinear3dmm.core import array_files, graphs
from tf_nonlinear3dmm.data import crop
from tf_nonlinear3dmm.evaluation import measures, subject
from tf_nonlinear3dmm.studies.paper import baseline_training, claims, trained_models
from tf_nonlinear3dmm.studies.study import BATCH, Study

LABELS = """landmarks projection vertices yaw_deg has_landmarks has_projection has_vertices
    landmark_visible""".split()


TEST = "test"  # the generated people; any other set of faces is `Study.source`


def predict(study: Study, run: str, name: str = TEST) -> None:
    """Runs what was trained as `run` on a set of faces and writes predictions/<name>/<run>.npz."""
    split, (kind, *_) = open_faces(study, name), run.split(trained_models.SEED)
    if kind == trained_models.SDM:
        predicted, seconds = _descend(baseline_training.load_sdm(study, run), study, split)
    elif kind == trained_models.THREEDDFA:
        predicted, seconds = _run(baseline_training.load_threeddfa(study, run), study, split)
    else:
        predicted, seconds = _run(training.load(study.run(run))[0], study, split)
    predicted["seconds"] = np.array(seconds / len(split.rows))
    array_files.write(path(study, run, name), predicted, {})


def open_faces(study: Study, name: str = TEST) -> data.Split:
    """The generated test people, or the second set of faces."""
    if name == TEST:
        return study.split("test")
    assert study.source is not None
    request = data.request(study.source, study.config.model.image_size)
    return subject.open_test(request, study.config)


def path(study: Study, run: str, name: str = TEST) -> pathlib.Path:
    """The file of what a run predicts on a set of faces."""
    return study.file(f"predictions/{name}/{run}.npz")


def _descend(model, study, split):
    """SDM's predictions on the faces of a split, and the seconds they took."""
    images, _ = baseline_training.crops(study, split)
    started = time.monotonic()
    return {"landmarks": sdm.predict(model, images)}, time.monotonic() - started


def _run(model, study, split):
    """A network's predictions on the faces of a split, and the seconds they took."""
    size = study.config.model.image_size
    call = graphs.function(lambda images: model(images, training=False), reduce_retracing=True)
    parts = {"landmarks": [], "vertices": [], "projection": []}
    for batch in data.in_order(split, size, BATCH, ["image"]):
        if not parts["landmarks"]:
            call(batch["image"])  # the first call also traces
            started = time.monotonic()
        result = call(batch["image"])
        for name, batches in parts.items():
            batches.append(getattr(result, name).numpy())
    seconds = time.monotonic() - started
    return {name: np.concatenate(batches) for name, batches in parts.items()}, seconds


def read(study: Study, run: str, name: str = TEST) -> dict[str, np.ndarray]:
    """The arrays that `predict` wrote."""
    with np.load(path(study, run, name), allow_pickle=False) as file:
        return dict(file)


def errors(study: Study, pose_of: str, name: str = TEST) -> measures.Measures:
    """Errors per face of all runs that have predicted a set of faces, and of the teacher's labels.

    Args:
        study: `Study`.
        pose_of: the run whose projection the first control uses, if it is among them.
        name: of the set.

    Returns:
        `measures.Measures`, by run; see `by_method`. Empty where there is no prediction.
    """
    runs = [run for each in trained_models.runs_of(study).values() for run in each]
    predictions = {r: read(study, r, name) for r in runs if path(study, r, name).exists()}
    measured = measures.Measures()
    if not predictions:
        return measured
    split = open_faces(study, name)
    if "teacher_vertices" in split:
        offset = crop.margin(study.config.model.image_size)
        landmarks = split["teacher_landmarks"][split.rows] - np.float32(offset)
        predictions[claims.TEACHER] = dict(
            landmarks=landmarks, vertices=split["teacher_vertices"][split.rows]
        )
    for start in range(0, len(split.rows), BATCH):
        part = slice(start, start + BATCH)
        landmarks, vertices, projections = (
            {method: arrays[kind][part] for method, arrays in predictions.items() if kind in arrays}
            for kind in ("landmarks", "vertices", "projection")
        )
        labels = _labels(split, split.rows[part], study.config.model.image_size)
        projection = projections.get(pose_of)
        measured.add_geometry(study.face(), labels, landmarks, projection, vertices)
    return measured


def by_method(study: Study, values: Mapping[Any, np.ndarray]) -> dict[Any, np.ndarray]:
    """Means over the seeds of each method.

    Args:
        study: `Study`.
        values: run, or (measure, run), -> an array; other names stay.

    Returns:
        The same with methods in place of runs.
    """
    methods = {run: m for m, each in trained_models.runs_of(study).items() for run in each}
    seeds: dict[Any, list[np.ndarray]] = {}
    for name, value in values.items():
        measure, run = name if isinstance(name, tuple) else (None, name)
        method = methods.get(run, run)
        seeds.setdefault(method if measure is None else (measure, method), []).append(value)
    return {name: np.mean(each, axis=0) for name, each in seeds.items()}


def _labels(split, rows, image_size):
    """The ground truth that `errors` compares with, in pixels of the evaluation crop."""
    labels = {name: split[name][rows] for name in LABELS if name in split}
    labels = crop.evaluation(labels, image_size)
    return {name: np.asarray(values) for name, values in labels.items()}
