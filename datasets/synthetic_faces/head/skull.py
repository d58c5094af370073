"""The surface of the skull around the mean face, as distances from its centre."""

import functools

import numpy as np
import scipy.ndimage

from tf_nonlinear3dmm.face import load_skull

CENTRE = np.array([0.0, 0.40, 0.0])  # of the skull, dm in the face frame


def distance(directions: np.ndarray) -> np.ndarray:
    """Distance `[...]` from the skull's centre to its surface along unit `directions`."""
    table = _table()
    x, y, z = np.moveaxis(np.asarray(directions), -1, 0)
    polar = np.arccos(np.clip(y, -1, 1)) * ((table.shape[0] - 1) / np.pi)
    turn = np.mod(np.arctan2(x, z) / (2 * np.pi), 1) * (table.shape[1] - 1)
    row = np.minimum(polar.astype(int), table.shape[0] - 2)
    column = np.minimum(turn.astype(int), table.shape[1] - 2)
    down, right = polar - row, turn - column
    upper = table[row, column] * (1 - right) + table[row, column + 1] * right
    lower = table[row + 1, column] * (1 - right) + table[row + 1, column + 1] * right
    return upper * (1 - down) + lower * down


@functools.cache
def _table():
    """Distances `[33, 65]` by polar angle and turn, without ears; the last column is the first."""
    table = load_skull()
    table = np.where((table > 0) & (table < 1.3), table, 0.9)  # nose, shoulders
    flat = scipy.ndimage.grey_opening(table, (5, 7), mode="wrap")
    smooth = scipy.ndimage.gaussian_filter(flat, 0.8, mode=("nearest", "wrap"))
    return np.concatenate([smooth, smooth[:, :1]], axis=1)
