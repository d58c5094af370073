"""Photos to faces: the crops that the model sees, and its results in pixels of the photo."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.data import crop, photos
from tf_nonlinear3dmm.data.photos import faces
from tf_nonlinear3dmm.model import Nonlinear3DMM, Reconstruction
from tf_nonlinear3dmm.rendering import camera

CONFIDENCE = 0.5  # of a face that is reconstructed, at least


class Portrait(NamedTuple):
    """A face in a photo. Its pixels are those of the photo turned by `face.quarter_turns`.

    Attributes:
        face: `faces.PhotoFace`, as detected.
        square: `crop.Square` of scalars, what the model saw.
        projection: `[2, 4]`, face units to pixels.
        landmarks: `[68, 2]` pixels.
        result: `Reconstruction` of a batch of this one face, in pixels of the crop.
        fit: of a fitted face, what its fit was: see `fitted.fit`.
    """

    face: faces.PhotoFace
    square: crop.Square
    projection: np.ndarray
    landmarks: np.ndarray
    result: Reconstruction
    fit: dict[str, Any] | None = None


def find(model: Nonlinear3DMM, photo: np.ndarray, confidence: float = CONFIDENCE) -> list[Portrait]:
    """The faces of a photo, the largest first.

    Args:
        model: `Nonlinear3DMM`.
        photo: `[H, W, 3]` uint8.
        confidence: the detector's, at least.

    Returns:
        list of `Portrait`.
    """
    certain = [face for face in photos.detect(photo) if face.confidence >= confidence]
    return [portrait(model, photo, face) for face in certain]


def portrait(model: Nonlinear3DMM, photo: np.ndarray, face: faces.PhotoFace) -> Portrait:
    """The `Portrait` of one `faces.PhotoFace`.

    A crop that follows a box alone is cut once more, around the landmarks that were found in it
    (where the model's face has all of them).
    """
    found = _seen(model, photo, face)
    if face.boxed and (model.face.landmarks >= 0).all():
        found = _seen(model, photo, face._replace(square=crop.square(found.landmarks)))
    return found


def _seen(model, photo, face):
    """The `Portrait` in the face's own crop."""
    size = model.config.image_size
    return of_result(face, model.reconstruct(cropped(photo, face, face.square, size)), size)


def of_result(face: faces.PhotoFace, result: Reconstruction, size: int) -> Portrait:
    """The `Portrait` of a `Reconstruction` of one face, whose crop had `size` pixels a side."""
    square = face.square
    k = size / square.side
    back = (-square.x0 * k, -square.y0 * k, 1 / k)
    return Portrait(
        face=face,
        square=square,
        projection=camera.crop(result.projection, *back)[0].numpy(),
        landmarks=camera.crop_points(result.landmarks, *back)[0].numpy(),
        result=result,
    )


def cropped(photo: np.ndarray, face: faces.PhotoFace, square: crop.Square, size: int) -> tf.Tensor:
    """`[1, size, size, 3]` in [0, 1]: a square of the photo in which `face` is upright."""
    image = crop.image(photos.upright(photo, face), square, size)
    return tf.clip_by_value(image / 255, 0, 1)[tf.newaxis]


def of_crop(model: Nonlinear3DMM, crop_image: np.ndarray) -> Portrait:
    """The `Portrait` of a crop `[S, S, 3]` uint8, which the model sees as it is."""
    side = float(len(crop_image))
    face = faces.PhotoFace(np.array([0, 0, side, side]), 1.0, crop.whole(side))
    return _seen(model, crop_image, face)
