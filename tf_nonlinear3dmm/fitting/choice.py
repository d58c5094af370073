"""Of several answers to a photo, the most fitted one that is no farther from its landmarks."""

import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.fitting import landmarks, places
from tf_nonlinear3dmm.model import Nonlinear3DMM, Reconstruction
from tf_nonlinear3dmm.networks.encoder import Codes
from tf_nonlinear3dmm.rendering import camera

FITTED = "fitted"
ALIGNED = "fitted to landmarks: pixels lead away from them"
NOT_FINITE = "encoder: the fit is not finite"
WORSE = "encoder: the fit is farther from the landmarks"
NOTHING_KNOWN = "encoder: no landmark is known"
NEARLY = 1.0  # of the landmarks' energy: points that are not believed hardly change it


def best(
    model: Nonlinear3DMM,
    before: Reconstruction,
    candidates: Sequence[Codes],
    known: landmarks.Landmarks | None,
    marked: places.Places | None,
    normal_triangles: np.ndarray | None,
) -> tuple[Codes, np.ndarray, np.ndarray]:
    """Of each image the first candidate by which landmarks are as probable as by those after it.

    Args:
        model: `Nonlinear3DMM`.
        before: what the encoder sees, which comes last.
        candidates: one aligned to the landmarks; or one fitted to the pixels, one halfway, and
            the aligned one.
        known, marked, normal_triangles: as in `alignment.align`; None without landmarks.

    Returns:
        `Codes`; `[B]` text: `FITTED`, `ALIGNED` where only that one of three will do, or why the
        encoder's answer is given back; `[B, 2]` distances to landmarks, before and after, percent.
    """
    visible = None
    if known is not None and marked is not None:
        visible = landmarks.in_sight(
            before.vertices,
            before.projection,
            marked,
            normal_triangles,
        )
    measure = functools.partial(_errors, known=known, marked=marked, visible=visible)
    codes = of(before)
    first, least = measure(before.vertices, before.projection)
    last, status = first, np.full(len(first), WORSE, object)
    names = (FITTED, FITTED, ALIGNED)[: len(candidates)]
    for name, face in zip(names[::-1], candidates[::-1], strict=True):
        vertices = model.decode_shape(face.shape_code)[1]
        errors, energy = measure(vertices, face.projection)
        finite = _finite(*face, vertices)
        status[~finite & (status == WORSE)] = NOT_FINITE
        better = finite & (energy <= least + NEARLY)
        codes = tf.nest.map_structure(functools.partial(_where, better), face, codes)
        last = np.where(better, errors, last)
        least = np.where(better, np.minimum(energy, least), least)
        status[better] = name
    if len(candidates) == 1:  # without steps on the pixels
        status[~_any_known(known, len(status))] = NOTHING_KNOWN
    return codes, status.astype(str), np.stack([first, last], axis=1)


def succeeded(status: np.ndarray) -> np.ndarray:
    """`[B]` bool: where a `status` of `best` says that the face is not the encoder's."""
    return np.isin(status, (FITTED, ALIGNED))


def of(reconstruction: Reconstruction) -> Codes:
    """The `Codes` of a `Reconstruction`."""
    return Codes(*(getattr(reconstruction, name) for name in Codes._fields))


def _where(chosen, new, old):
    return tf.where(chosen.reshape(-1, *[1] * (len(new.shape) - 1)), new, old)


def _errors(vertices, projection, known, marked, visible):
    """`[B]` distances to the landmarks that are visible, percent, and their energy."""
    if known is None:
        return (np.zeros(len(vertices), np.float32),) * 2
    points = camera.project(places.on(vertices, marked), projection)[..., :2]
    return tuple(
        measure(points, known, visible).numpy()
        for measure in (landmarks.distance, landmarks.energy)
    )


def _any_known(known, count):
    """`[B]`: whether an image has a landmark."""
    return np.zeros(count, bool) if known is None else known.precision.numpy().any(axis=1)


def _finite(*tensors):
    """`[B]`: whether all numbers of an image are finite."""
    parts = [np.isfinite(t).reshape(len(t), -1).all(axis=1) for t in tensors if t is not None]
    return np.all(parts, axis=0)
