"""468 points on a face: MediaPipe's face mesh, upright, in a few passes; and the 68 among them."""

from typing import NamedTuple

import numpy as np
import PIL.Image

from tf_nonlinear3dmm.data.photos import litert
from tf_nonlinear3dmm.data.photos.detector import Detection, Photo

SIZE = 192  # pixels of the network's input
MARGIN = 1.5  # side of its crop over the longer side of the points' box
_LEAST_PASSES, _MOST_PASSES = 2, 4
_SETTLED_ANGLE, _SETTLED_SIDE = 0.15, 0.1  # radians, fraction: a pass that moves its crop less
FINER = 2  # the photo is reduced to so many times the input's resolution before it is turned
EYE_CORNERS = (33, 263)
LANDMARKS = np.array(
    [
        *(127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356),
        *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 197, 5, 4, 75, 97, 2, 326, 305),
        *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
        *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87),
    ]
)


class MeshPoints(NamedTuple):
    """A face's points.

    Attributes:
        points: `[468, 3]` pixels of the photo; z grows away from the camera.
        score: of the network, before the sigmoid.
    """

    points: np.ndarray
    score: float


def fit(photo: Photo, detection: Detection) -> MeshPoints:
    """The `MeshPoints` of a `detector.Detection` in a `detector.Photo`."""
    centre = detection.box[:2] + detection.box[2:] / 2
    side, tilt = MARGIN * detection.box[2:].max(), _angle(*detection.points[:2])
    for number in range(1, _MOST_PASSES + 1):
        mesh = look(photo, centre, side, tilt)
        before, (centre, side, tilt) = (side, tilt), _frame(mesh.points)
        if number >= _LEAST_PASSES and _settled(before, (side, tilt)):
            break
    return mesh


def look(photo: Photo, centre: np.ndarray, side: float, angle: float) -> MeshPoints:
    """The `MeshPoints` that the network predicts in one square.

    Args:
        photo: `detector.Photo`.
        centre: `[2]` of the square, pixels from the photo's corner.
        side: of the square, pixels.
        angle: radians from the photo's x axis to the square's, towards y.
    """
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    image_seen = _turned_view(photo, centre, side, turn)
    points, score = litert.run(litert.MESH, image_seen / 255.0)
    points = points.reshape(468, 3) * (side / SIZE)
    points[:, :2] = (points[:, :2] - side / 2) @ turn.T + centre - 0.5
    return MeshPoints(points, float(score.ravel()[0]))


def _settled(before, after):
    turned = np.angle(np.exp(1j * (after[1] - before[1])))
    return abs(turned) < _SETTLED_ANGLE and abs(np.log(after[0] / before[0])) < _SETTLED_SIDE


def angle(points: np.ndarray) -> float:
    """Radians from the photo's x axis to the line from the right to the left eye's corner."""
    return _angle(*points[list(EYE_CORNERS), :2])


def _angle(right, left):
    x, y = left - right
    return np.arctan2(y, x)


def _frame(points):
    """Centre, side and angle of the next pass: the points' own box, turned like the eyes."""
    tilt = angle(points)
    turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    turned = points[:, :2] @ turn
    low, high = turned.min(axis=0), turned.max(axis=0)
    return turn @ ((low + high) / 2) + 0.5, MARGIN * (high - low).max(), tilt


def _turned_view(photo, centre, side, turn):
    """The square as `[SIZE, SIZE, 3]` uint8; reduced first, so that turning does not alias."""
    around = side * np.abs(turn[0]).sum()  # side of the upright square that holds it
    fine = int(np.ceil(FINER * SIZE * around / side))
    k = fine / around
    upright = PIL.Image.fromarray(photo.view(*(centre - around / 2), around, fine))
    step = turn * (side / SIZE * k)
    origin = fine / 2 - step @ [SIZE / 2, SIZE / 2]
    affine = (*step[0], origin[0], *step[1], origin[1])
    bilinear = PIL.Image.Resampling.BILINEAR
    return np.asarray(upright.transform((SIZE, SIZE), PIL.Image.Transform.AFFINE, affine, bilinear))
