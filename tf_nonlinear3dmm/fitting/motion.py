"""How faces move from frame to frame: still ones stand, moving ones are followed.

The prior is on the second difference in time, so that steady motion costs nothing. It is like a
logarithm where that is large: noise of the landmarks is averaged over many frames while the face is
still, and where it starts, stops, blinks or talks each frame decides for itself.
"""

from collections.abc import Sequence

import numpy as np
import scipy.linalg
import scipy.ndimage

STIFF = 10.0  # of a still face: weight of the square of a second difference
STEPS = 8  # of reweighting
SPAN = 7  # frames that move or stand together: else a steady turn would become straight pieces


def solve(blocks: np.ndarray, right: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The minimum of a quadratic over all frames at once: a banded Cholesky factorisation.

    Args:
        blocks: `[F, P, P]` information on the numbers of each frame.
        right: `[F, P]` right side of the normal equations.
        weights: `[F - 2, P]` of the squares of their second differences in time.

    Returns:
        `[F, P]` x of (blocks + D' weights D) x = right, D the second difference.
    """
    frames, count = right.shape
    band = np.zeros([2 * count + 1, frames, count])  # row i - j holds entry (i, j), i >= j
    for below in range(count):
        band[below, :, : count - below] = np.diagonal(blocks, -below, 1, 2)
    for shift, factor in enumerate((1, 4, 1)):
        band[0, shift : frames - 2 + shift] += factor * weights
    if frames > 2:
        band[count, :-2] -= 2 * weights
        band[count, 1:-1] -= 2 * weights
        band[2 * count, :-2] += weights
    band = band.reshape(2 * count + 1, -1)
    return scipy.linalg.solveh_banded(band, right.ravel(), lower=True).reshape(frames, count)


def settle(
    acceleration: np.ndarray, blocks: np.ndarray, parts: Sequence[tuple[int, float]]
) -> np.ndarray:
    """How far the numbers of each frame move from what was seen there, so that they are smooth.

    Args:
        acceleration: `[F - 2, P]` second differences in time of what was seen.
        blocks: `[F, P, P]` information on it.
        parts: (count, RMS second difference beyond which they move) of numbers that move together;
            the counts sum to P.

    Returns:
        `[F, P]`.
    """
    moved, ends = np.zeros(blocks.shape[:2]), np.cumsum([count for count, _ in parts])[:-1]
    for _ in range(STEPS):
        now = acceleration + np.diff(moved, 2, axis=0)
        groups = zip(np.split(now, ends, axis=1), parts, strict=True)
        weights = np.concatenate([_stiffness(part, still) for part, (_, still) in groups], axis=1)
        moved = solve(blocks, -_force(acceleration, weights, len(blocks)), weights)
    return moved


def _force(acceleration, weights, frames):
    """`[F, P]`: the gradient D' weights `acceleration`."""
    force = np.zeros([frames, acceleration.shape[1]])
    for shift, factor in enumerate((1, -2, 1)):
        force[shift : frames - 2 + shift] += factor * weights * acceleration
    return force


def _stiffness(acceleration, still):
    """`[F - 2, P]` weights of second differences: their mean square tells whether a face moves."""
    squares = np.mean(np.square(acceleration), axis=1, keepdims=True)
    squares = scipy.ndimage.uniform_filter1d(squares, SPAN, axis=0, mode="nearest")
    return np.zeros_like(acceleration) + STIFF / (1 + squares / still**2)
