"""Landmarks and 3D shape that every method predicts on test faces, and their errors.

The predictions are kept as arrays, so that tables and figures are made without running a method
again.
"""

import time

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import data, training
from tf_nonlinear3dmm.baselines import sdm
from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.data import crop
from tf_nonlinear3dmm.evaluation import measures
from tf_nonlinear3dmm.studies.paper import baseline_training

BATCH = 32
LABELS = """landmarks projection vertices yaw_deg has_landmarks has_projection has_vertices
    landmark_visible""".split()


def predict(study, method, run=None, split=None, name="test"):
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
    elif method == "3DDFA":
        predicted, seconds = _run(baseline_training.load_threeddfa(study), study, split)
    else:
        predicted, seconds = _run(training.load(study.run(run))[0], study, split)
    with array_files.replacing(path(study, method, name)) as file:
        np.savez(file, seconds=seconds / len(split.rows), **predicted)


def path(study, method, name="test"):
    """Where `predict` keeps the answers of a method on the split called `name`."""
    return study.file(f"predictions/{name}/{method}.npz")


def _descend(model, study, split):
    """What SDM says about the faces of a split, and the seconds that it took."""
    images, _ = baseline_training.crops(study, split)
    started = time.monotonic()
    return {"landmarks": sdm.predict(model, images)}, time.monotonic() - started


def _run(model, study, split):
    """What a network says about the faces of a split, and the seconds that it took."""
    size = study.config.model.image_size
    call = tf.function(lambda images: model(images, training=False), reduce_retracing=True)
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


def read(study, method, name="test"):
    """The arrays that `predict` wrote."""
    with np.load(path(study, method, name), allow_pickle=False) as file:
        return dict(file)


def errors(study, methods, pose_of, split=None, name="test"):
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
    answers = {method: read(study, method, name) for method in methods}
    measured = measures.Measures()
    for start in range(0, len(split.rows), BATCH):
        part = slice(start, start + BATCH)
        landmarks, vertices, projections = (
            {method: arrays[kind][part] for method, arrays in answers.items() if kind in arrays}
            for kind in ("landmarks", "vertices", "projection")
        )
        labels = _labels(split, split.rows[part], study.config.model.image_size)
        projection = projections.get(pose_of)
        measured.add_geometry(study.face(), labels, landmarks, projection, vertices)
    return measured


def _labels(split, rows, image_size):
    """What `errors` compares with, in pixels of the evaluation crop."""
    labels = {name: split[name][rows] for name in LABELS if name in split}
    labels = crop.evaluation(labels, image_size)
    return {name: np.asarray(values) for name, values in labels.items()}
