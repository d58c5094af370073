"""Landmarks and 3D shape on test faces: every method beside two controls.

Each method's answers are kept as arrays, so that tables and figures are made without running it
again.
"""

import os
import time

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import data, metrics, training
from tf_nonlinear3dmm.baselines import sdm
from tf_nonlinear3dmm.data import crop
from tf_nonlinear3dmm.rendering import camera, lighting
from tf_nonlinear3dmm.studies import landmarkers

BATCH = 32
PREDICTED, BEST = "mean face, predicted pose", "mean face, best pose"


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
        found, seconds = _descend(sdm.load(study.file("sdm.npz")), study, split)
    elif method == "3DDFA":
        found, seconds = _run(landmarkers.load_threeddfa(study), study, split)
    else:
        found, seconds = _run(training.load(study.run(run))[0], study, split)
    target = path(study, method, name)
    whole = target.with_suffix(".part")
    with open(whole, "wb") as file:
        np.savez(file, seconds=seconds / len(split.rows), **found)
    os.replace(whole, target)


def path(study, method, name="test"):
    """Where `predict` keeps the answers of a method on the split called `name`."""
    return study.file(f"predictions/{name}/{method}.npz")


def _descend(model, study, split):
    """What SDM says about the faces of a split, and the seconds that it took."""
    images, _ = landmarkers.crops(study, split)
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
        for name, found in parts.items():
            found.append(getattr(result, name).numpy())
    seconds = time.monotonic() - started
    return {name: np.concatenate(found) for name, found in parts.items()}, seconds


def read(study, method, name="test"):
    """The arrays that `predict` wrote."""
    with np.load(path(study, method, name), allow_pickle=False) as file:
        return dict(file)


def errors(study, methods, pose_of, split=None, name="test"):
    """Errors per face.

    Args:
        study: `Study`.
        methods: names that `predict` was called with.
        pose_of: the method whose projection the first control uses, if it is among them.
        split, name: as for `predict`.

    Returns:
        dict of `yaw` `[N]` degrees, `nme`: method -> `[N]` percent, and where the split has
        vertices `mm`, `eye` (percent of the eye distance), `normal` (degrees): likewise, and
        `per_vertex`: method -> `[V]` mm; the controls among them.
    """
    split = study.split("test") if split is None else split
    face = study.face()
    size = study.config.model.image_size
    true = crop.evaluation({"landmarks": split["landmarks"][split.rows]}, size)["landmarks"].numpy()
    exists = face.landmarks >= 0
    found = {method: read(study, method, name) for method in methods}
    points = face.mean_vertices[np.maximum(face.landmarks, 0)]
    shown = {method: f["landmarks"] for method, f in found.items()}
    poses = {PREDICTED: found[pose_of]["projection"]} if pose_of in found else {}
    poses[BEST] = metrics.best_pose(points, true, exists)
    for method, projection in poses.items():
        turned = camera.project(np.tile(points, [len(true), 1, 1]), np.float32(projection))
        shown[method] = turned.numpy()[..., :2]
    result = {"nme": {m: metrics.nme(p, true, exists).numpy() for m, p in shown.items()}}
    result["yaw"] = _yaw(split)
    if _labelled(split, "vertices"):
        vertices = split["vertices"][split.rows]
        solid = {m: f["vertices"] for m, f in found.items() if "vertices" in f}
        solid["mean face"] = np.broadcast_to(face.mean_vertices, vertices.shape)
        result |= _shape(face, solid, vertices)
    return result


def _yaw(split):
    if "yaw_deg" in split:
        return split["yaw_deg"][split.rows]
    projection = tf.constant(split["projection"][split.rows])
    return np.degrees(camera.decompose(projection)[0])


def _labelled(split, name):
    """Whether every record has the label."""
    flag = f"has_{name}"
    return name in split and (flag not in split or bool(split[flag][split.rows].all()))


def _shape(face, solid, vertices):
    """Errors of skin vertices after rigid alignment without scale."""
    skin = face.regions["skin"]
    weights = skin / skin.sum()
    normals = _normals(face, vertices)
    scale = 100 / metrics.eye_distance(vertices, face.landmarks)
    result = {"mm": {}, "eye": {}, "normal": {}, "per_vertex": {}}
    for method, predicted in solid.items():
        distance, turn = metrics.vertex_error(predicted, vertices, skin)
        own = _normals(face, predicted) @ turn.transpose(0, 2, 1)
        result["mm"][method] = distance @ weights * face.units
        result["eye"][method] = distance @ weights * scale
        result["normal"][method] = metrics.normal_angle(own, normals) @ weights
        result["per_vertex"][method] = distance.mean(axis=0) * face.units
    return result


def _normals(face, vertices):
    parts = [
        lighting.vertex_normals(part, face.triangles, face.normal_triangles).numpy()
        for part in np.array_split(np.asarray(vertices, np.float32), -(-len(vertices) // 64))
    ]
    return np.concatenate(parts)


def tables(found, seed=0):
    """(method -> `metrics.alignment_table`, measure -> method -> (mean, low, high))."""
    table = {m: metrics.alignment_table(v, found["yaw"], seed) for m, v in found["nme"].items()}
    others = {
        measure: {m: mean(values, seed) for m, values in found[measure].items()}
        for measure in ("mm", "eye", "normal")
        if measure in found
    }
    return table, others


def mean(values, seed=0):
    """(mean, low, high) with a 95 % bootstrap interval over faces."""
    values = np.asarray(values, np.float64)
    ends = metrics.bootstrap(lambda x: x.mean(-1, keepdims=True), values, seed=seed)[0]
    return [float(values.mean()), float(ends[0]), float(ends[1])]
