"""Photographs as people have them: reading, finding faces and their points, turning them upright.

`reading` gives RGB arrays, `clips` those of videos, `annotations` a person's own points, `finding`
faces: `detector` and `face_mesh` run MediaPipe's networks through `litert`. `faces` says which crop
the model sees.
"""

from tf_nonlinear3dmm.data.photos.annotations import (
    LANDMARK_SUFFIXES,
    own_face,
    read_face,
    read_landmarks,
)
from tf_nonlinear3dmm.data.photos.clips import Clip
from tf_nonlinear3dmm.data.photos.finding import detect, upright
from tf_nonlinear3dmm.data.photos.reading import OTHER_SUFFIXES, SUFFIXES, read

__all__ = [
    "LANDMARK_SUFFIXES",
    "OTHER_SUFFIXES",
    "SUFFIXES",
    "Clip",
    "detect",
    "own_face",
    "read",
    "read_face",
    "read_landmarks",
    "upright",
]
