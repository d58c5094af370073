"""Photographs as people have them: reading, finding faces and their points, turning them upright.

`reading` gives RGB arrays, a person's own points and detected faces; `detector` and `face_mesh` run
MediaPipe's networks through `litert`; `faces` says which crop of a photo the model sees.
"""

from tf_nonlinear3dmm.data.photos.reading import (
    LANDMARK_SUFFIXES,
    OTHER_SUFFIXES,
    SUFFIXES,
    detect,
    own_face,
    read,
    read_face,
    read_landmarks,
    upright,
)

__all__ = [
    "LANDMARK_SUFFIXES",
    "OTHER_SUFFIXES",
    "SUFFIXES",
    "detect",
    "own_face",
    "read",
    "read_face",
    "read_landmarks",
    "upright",
]
