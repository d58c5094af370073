"""Soft masks: bumps and steps of a distance."""

import numpy as np


def bump(value: np.ndarray, width: float) -> np.ndarray:
    """1 at 0, falling to about a third at `width`."""
    return np.exp(-np.square(value * (1 / width)))


def smoothstep(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((value - low) * (1 / (high - low)), 0, 1)
    return t * t * (3 - 2 * t)
