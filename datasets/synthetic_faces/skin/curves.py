"""Distances from points to curves of straight pieces."""

import numpy as np
from numpy.typing import ArrayLike


def distance(points: np.ndarray, curve: ArrayLike) -> np.ndarray:
    """Distances `[N]` from points `[N, 3]` to a curve of straight pieces `[K, 3]`."""
    return _along(points, np.asarray(curve, np.float32))[0]


def _along(points, curve):
    """Distance to a curve, and place along it (0 to 1)."""
    best, place = np.full(len(points), np.inf, np.float32), np.zeros(len(points), np.float32)
    for i, (start, end) in enumerate(zip(curve[:-1], curve[1:], strict=True)):
        span = end - start
        t = np.clip((points - start) @ span / (span @ span), 0, 1)
        gap = np.linalg.norm(points - start - t[:, np.newaxis] * span, axis=1)
        nearer = gap < best
        best = np.where(nearer, gap, best)
        place = np.where(nearer, (i + t) / (len(curve) - 1), place)
    return best.astype(np.float32), place.astype(np.float32)


def brow_coordinates(points: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """Place along the brow, continued beyond its ends, and signed distance above its line."""
    gap, place = _along(points, curve)
    x = np.interp(place, np.linspace(0, 1, len(curve)), curve[:, 0])
    y = np.interp(place, np.linspace(0, 1, len(curve)), curve[:, 1])
    beyond = (points[:, 0] - x) / (curve[-1, 0] - curve[0, 0])
    beyond = np.where((place <= 0) | (place >= 1), beyond, 0)
    above = np.where(points[:, 1] >= y, gap, -gap)
    return np.stack([place + beyond, above], axis=1).astype(np.float32)
