"""What lies behind the head."""

import numpy as np
import scipy.ndimage


def sample(random, side):
    """Draws a background `[side, side, 3]` in [0, 1]."""
    kind = random.choice(3)
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    turn = random.uniform(0, 2 * np.pi)
    ramp = (np.cos(turn) * (x - 0.5) + np.sin(turn) * (y - 0.5) + 0.5)[..., np.newaxis]
    first, second = colour(random), colour(random)
    image = first + np.clip(ramp, 0, 1) * (second - first)
    if kind > 0:
        for _ in range(random.integers(2, 8)):
            cx, cy, r = random.uniform(0, 1), random.uniform(0, 1), random.uniform(0.05, 0.4)
            blob = np.clip(3 - 3 * np.hypot(x - cx, y - cy) / r, 0, 1)[..., np.newaxis]
            image = image + random.uniform(0.3, 1) * blob * (colour(random) - image)
    if kind > 1:
        image = scipy.ndimage.gaussian_filter(image, (side / 30, side / 30, 0))
    return np.clip(image, 0, 1).astype(np.float32)


def colour(random):
    """Draws a colour `[3]` of the world: mostly dull, sometimes strong."""
    value, strength = random.uniform(0.03, 0.98), random.beta(1.2, 3)
    hue = random.uniform(0, 2 * np.pi) + np.array([0, 2.1, 4.2])
    return np.clip(value * (1 + strength * np.cos(hue)), 0, 1).astype(np.float32)
