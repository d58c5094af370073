"""Where the head is and what light falls on it."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.data import crop
from tf_nonlinear3dmm.rendering import camera, lighting


class Light(NamedTuple):
    """Light on a head, in the camera frame.

    Attributes:
        illumination: `[9, 3]` harmonics of `lighting.sh_basis`.
        directions: `[K, 3]` unit vectors towards the lamps.
        colours: `[K, 3]` of the lamps, for highlights.
        behind: how bright the background is.
    """

    illumination: np.ndarray
    directions: np.ndarray
    colours: np.ndarray
    behind: float


class Lighting(NamedTuple):
    """One way to light a face; pairs are ranges, angles in degrees.

    Attributes:
        chance: of the photos.
        ambient: light from all around, against the lamps' 0.35 to 1.
        lamps: how many at most.
        turn: of the first lamp from the camera to either side.
        height: of the first lamp.
        tint: deviation of the lamps' warmth; above 1: colours of a stage.
        level: of the light on the visible side of a head.
        behind: see `Light`.
    """

    chance: float
    ambient: tuple
    lamps: int
    turn: tuple
    height: tuple
    tint: float
    level: tuple
    behind: tuple


LIGHTINGS = (
    Lighting(0.45, (0.35, 0.95), 3, (0, 100), (-10, 80), 0.08, (0.80, 1.3), (0.6, 1.3)),  # usual
    Lighting(0.18, (0.05, 0.35), 2, (50, 115), (-15, 50), 0.10, (0.55, 1.1), (0.2, 1.0)),  # side
    Lighting(0.12, (0.10, 0.45), 2, (115, 180), (0, 60), 0.10, (0.22, 0.9), (0.7, 1.7)),  # back
    Lighting(0.08, (0.05, 0.30), 1, (0, 15), (-5, 20), 0.08, (0.9, 1.5), (0.05, 0.6)),  # flash
    Lighting(0.08, (0.10, 0.40), 1, (0, 50), (55, 85), 0.10, (0.7, 1.2), (0.4, 1.2)),  # noon
    Lighting(0.04, (0.15, 0.50), 3, (0, 120), (-20, 60), 1.50, (0.5, 1.0), (0.1, 0.7)),  # stage
    Lighting(0.05, (0.15, 0.60), 2, (0, 110), (-20, 60), 0.18, (0.35, 0.7), (0.1, 0.6)),  # night
)


def sample_angles(random):
    """Draws (yaw, pitch, roll) in degrees, as `camera.compose` takes them.

    45 % look at the camera, 25 % past it, 30 % are seen from the side, some from behind the cheek;
    one pitch and one roll in ten is of a face that lies, falls or dances.
    """
    kind = random.choice(4, p=[0.45, 0.25, 0.27, 0.03])
    sideways = random.choice([-1, 1]) * random.uniform(*((35, 92) if kind == 2 else (85, 98)))
    yaw = (random.normal(0, 13), random.normal(0, 36), sideways, sideways)[kind]
    pitch = random.normal(0, 15 if random.uniform() < 0.9 else 36)
    roll = random.normal(0, 15.5 if random.uniform() < 0.9 else 42)
    return np.clip([yaw, pitch, roll], [-98, -60, -120], [98, 60, 120])


def frame(landmarks, angles_deg, image_size, stored_size):
    """Projections `[B, 2, 4]` that put the evaluation crop in the middle of the stored image.

    Args:
        landmarks: `[B, K, 3]` in the face frame.
        angles_deg: `[B, 3]` yaw, pitch, roll.
        image_size: side of the evaluation crop.
        stored_size: side of the stored image.
    """
    yaw, pitch, roll = np.radians(np.asarray(angles_deg, np.float32)).T
    count = len(yaw)
    turned = camera.compose(yaw, pitch, roll, tf.ones(count), tf.zeros([count, 2]))
    points = camera.project(tf.constant(landmarks, tf.float32), turned)[..., :2].numpy()
    low, high = points.min(axis=1), points.max(axis=1)
    scale = image_size / (crop.MARGIN * (high - low).max(axis=1))
    centre = (stored_size - 1) / 2
    shift = centre - scale[:, np.newaxis] * (low + high) / 2
    scaled = turned.numpy() * scale[:, np.newaxis, np.newaxis]
    scaled[..., 3] = shift
    return scaled.astype(np.float32)


def _sphere(count=128):
    """Evenly spread unit vectors `[count, 3]`."""
    z = 1 - (2 * np.arange(count) + 1) / count
    turn = np.pi * (1 + 5**0.5) * np.arange(count)
    flat = np.sqrt(1 - z * z)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1)


SPHERE = _sphere()
HARMONICS = lighting.sh_basis(tf.constant(SPHERE)).numpy()
TO_HARMONICS = np.linalg.pinv(HARMONICS)  # [9, 128]: least squares
VISIBLE = np.maximum(SPHERE[:, 2], 0) / np.maximum(SPHERE[:, 2], 0).sum()  # [128]


def sample_light(random):
    """Draws a `Light`: sky or room all around, and lamps, as one of `LIGHTINGS`."""
    way = LIGHTINGS[random.choice(len(LIGHTINGS), p=[way.chance for way in LIGHTINGS])]
    sky = random.uniform(*way.ambient) * (1 + random.uniform(0, 0.5) * SPHERE[:, 1:2])
    sky = sky * _tint(random, min(way.tint, 0.2))
    directions, colours = [], []
    for number in range(random.integers(1, way.lamps + 1)):
        turn, height = random.uniform(-130, 130), random.uniform(-20, 70)
        if number == 0:
            turn = random.choice([-1, 1]) * random.uniform(*way.turn)
            height = random.uniform(*way.height)
        turn, height = np.radians(turn), np.radians(height)
        directions.append(
            [np.sin(turn) * np.cos(height), np.sin(height), np.cos(turn) * np.cos(height)]
        )
        power = random.uniform(0.35, 1.0) * (1.0 if number == 0 else 0.5)
        colours.append(power * (_gel(random) if way.tint > 1 else _tint(random, way.tint)))
    directions, colours = np.array(directions), np.array(colours)
    irradiance = sky + np.maximum(SPHERE @ directions.T, 0) @ colours
    gain = random.uniform(*way.level) / (VISIBLE @ irradiance).mean()
    return Light(
        (TO_HARMONICS @ irradiance * gain).astype(np.float32),
        directions.astype(np.float32),
        (colours * np.minimum(gain, 2)).astype(np.float32),
        random.uniform(*way.behind),
    )


def _gel(random):
    """A strong colour `[3]` of mean 1, as lamps on a stage have."""
    turn = random.uniform(0, 2 * np.pi) + np.array([0, 2.1, 4.2])
    tint = 1 + random.uniform(0.3, 0.8) * np.cos(turn)
    return tint / tint.mean()


def _tint(random, deviation):
    """A colour `[3]` of mean 1 between candle light and blue sky; hardly green or purple."""
    warm, green = random.normal(0, deviation), random.normal(0, 0.015)
    tint = np.exp(np.array([warm, green, -warm]))
    return tint / tint.mean()
