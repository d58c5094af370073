"""One batch of a fit: what is known of it, the graph that fits it, and what is given back."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.core import graphs
from tf_nonlinear3dmm.fitting import (
    alignment,
    choice,
    detection,
    landmarks,
    parameters,
    places,
    progress,
    refinement,
    residual,
    spread,
)
from tf_nonlinear3dmm.fitting.residual import Residual
from tf_nonlinear3dmm.metrics import masked_l1
from tf_nonlinear3dmm.model import Nonlinear3DMM, Reconstruction

KINDS = ("none", "detected", "mesh", "inner", "all")


class Fit(NamedTuple):
    """What was achieved on `B` images.

    Attributes:
        reconstruction: `model.Reconstruction`; the encoder's where the fit failed.
        status: `[B]` text: `choice.FITTED`, `ALIGNED`, or why the encoder's answer is given back.
        landmark_errors: `[B, 2]` mean distance to the landmarks, before and after, weighted as
            they count, in percent of the face's size; 0 without landmarks. They are of the codes.
        image_errors: `[B, 2]` mean L1 colour distance where the face is seen, before and after.
        residual: `Residual` that is in the reconstruction; 0 where not asked for.
    """

    reconstruction: Reconstruction
    status: np.ndarray
    landmark_errors: np.ndarray
    image_errors: np.ndarray
    residual: Residual

    @property
    def succeeded(self) -> np.ndarray:
        """`[B]` bool: where the face is not the encoder's."""
        return choice.succeeded(self.status)


class Settings(NamedTuple):
    """What a graph is made for.

    Attributes:
        kind: of landmarks, one of `KINDS`: none, the face mesh's to be detected or given, the
            inner ones of 68, all 68.
        steps: of refinement.
        same_person: whether all images show one person.
        residual: whether the maps get what the codes leave of the pixels.
    """

    kind: str
    steps: int
    same_person: bool
    residual: bool = False


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
    face = parameters.start(choice.of(before))
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
        known = landmarks.known(points, confidence, marked, size)
    with progress.reporting(report) as number:
        candidates = _graph(model, settings)(crops, face, known, number)
    sight = _sight(model, settings.kind)
    codes, status, errors = choice.best(model, before, candidates, known, marked, sight)
    if settings.residual:
        after, added = residual.add(model, codes, crops, choice.succeeded(status))
    else:
        after, added = _decoder(model)(codes), residual.none(model, len(status))
    return Fit(after, status, errors, _image_errors(crops, before, after), added)


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
    """Images, `Codes`, `Landmarks` -> `Codes`, the most fitted first: the fit as one graph."""
    marked, sight = _places(model.face, settings.kind), _sight(model, settings.kind)
    units = spread.units(model)

    @graphs.function(reduce_retracing=True)
    def run(images, face, known, number):
        aligned = alignment.unknown(face)
        if known is not None:
            aligned = alignment.align(
                face,
                known,
                marked,
                lambda code: model.decode_shape(code)[1],
                units,
                sight,
                settings.same_person,
            )
        changes = [aligned.change]
        if settings.steps:
            refined = refinement.refine(model, face, aligned, images, units, settings, number)
            halfway = tf.nest.map_structure(lambda a, b: (a + b) / 2, refined, aligned.change)
            changes = [refined, halfway, aligned.change]
        return [parameters.changed(face, change, units) for change in changes]

    return run


@functools.lru_cache(maxsize=8)
def _decoder(model):
    return graphs.function(model.decode, reduce_retracing=True)


def _image_errors(crops, *reconstructions):
    return np.stack([masked_l1(r.image, crops, r.mask) for r in reconstructions], axis=1)
