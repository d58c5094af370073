"""Landmarks and 3D shape that every method predicts on test faces, and their errors.

Predictions are saved as arrays: tables and figures need no second run of a method.
"""

import pathlib
import time
from collections.abc import Sequence

import numpy as np

from tf_nonlinear3dmm import data, training
from tf_nonlinear3dmm.baselines import sdm
from tf_nonlinear3dmm.core import array_files, graphs
from tf_nonlinear3dmm.data import crop
from tf_nonlinear3dmm.evaluation import measures
from tf_nonlinear3dmm.studies.paper import baseline_training
from tf_nonlinear3dmm.studies.study import Study

BATCH = 32
LABELS = """landmarks projection vertices yaw_deg has_landmarks has_projection has_vertices
    landmark_visible""".split()


def predict(
    study: Study,
    method: str,
    run: str | None = None,
    split: data.Split | None = None,
    name: str = "test",
) -> None:
    """Runs a method on a split and writes predictions/<name>/<method>.npz.

    Args:
        study: `Study`.
        method: what the tables call it.
        run: name of a trained model; None: the method is "SDM" or "3DDFA".
        split: `data.Split`; the test faces where None.
        name: of the split, for the file.
    """
    split = study.split("test") if split is None else split
    if method == "SDM":
        predicted, seconds = _descend(sdm.load(study.file("sdm.npz")), study, split)
    elif run is None:
        predicted, seconds = _run(baseline_training.load_threeddfa(study), study, split)
    else:
        predicted, seconds = _run(training.load(study.run(run))[0], study, split)
    predicted["seconds"] = np.array(seconds / len(split.rows))
    array_files.write(path(study, method, name), predicted, {})


def path(study: Study, method: str, name: str = "test") -> pathlib.Path:
    """The file of a method's predictions on the split called `name`."""
    return study.file(f"predictions/{name}/{method}.npz")


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


def read(study: Study, method: str, name: str = "test") -> dict[str, np.ndarray]:
    """The arrays that `predict` wrote."""
    with np.load(path(study, method, name), allow_pickle=False) as file:
        return dict(file)


def errors(
    study: Study,
    methods: Sequence[str],
    pose_of: str,
    split: data.Split | None = None,
    name: str = "test",
) -> measures.Measures:
    """Errors per face of methods that have predicted a split.

    Args:
        study: `Study`.
        methods: names that `predict` was called with.
        pose_of: the method whose projection the first control uses, if it is among them.
        split, name: as for `predict`.

    Returns:
        `measures.Measures`.
    """
    split = study.split("test") if split is None else split
    predictions = {method: read(study, method, name) for method in methods}
    measured = measures.Measures()
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


def _labels(split, rows, image_size):
    """The ground truth that `errors` compares with, in pixels of the evaluation crop."""
    labels = {name: split[name][rows] for name in LABELS if name in split}
    labels = crop.evaluation(labels, image_size)
    return {name: np.asarray(values) for name, values in labels.items()}
