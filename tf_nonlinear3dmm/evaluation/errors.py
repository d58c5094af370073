"""Predictions beside labels -> one number per face, measure and method.

Two controls stand beside every method: the mean face in the predicted pose, and the mean face in
the best pose there is. A method that does not beat them has learned no faces.

Labels are a dict of arrays `[B, ...]` in pixels of the crop, named as in the data sets; `has_NAME`
`[B]` says where one is absent. Errors are NaN there.
"""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import metrics
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.model import Nonlinear3DMM, Reconstruction
from tf_nonlinear3dmm.rendering import camera, lighting

MODEL, PREDICTED_POSE, BEST_POSE = "model", "mean face, predicted pose", "mean face, best pose"
_MEAN_FACE = "mean face"
NME, NME_REANNOTATED = "nme", "nme, re-annotated"
YAW, YAW_LABEL, YAW_KNOWN = "yaw", "yaw of the label", "yaw is known"
VERTEX_MM, VERTEX_EYES = "vertex error (mm)", "vertex error (% of the eye distance)"
VERTEX_SCALED = "vertex error, aligned with scale (mm)"  # an image does not tell the size
_NORMAL = "normal angle (degrees)"
ALBEDO, LIGHT = "albedo L1", "light error up to strength"
IMAGE = "image L1 on the visible face"

Labels = Mapping[str, np.ndarray]
Errors = dict[tuple[str, str], np.ndarray]  # (measure, method) -> `[B]`
PerFace = dict[str | tuple[str, str], np.ndarray]  # and the yaws, which have no method


def landmarks(
    face: FaceModel,
    labels: Labels,
    predicted: Mapping[str, np.ndarray | tf.Tensor],
    projection: np.ndarray | tf.Tensor | None = None,
    name: str = NME,
) -> tuple[Errors, np.ndarray]:
    """NME of methods, and of the mean face in two poses.

    Args:
        face: `FaceModel`.
        labels: with `landmarks`, and maybe `landmark_visible` `[B, 68]`.
        predicted: method -> `[B, 68, 2]` pixels.
        projection: `[B, 2, 4]` predicted ones, for the first control; None leaves it out.
        name: of the measure.

    Returns:
        ((name, method) -> `[B]` percent, the best poses `[B, 2, 4]`, 0 without landmarks).
    """
    true, (good, valid) = labels["landmarks"], visible(face, labels)
    points = face.mean_vertices[np.maximum(face.landmarks, 0)]
    best = np.zeros([len(true), 2, 4])
    best[good] = metrics.best_pose(points, true[good], valid[good])
    poses = {} if projection is None else {PREDICTED_POSE: projection}
    predicted = dict(predicted)
    for method, pose in (poses | {BEST_POSE: best}).items():
        pose = tf.constant(np.asarray(pose), tf.float32)
        predicted[method] = camera.project(np.tile(points, [len(true), 1, 1]), pose)[..., :2]
    errors = {
        (name, method): np.where(good, metrics.nme(p, true.astype(np.float32), valid), np.nan)
        for method, p in predicted.items()
    }
    return errors, best


def visible(face: FaceModel, labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    """(`[B]` bool: which faces have landmarks, `[B, 68]`: which of them count)."""
    exists = np.tile(face.landmarks >= 0, [len(labels["landmarks"]), 1])
    if "landmark_visible" not in labels:
        return has(labels, "landmarks"), exists
    return np.any(labels["landmark_visible"], axis=1), exists & labels["landmark_visible"]


def shape(
    face: FaceModel, labels: Labels, predicted: Mapping[str, np.ndarray]
) -> tuple[Errors, dict[str, np.ndarray]]:
    """Errors of the skin's vertices and normals after rigid alignment, beside the mean face.

    Args:
        face: `FaceModel`.
        labels: with `vertices`.
        predicted: method -> `[B, V, 3]`.

    Returns:
        ((measure, method) -> `[B]`, method -> `[B, V]` distances in mm).
    """
    true, good = labels["vertices"], has(labels, "vertices")
    eyes = np.where(good, metrics.eye_distance(true, face.landmarks), 1)
    normals = lighting.vertex_normals(true, face.triangles, face.normal_triangles).numpy()
    errors, distances = {}, {}
    mean_face = np.broadcast_to(face.mean_vertices, true.shape)
    for method, vertices in {**predicted, _MEAN_FACE: mean_face}.items():
        error, distance, rotation = metrics.skin_error(face, vertices, true)
        own = lighting.vertex_normals(vertices, face.triangles, face.normal_triangles).numpy()
        angle = metrics.normal_angle(own @ rotation.transpose(0, 2, 1), normals)
        angle = angle @ metrics.skin_weights(face)
        error = np.where(good, error, np.nan)
        errors[VERTEX_MM, method] = error
        scaled, _, _ = metrics.skin_error(face, vertices, true, scaled=True)
        errors[VERTEX_SCALED, method] = np.where(good, scaled, np.nan)
        errors[VERTEX_EYES, method] = 100 * error / face.units / eyes
        errors[_NORMAL, method] = np.where(good, angle, np.nan)
        distances[method] = distance
    return errors, distances


def appearance(model: Nonlinear3DMM, result: Reconstruction, labels: Labels) -> Errors:
    """Colour errors in [0, 1] over the visible face and over the albedo map; light.

    Args:
        model: `Nonlinear3DMM`.
        result: its `Reconstruction` of the images.
        labels: with `image`, and maybe `face_mask`, `albedo` and `illumination`.

    Returns:
        (measure, method) -> `[B]`.
    """
    drawn, mask = np.clip(np.asarray(result.image), 0, 1), np.asarray(result.mask)
    if "face_mask" in labels:
        known = has(labels, "face_mask")[:, np.newaxis, np.newaxis, np.newaxis]
        mask = mask * np.where(known, labels["face_mask"], 1)
    errors = {(IMAGE, MODEL): metrics.masked_l1(drawn, labels["image"], mask)}
    if "albedo" in labels and model.config.lighting:
        albedo, true = np.asarray(result.albedo_map), labels["albedo"]
        gain = metrics.best_gain(albedo, true, metrics.covered(model.uv_layout))
        errors[ALBEDO, MODEL] = metrics.albedo_error(model.uv_layout, albedo, true)
        errors[f"{ALBEDO} up to colour gain", MODEL] = metrics.albedo_error(
            model.uv_layout, gain * albedo, true
        )
    if "illumination" in labels and model.config.lighting:
        error = metrics.light_error(np.asarray(result.illumination), labels["illumination"])
        errors[LIGHT, MODEL] = error
    return errors


def yaw(labels: Labels, best_pose: np.ndarray) -> dict[str, np.ndarray]:
    """Yaw in degrees, `[B]`: the label's, or that of the mean face in its best pose.

    Beside it whether it is a label's, and the yaw that AFLW gives where a data set has it.
    """
    known = has(labels, "projection")
    if "yaw_deg" in labels:
        degrees = labels["yaw_deg"]
    else:
        degrees = np.degrees(camera.decompose(tf.constant(labels["projection"]))[0])
    estimate = np.degrees(camera.decompose(tf.constant(best_pose, tf.float32))[0])
    yaws = {YAW: np.where(known, degrees, estimate), YAW_KNOWN: known}
    if "yaw_label_deg" in labels:  # -1 where it is not given
        label = labels["yaw_label_deg"]
        yaws[YAW_LABEL] = np.where(label >= 0, label, np.nan)
    return yaws


def has(labels: Labels, name: str) -> np.ndarray:
    """`[B]` bool: which examples have the label."""
    if f"has_{name}" in labels:
        return labels[f"has_{name}"].astype(bool)
    return np.full(len(labels["landmarks"]), name in labels)
