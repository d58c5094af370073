"""Where the head is and what light falls on it."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import camera, crop, lighting


class Light(NamedTuple):
    """Light on a head, in the camera frame.

    Attributes:
        illumination: `[9, 3]` harmonics of `lighting.sh_basis`.
        directions: `[K, 3]` unit vectors towards the lamps.
        colours: `[K, 3]` of the lamps, for highlights.
    """

    illumination: np.ndarray
    directions: np.ndarray
    colours: np.ndarray


def sample_angles(random):
    """Draws (yaw, pitch, roll) in degrees: mostly frontal, some from everywhere to +-85."""
    kind = random.choice(3, p=[0.60, 0.25, 0.15])
    yaw = (random.normal(0, 15), random.normal(0, 40), random.uniform(-85, 85))[kind]
    pitch, roll = random.normal(0, 12), random.normal(0, 8)
    return np.clip([yaw, pitch, roll], [-88, -40, -35], [88, 40, 35])


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
FRONT = lighting.sh_basis(tf.constant([0.0, 0.0, 1.0], tf.float64)).numpy()
TO_HARMONICS = np.linalg.pinv(HARMONICS)  # [9, 128]: least squares


def sample_light(random):
    """Draws a `Light`: sky or room all around, and one to three lamps, of plausible colours."""
    count = random.choice([1, 2, 3], p=[0.45, 0.35, 0.2])
    ambient = random.uniform(0.35, 0.95)
    vertical = random.uniform(0.0, 0.5)  # more light from above
    sky = ambient * (1 + vertical * SPHERE[:, 1:2]) * _tint(random, 0.07)
    directions, colours = [], []
    for number in range(count):
        turn = np.radians(np.clip(random.normal(0, 55), -120, 120))
        height = np.radians(np.clip(random.normal(30, 25), -30, 85))
        directions.append(
            [np.sin(turn) * np.cos(height), np.sin(height), np.cos(turn) * np.cos(height)]
        )
        power = random.uniform(0.35, 1.0) * (1.0 if number == 0 else 0.5)
        colours.append(power * _tint(random, 0.10 if number == 0 else 0.14))
    directions, colours = np.array(directions), np.array(colours)
    irradiance = sky + np.maximum(SPHERE @ directions.T, 0) @ colours
    illumination = TO_HARMONICS @ irradiance
    front = FRONT @ illumination
    level = random.uniform(0.95, 1.35) if random.uniform() < 0.85 else random.uniform(0.55, 0.95)
    gain = level / max(front.mean(), 0.35)
    return Light(
        (illumination * gain).astype(np.float32),
        directions.astype(np.float32),
        (colours * gain).astype(np.float32),
    )


def _tint(random, deviation):
    """A colour `[3]` of mean 1 between candle light and blue sky; hardly green or purple."""
    warm, green = random.normal(0, deviation), random.normal(0, 0.015)
    tint = np.exp(np.array([warm, green, -warm]))
    return tint / tint.mean()
