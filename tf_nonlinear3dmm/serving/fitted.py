"""Portraits fitted to their photo: `fitting` on the crop that the model saw, in more pixels."""

from typing import Any

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import fitting
from tf_nonlinear3dmm.data.photos import faces
from tf_nonlinear3dmm.face import population
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.serving import portraits

FINER = 2  # the face mesh sees crops of so many times the model's resolution
OWN, NONE = "own", "none"  # or `fitting.DETECTED`: whose landmarks a fit takes


def fit(
    model: Nonlinear3DMM, photo: np.ndarray, portrait: portraits.Portrait
) -> portraits.Portrait:
    """The `Portrait` of the most probable face, and of what its codes leave of the photo.

    Args:
        model: `Nonlinear3DMM`.
        photo: `[H, W, 3]` uint8.
        portrait: `portraits.Portrait` of the encoder.

    Returns:
        the portrait, which is the encoder's where the fit failed. Its `fit` is a dict of
        `landmarks`, whose they are: "own", "detected" or "none" (of another face than the embedded
        ones); `status`, see `fitting.Fit`; `landmark_errors` (percent of the face's size) and
        `image_errors`, each of the encoder and of the fit.
    """
    size = model.config.image_size
    image = portraits.cropped(photo, portrait.face, portrait.square, FINER * size)
    kind, points = _landmarks(model, photo, portrait.face)
    try:
        found = fitting.fit(model, image, points, residual=True)
    except (ValueError, tf.errors.OpError) as error:
        status = f"encoder: {str(error).splitlines()[0]}"
        return portrait._replace(fit={"landmarks": kind, "status": status})
    about: dict[str, Any] = {"landmarks": kind, "status": str(found.status[0])}
    errors = ("landmark_errors", "image_errors")
    about |= {name: np.float64(getattr(found, name)[0]).round(4).tolist() for name in errors}
    return portraits.of_result(portrait.face, found.reconstruction, size)._replace(fit=about)


def _landmarks(model, photo, face):
    """Whose landmarks a fit takes, and what `fitting.fit` is given of them."""
    if face.landmark_score == np.inf and face.landmarks is not None:
        there = faces.turn(face.quarter_turns, *photo.shape[:2])
        points = faces.move(face.landmarks, there)
        k = model.config.image_size / float(face.square.side)
        corner = np.array([face.square.x0, face.square.y0], np.float32)
        return OWN, np.float32((points - corner + 0.5) * k - 0.5)
    known = model.face.name in population.EMBEDDED
    return (fitting.DETECTED, fitting.DETECTED) if known else (NONE, None)
