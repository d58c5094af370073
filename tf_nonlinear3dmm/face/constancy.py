"""The region `constancy`: where the albedo varies slowly, on forehead, nose and cheeks."""

import numpy as np

_ABOVE_BROWS, _BESIDE_EYES, _BEHIND_EYES = 0.6, 0.15, 0.1  # in distances between the eyes


def region(mean: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Forehead, nose and cheeks, where beards and hairlines do not reach.

    Args:
        mean: `[V, 3]` mean face: x to the subject's left, y up, z to the camera.
        landmarks: `[68]` vertex ids; -1 where the face model lacks one.

    Returns:
        `[V]` bool: below the hairline, above the upper lip and between the temples; all True where
        a landmark of brows, nose or eyes is lacking. Brows and eyes are not left out.
    """
    if np.any(landmarks[17:48] < 0):
        return np.ones(len(mean), bool)
    marks = mean[landmarks]
    unit = np.linalg.norm(marks[36:42].mean(axis=0) - marks[42:48].mean(axis=0))
    brows, eyes, nose = marks[17:27], marks[36:48], marks[33]
    x, y, z = mean.T
    high = (y > nose[1]) & (y < brows[:, 1].max() + _ABOVE_BROWS * unit)
    wide = np.abs(x - nose[0]) < np.abs(eyes[:, 0] - nose[0]).max() + _BESIDE_EYES * unit
    return high & wide & (z > eyes[:, 2].min() - _BEHIND_EYES * unit)
