"""Clothes: where skin ends on neck and shoulders, and the colours of the cloth."""

from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces.scene import background

LINES = {  # height of the collar in dm: at the throat, how much lower per dm to the front and side
    "round": (-1.46, 0.10, 0.0),
    "high": (-1.05, -0.1, 0.0),
    "vee": (-1.62, 0.55, -0.9),
    "wide": (-1.62, 0.10, 0.1),
    "shirt": (-1.22, 0.42, -0.8),
}
CHANCE = (0.42, 0.14, 0.16, 0.08, 0.20)
PATTERNS = ("plain", "stripes", "checks", "coat")


class Garment(NamedTuple):
    """What one person wears in one image.

    Attributes:
        line: one of `LINES`.
        pattern: one of `PATTERNS`.
        first: `[3]` colour.
        second: `[3]` colour of stripes, checks, or of the coat over it.
        size: dm of the pattern.
    """

    line: str
    pattern: str
    first: np.ndarray
    second: np.ndarray
    size: float


def sample(random: np.random.Generator) -> Garment:
    """Draws a `Garment`."""
    line = list(LINES)[random.choice(len(LINES), p=CHANCE)]
    pattern = PATTERNS[random.choice(4, p=[0.55, 0.13, 0.12, 0.20])]
    first, second = background.random_colour(random), background.random_colour(random)
    return Garment(line, pattern, first, second, random.uniform(0.05, 0.3))


def colours(garment: Garment, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colours `[3, N]` and cover `[N]` of the cloth at `place` `[3, N]` around the mean face."""
    x, y, z = place
    throat, front, side = LINES[garment.line]
    line = throat - front * z - side * np.abs(x) * (z > 0)
    inside = y - line
    cover = np.clip(0.5 - inside * 40, 0, 1)
    if garment.pattern == "stripes":
        mix = np.sin(2 * np.pi * y / garment.size) > 0.3
    elif garment.pattern == "checks":
        mix = 0.5 * (np.sin(2 * np.pi * x / garment.size) > 0.4)
        mix = mix + 0.5 * (np.sin(2 * np.pi * y / garment.size) > 0.4)
    elif garment.pattern == "coat":  # open in front
        open_to = 0.32 + 0.12 * np.maximum(-1.4 - y, 0) + 0.5 * np.minimum(z, 0)
        mix = (np.abs(x) > open_to) & (y < -1.36)
    else:
        mix = np.zeros_like(y)
    colour = garment.first[:, np.newaxis] * (1 - mix) + garment.second[:, np.newaxis] * mix
    stitching = 1 - 0.35 * np.exp(-(((inside + 0.035) / 0.012) ** 2))  # of the collar
    edge = 1 - 0.30 * np.exp(-((inside / 0.03) ** 2))
    return (colour * stitching * edge).astype(np.float32), cover.astype(np.float32)
