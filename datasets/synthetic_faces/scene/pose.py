"""Where the head is: rotation, and place in the image."""

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.data import crop
from tf_nonlinear3dmm.rendering import camera


def sample_angles(random: np.random.Generator) -> np.ndarray:
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


def projections(
    landmarks: np.ndarray, angles_deg: np.ndarray, image_size: int, stored_size: int
) -> np.ndarray:
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
