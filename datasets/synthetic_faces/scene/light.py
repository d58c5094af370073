"""The light on a head: sky or room all around, and directional lights."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.rendering import lighting


class Light(NamedTuple):
    """Light on a head, in the camera frame.

    Attributes:
        illumination: `[9, 3]` harmonics of `lighting.sh_basis`.
        directions: `[K, 3]` unit vectors towards the directional lights.
        colours: `[K, 3]` of these, for highlights.
        background: how bright the background is.
    """

    illumination: np.ndarray
    directions: np.ndarray
    colours: np.ndarray
    background: float


class LightSetup(NamedTuple):
    """One way to light a face; pairs are ranges, angles in degrees.

    Attributes:
        chance: of the photos.
        ambient: light from all around, against the directional lights' 0.35 to 1.
        count: of directional lights at most.
        turn: of the first light from the camera to either side.
        height: of the first light.
        tint: deviation of the lights' warmth; above 1: colours of a theatre.
        level: of the light on the visible side of a head.
        background: see `Light`.
    """

    chance: float
    ambient: tuple[float, float]
    count: int
    turn: tuple[float, float]
    height: tuple[float, float]
    tint: float
    level: tuple[float, float]
    background: tuple[float, float]


LIGHT_SETUPS = (
    LightSetup(0.45, (0.35, 0.95), 3, (0, 100), (-10, 80), 0.08, (0.80, 1.3), (0.6, 1.3)),  # usual
    LightSetup(0.18, (0.05, 0.35), 2, (50, 115), (-15, 50), 0.10, (0.55, 1.1), (0.2, 1.0)),  # side
    LightSetup(0.12, (0.10, 0.45), 2, (115, 180), (0, 60), 0.10, (0.22, 0.9), (0.7, 1.7)),  # back
    LightSetup(0.08, (0.05, 0.30), 1, (0, 15), (-5, 20), 0.08, (0.9, 1.5), (0.05, 0.6)),  # flash
    LightSetup(0.08, (0.10, 0.40), 1, (0, 50), (55, 85), 0.10, (0.7, 1.2), (0.4, 1.2)),  # noon
    LightSetup(0.04, (0.15, 0.50), 3, (0, 120), (-20, 60), 1.50, (0.5, 1.0), (0.1, 0.7)),  # theatre
    LightSetup(0.05, (0.15, 0.60), 2, (0, 110), (-20, 60), 0.18, (0.35, 0.7), (0.1, 0.6)),  # night
)


def _sphere(count=128):
    """Evenly spread unit vectors `[count, 3]`."""
    z = 1 - (2 * np.arange(count) + 1) / count
    turn = np.pi * (1 + 5**0.5) * np.arange(count)
    flat = np.sqrt(1 - z * z)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1)


_SPHERE = _sphere()
HARMONICS = lighting.sh_basis(tf.constant(_SPHERE)).numpy()
_TO_HARMONICS = np.linalg.pinv(HARMONICS)  # [9, 128]: least squares
VISIBLE = np.maximum(_SPHERE[:, 2], 0) / np.maximum(_SPHERE[:, 2], 0).sum()  # [128]


def sample(random: np.random.Generator) -> Light:
    """Draws a `Light`: sky or room all around, and directional lights, as one of `LIGHT_SETUPS`."""
    chances = [setup.chance for setup in LIGHT_SETUPS]
    setup = LIGHT_SETUPS[random.choice(len(LIGHT_SETUPS), p=chances)]
    sky = random.uniform(*setup.ambient) * (1 + random.uniform(0, 0.5) * _SPHERE[:, 1:2])
    sky = sky * _tint(random, min(setup.tint, 0.2))
    directions, colours = [], []
    for number in range(random.integers(1, setup.count + 1)):
        turn, height = random.uniform(-130, 130), random.uniform(-20, 70)
        if number == 0:
            turn = random.choice([-1, 1]) * random.uniform(*setup.turn)
            height = random.uniform(*setup.height)
        turn, height = np.radians(turn), np.radians(height)
        directions.append(
            [np.sin(turn) * np.cos(height), np.sin(height), np.cos(turn) * np.cos(height)]
        )
        power = random.uniform(0.35, 1.0) * (1.0 if number == 0 else 0.5)
        colours.append(power * (_gel(random) if setup.tint > 1 else _tint(random, setup.tint)))
    directions, colours = np.array(directions), np.array(colours)
    irradiance = sky + np.maximum(_SPHERE @ directions.T, 0) @ colours
    gain = random.uniform(*setup.level) / (VISIBLE @ irradiance).mean()
    return Light(
        (_TO_HARMONICS @ irradiance * gain).astype(np.float32),
        directions.astype(np.float32),
        (colours * np.minimum(gain, 2)).astype(np.float32),
        random.uniform(*setup.background),
    )


def _gel(random):
    """A strong colour `[3]` of mean 1, as lights in a theatre have."""
    turn = random.uniform(0, 2 * np.pi) + np.array([0, 2.1, 4.2])
    tint = 1 + random.uniform(0.3, 0.8) * np.cos(turn)
    return tint / tint.mean()


def _tint(random, deviation):
    """A colour `[3]` of mean 1 between candle light and blue sky; hardly green or purple."""
    warm, green = random.normal(0, deviation), random.normal(0, 0.015)
    tint = np.exp(np.array([warm, green, -warm]))
    return tint / tint.mean()
