"""A face in a photo: its box, its points, the crop that the model sees, and which way is up."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.data import crop
from tf_nonlinear3dmm.data.photos import face_mesh
from tf_nonlinear3dmm.data.photos.detector import Detection

TRUSTED = 10.0  # score of the mesh's points from which they lie on the face
CROPPED = 3.0  # score from which the crop follows the points; below it, the detector's box
# The crop's side over the longer side of the box, and the way from the box's centre to the crop's
# over the crop's side: medians of 1,455 generated faces with true landmarks. Centre and side then
# differ by 3.6 and 7.7 % of the side (box), by 2.1 and 3.5 % (points) where the score is above 15.
BOX_TO_SIDE, BOX_TO_CENTRE = 1.43, (0.0, 0.031)  # of the detector's box
_POINTS_TO_SIDE, _POINTS_TO_CENTRE = 1.48, (0.0, 0.010)  # of the box of the mesh's 68 points


class PhotoFace(NamedTuple):
    """A face in a photo.

    Attributes:
        box: `[4]` x, y, width, height in pixels of the photo: brows to chin.
        confidence: 0 to 1, of the detector.
        square: `crop.Square` of scalars in the photo turned by `quarter_turns`.
        landmarks: `[68, 2]` pixels of the photo, or None.
        landmark_score: of the points, before the sigmoid; below `TRUSTED` they may be wrong, as
            most are in profiles. Infinite where a person gave the points, minus so without points.
        quarter_turns: counter-clockwise, 0 to 3: so turned, the photo shows the face upright.
    """

    box: np.ndarray
    confidence: float
    square: crop.Square
    landmarks: np.ndarray | None = None
    landmark_score: float = -np.inf
    quarter_turns: int = 0

    @property
    def trusted(self) -> bool:
        """Whether the points lie on the face."""
        return self.landmark_score >= TRUSTED

    @property
    def boxed(self) -> bool:
        """Whether the crop follows the box, since no points say more."""
        return self.landmark_score < CROPPED


def of_mesh(
    detection: Detection,
    mesh: face_mesh.MeshPoints,
    quarter_turns: int = 0,
    size: tuple[int, int] = (0, 0),
) -> PhotoFace:
    """The `PhotoFace` of what the networks detected.

    Args:
        detection: `detector.Detection` in pixels of the photo.
        mesh: `face_mesh.MeshPoints`, likewise.
        quarter_turns: see `PhotoFace`.
        size: (height, width) of the photo, where it is turned.
    """
    landmarks = mesh.points[face_mesh.LANDMARKS, :2]
    there = turn(quarter_turns, *size)
    if mesh.score >= CROPPED:
        square = points_square(move(landmarks, there))
    else:
        square = box_square(move_box(detection.box, there))
    return PhotoFace(
        detection.box, detection.confidence, square, landmarks, mesh.score, quarter_turns
    )


def of_landmarks(landmarks: np.ndarray) -> PhotoFace:
    """The `PhotoFace` of a person's own 68 points `[68, 2]`, NaN where hidden: its exact crop."""
    visible = landmarks[np.isfinite(landmarks).all(axis=1)]
    low, high = visible.min(axis=0), visible.max(axis=0)
    square = crop.square(tf.constant(visible, tf.float32))
    box = np.concatenate([low, high - low])
    return PhotoFace(box, 1.0, square, landmarks, np.inf)


def of_box(box: np.ndarray) -> PhotoFace:
    """The `PhotoFace` of a person's own box `[4]`: x, y, width, height, from brows to chin."""
    return PhotoFace(np.asarray(box, float), 1.0, box_square(box))


def box_square(box: np.ndarray) -> crop.Square:
    """The crop `crop.Square` of scalars for a detector's box `[4]`: x, y, width, height."""
    x, y, width, height = np.asarray(box, np.float32)
    return _around([x, y], [x + width, y + height], BOX_TO_SIDE, BOX_TO_CENTRE)


def points_square(points: np.ndarray) -> crop.Square:
    """The crop `crop.Square` of scalars for the mesh's 68 points `[68, 2]`."""
    return _around(points.min(axis=0), points.max(axis=0), _POINTS_TO_SIDE, _POINTS_TO_CENTRE)


def turn(quarter_turns: int, height: int, width: int) -> np.ndarray:
    """`[2, 3]` that moves pixels of a photo to those of `np.rot90(photo, quarter_turns)`."""
    return np.array(
        [
            [[1, 0, 0], [0, 1, 0]],
            [[0, 1, 0], [-1, 0, width - 1]],
            [[-1, 0, width - 1], [0, -1, height - 1]],
            [[0, -1, height - 1], [1, 0, 0]],
        ][quarter_turns],
        float,
    )


def turn_back(quarter_turns: int, height: int, width: int) -> np.ndarray:
    """`[2, 3]` that undoes `turn` of a photo of `height` x `width`."""
    there = turn(quarter_turns, height, width)
    return np.c_[there[:, :2].T, -there[:, :2].T @ there[:, 2]]


def move(points: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Points `[N, 2]` moved by `[2, 3]`."""
    return points @ affine[:, :2].T + affine[:, 2]


def move_box(box: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """The box `[4]` around a box's moved corners; a box ends half a pixel beyond its pixels."""
    corners = move(box[:2] + np.array([[0, 0], box[2:]]) - 0.5, affine) + 0.5
    low = corners.min(axis=0)
    return np.concatenate([low, corners.max(axis=0) - low])


def _around(low, high, to_side, to_centre):
    low, high = np.asarray(low, np.float32), np.asarray(high, np.float32)
    side = to_side * (high - low).max()
    centre = (low + high) / 2 + np.float32(to_centre) * side
    return crop.around(tf.constant(centre, tf.float32), tf.constant(side, tf.float32))
