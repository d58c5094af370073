"""Faces in a photo, at any angle."""

import numpy as np
import PIL.Image

from tf_nonlinear3dmm.core import shapes
from tf_nonlinear3dmm.data.photos import detector, face_mesh, faces

_CERTAIN = 11.0  # score of a face's points from which no turned copy of the photo is searched
_DOUBTFUL = 0.0  # score below which the detector must be more certain: `DOUBTFUL_CERTAINTY`
DOUBTFUL_CERTAINTY = 0.62
_UPRIGHT = 0.1  # added to the preference of an upright face, as most photos are upright


def detect(image: np.ndarray, confidence: float = detector.THRESHOLD) -> list[faces.PhotoFace]:
    """Faces in a photo, the largest first, at any angle.

    Where no upright face is certain, the photo is also searched turned by 90, 180 and 270 degrees.

    Args:
        image: `[H, W, 3]` uint8 RGB.
        confidence: of the detector, at least.

    Returns:
        list of `faces.PhotoFace`, empty where there is none.

    Raises:
        ImportError: the networks' runtime is not installed.
        ValueError: a network's file is missing or damaged; names it.
    """
    shapes.check(image=(image, "H W 3"))
    photo, candidates = PIL.Image.fromarray(image), []
    for turns in range(4):
        candidates += _faces(photo, turns, confidence)
        if any(face.landmark_score >= _CERTAIN for face in candidates):
            break
    separate = detector.distinct(candidates, _preference)
    return sorted(separate, key=lambda face: -_area(face.box, *photo.size))


def upright(image: np.ndarray, face: faces.PhotoFace) -> np.ndarray:
    """The photo `[H, W, 3]` turned so that the face is upright; its `square` is in this one."""
    return np.rot90(image, face.quarter_turns)


def _faces(photo, turns, confidence):
    """The faces, in pixels of the photo, that the detector sees in the photo turned so."""
    size = photo.size[::-1]
    back = faces.turn_back(turns, *size)
    turned = detector.Photo(photo.transpose(_TURNS[turns]) if turns else photo)
    sure = []
    for detection in detector.find(turned, confidence):
        mesh = face_mesh.fit(turned, detection)
        points = np.c_[faces.move(mesh.points[:, :2], back), mesh.points[:, 2]]
        tilt = round(face_mesh.angle(points) / (np.pi / 2)) % 4
        up = tilt if mesh.score >= faces.CROPPED else turns
        detection = detection._replace(box=faces.move_box(detection.box, back))
        face = faces.of_mesh(detection, mesh._replace(points=points), up, size)
        if mesh.score >= _DOUBTFUL or _certainty(face) >= DOUBTFUL_CERTAINTY:
            sure.append(face)
    return sure


_TURNS = (
    None,
    PIL.Image.Transpose.ROTATE_90,
    PIL.Image.Transpose.ROTATE_180,
    PIL.Image.Transpose.ROTATE_270,
)


def _certainty(face):
    """The detector's confidence, to which a point of the score adds a hundredth."""
    return face.confidence + face.landmark_score / 100


def _preference(face):
    """By which of two overlapping detections one is chosen."""
    return _certainty(face) + _UPRIGHT * (face.quarter_turns == 0)


def _area(box, width, height):
    """What the photo shows of a box, square pixels: faces cut by its edge are not its subject."""
    low, high = np.maximum(box[:2], 0), np.minimum(box[:2] + box[2:], [width, height])
    return np.prod(np.maximum(high - low, 0))
