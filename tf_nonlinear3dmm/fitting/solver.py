"""One batch of a fit: what is known of it, the graph that fits it, and what is given back."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.fitting import (
    alignment,
    detection,
    landmarks,
    parameters,
    places,
    progress,
    refinement,
)
from tf_nonlinear3dmm.metrics import masked_l1
from tf_nonlinear3dmm.model import Nonlinear3DMM, Reconstruction
from tf_nonlinear3dmm.networks.encoder import Codes
from tf_nonlinear3dmm.rendering import camera

KINDS = ("none", "detected", "mesh", "inner", "all")
FITTED = "fitted"
NOT_FINITE = "encoder: the fit is not finite"
WORSE = "encoder: the fit is farther from the landmarks"


class Fit(NamedTuple):
    """What was achieved on `B` images.

    Attributes:
        reconstruction: `model.Reconstruction`; the encoder's where the fit failed.
        status: `[B]` text: `FITTED`, or why the encoder's answer is given back.
        landmark_errors: `[B, 2]` mean distance to the landmarks, before and after, weighted as
            they count, in percent of the face's size; 0 without landmarks.
        image_errors: `[B, 2]` mean L1 colour distance where the face is seen, before and after.
    """

    reconstruction: Reconstruction
    status: np.ndarray
    landmark_errors: np.ndarray
    image_errors: np.ndarray


class Settings(NamedTuple):
    """What a graph is made for.

    Attributes:
        kind: of landmarks, one of `KINDS`: none, the face mesh's to be detected or given, the
            inner ones of 68, all 68.
        steps: of refinement.
        same_person: whether all images show one person.
    """

    kind: str
    steps: int
    same_person: bool


def fit(
    model: Nonlinear3DMM,
    images: tf.Tensor,
    points: np.ndarray | None,
    confidence: np.ndarray,
    settings: Settings,
    report: Callable[[float], None] | None = None,
) -> Fit:
    """`Fit` of images `[B, N, N, 3]` that are small enough to be fitted together.

    Args:
        model: `Nonlinear3DMM`.
        images: `[B, N, N, 3]`, as `model.reconstruct` takes them.
        points: `[B, K, 2]` pixels of the S x S image, NaN where hidden; None where `settings` says.
        confidence: `[B]` or `[B, K]` of these points.
        settings: `Settings`.
        report: see `progress.reporting`.
    """
    crops = model.crops(images)
    before = model.reconstruct(crops)
    face = parameters.start(_codes(before))
    if settings.same_person:
        face = _one_person(face)
    if settings.kind == "detected":
        sharp = images if images.dtype.is_floating else images / 255
        points, confidence = detection.detect(sharp, face, before.vertices, model)
        settings = settings._replace(kind="mesh")
    size = _size(before.landmarks.numpy())  # type: ignore[union-attr]
    marked = _places(model.face, settings.kind)
    known = None
    if marked is not None and points is not None:
        known = landmarks.known(points, confidence, marked.noise, size)
    with progress.reporting(report) as number:
        after = _graph(model, settings)(crops, face, known, number)
    return _better(model, crops, before, after, known, settings)


def _one_person(face):
    """`Codes` whose codes are the mean of all images'."""
    shape, albedo = (
        tf.zeros_like(code) + tf.reduce_mean(code, axis=0, keepdims=True)
        for code in (face.shape_code, face.albedo_code)
    )
    return face._replace(shape_code=shape, albedo_code=albedo)


def _size(points):
    """`[B]` pixels: sqrt(width * height) of the box of `[B, 68, 2]` points; 1 at least."""
    return np.sqrt(np.maximum(np.prod(np.ptp(points, axis=1), axis=-1), 1))


def _places(face, kind):
    if kind == "none":
        return None
    if kind == "mesh":
        return places.of_face_mesh(face)
    return places.of_landmarks(face, contour=kind == "all")


def _sight(model, kind):
    """The triangles that tell what is in sight; None where hidden points are known, too."""
    return model.uv_layout.normal_triangles if kind == "mesh" else None


@functools.lru_cache(maxsize=8)
def _graph(model, settings):
    """Images, `Codes`, `Landmarks` -> `Codes`: the fit as one graph."""
    marked, sight = _places(model.face, settings.kind), _sight(model, settings.kind)
    size = model.config.image_size

    @tf.function(reduce_retracing=True)
    def run(images, face, known, number):
        change = parameters.none(face)
        if known is not None:
            change = alignment.align(
                face,
                known,
                marked,
                lambda code: model.decode_shape(code)[1],
                size,
                sight,
                settings.same_person,
            )
        if settings.steps:
            parts = face, change, images, known, marked, sight
            change = refinement.refine(model, *parts, settings, number)
        return parameters.changed(face, change, size)

    return run


@functools.lru_cache(maxsize=8)
def _decoder(model):
    return tf.function(model.decode, reduce_retracing=True)


def _better(model, crops, before, face, known, settings):
    """The `Fit`: each image's new face, or the encoder's where that is no better."""
    codes, after = face, _decoder(model)(face)
    errors = [_errors(model, part, known, settings.kind) for part in (before, after)]
    errors = np.stack(errors, axis=1)
    status = np.where(errors[:, 1] <= errors[:, 0], FITTED, WORSE)
    status = np.where(_finite(*codes, after.vertices), status, NOT_FINITE)
    if (status != FITTED).any():
        kept = status == FITTED
        codes = tf.nest.map_structure(
            lambda new, old: tf.where(kept.reshape(-1, *[1] * (len(new.shape) - 1)), new, old),
            codes,
            _codes(before),
        )
        after = _decoder(model)(codes)
        errors[:, 1] = np.where(kept, errors[:, 1], errors[:, 0])
    pixels = np.stack([masked_l1(r.image, crops, r.mask) for r in (before, after)], axis=1)
    return Fit(after, status, errors, pixels)


def _errors(model, reconstruction, known, kind):
    """`[B]` distances to the landmarks, percent; 0 without."""
    if known is None:
        return np.zeros(len(reconstruction.vertices), np.float32)
    marked = _places(model.face, kind)
    points, projection = reconstruction.vertices, reconstruction.projection
    visible = landmarks.in_sight(points, projection, marked, _sight(model, kind))
    predicted = camera.project(places.on(points, marked), projection)[..., :2]
    return landmarks.distance(predicted, known, visible).numpy()


def _codes(reconstruction):
    return Codes(*(getattr(reconstruction, name) for name in Codes._fields))


def _finite(*tensors):
    """`[B]`: whether all numbers of an image are finite."""
    parts = [np.isfinite(t).reshape(len(t), -1).all(axis=1) for t in tensors if t is not None]
    return np.all(parts, axis=0)
