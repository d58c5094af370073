"""Stored examples to training crops: one affine resample, and what follows from it.

A stored image is `R` pixels wide and holds a margin around its central `S` pixels, the evaluation
crop. A training crop is a square inside that margin, resampled by `k` from offset (x0, y0), so
that points move by x' = k (x - x0 + 0.5) - 0.5. Every function is TensorFlow, batched, and draws
its random numbers from a stateless `seed`.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import camera, shapes

# The landmark that becomes landmark i in a mirror. 300-W order: jaw 0-16, brows 17-26, nose 27-35,
# eyes 36-47, outer lips 48-59, inner lips 60-67.
LANDMARK_MIRROR = np.array(
    [*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1)]
    + [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    + [*range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), 67, 66, 65],
    np.int32,
)


class Window(NamedTuple):
    """Where each example is cut out of its stored image, `[B]` each.

    Attributes:
        x0, y0: offset in stored pixels.
        k: new pixels per stored pixel.
        flip: bool, mirror the example afterwards.
    """

    x0: tf.Tensor
    y0: tf.Tensor
    k: tf.Tensor
    flip: tf.Tensor


def jittered(batch_size, stored, size, scale, shift, mirror, seed):
    """Random crops that stay inside the stored image.

    Args:
        batch_size: B.
        stored, size: sides of the stored image and of the crop in pixels.
        scale: the crop's side varies by this fraction.
        shift: the crop's centre moves by this fraction of its side, at most.
        mirror: mirror half of the examples.
        seed: `[2]` integers.
    """
    draws = tf.random.stateless_uniform([4, batch_size], seed, -1.0, 1.0)
    side = tf.minimum(size * (1.0 + scale * draws[0]), float(stored))
    k = size / side
    # The outermost samples, half a new pixel inside the crop's edge, must lie on stored pixels.
    low = tf.maximum(0.5 - 0.5 / k, 0.0)
    high = stored - 0.5 - (size - 0.5) / k
    middle = (stored - side) / 2
    x0 = tf.clip_by_value(middle + shift * side * draws[1], low, high)
    y0 = tf.clip_by_value(middle + shift * side * draws[2], low, high)
    return Window(x0, y0, k, draws[3] > 0.0 if mirror else tf.zeros([batch_size], tf.bool))


def cut_centre(batch, size):
    """The evaluation crop, exactly the central `size` pixels; otherwise as `cut`.

    Every entry whose name ends with image, face_mask, landmarks or projection is moved.
    """
    offset = (batch["image"].shape[1] - size) // 2
    inside = slice(offset, offset + size)
    moves = {
        "image": lambda image: tf.cast(image[:, inside, inside], tf.float32) / 255.0,
        "face_mask": lambda mask: tf.cast(mask[:, inside, inside], tf.float32) / 255.0,
        "landmarks": lambda points: camera.crop_points(points, offset, offset, 1.0),
        "projection": lambda projection: camera.crop(projection, offset, offset, 1.0),
    }
    moved = dict(batch)
    for name, value in batch.items():
        for kind, move in moves.items():
            if name in (kind, f"teacher_{kind}"):
                moved[name] = move(value)
    return moved


def cut(batch, window, size):
    """Cuts image and face mask, and moves landmarks and projection with them.

    Args:
        batch: dict with image `[B, R, R, 3]` and face_mask `[B, R, R, 1]` uint8, landmarks
            `[B, K, 2]` and projection `[B, 2, 4]` in stored pixels, and anything else.
        window: `Window`; its `flip` is not applied here.
        size: S.

    Returns:
        The dict with image and face_mask `[B, S, S, C]` float32 in [0, 1], and points and
        projection in pixels of the crop.
    """
    shapes.check(image=(batch["image"], "B R R 3"), face_mask=(batch["face_mask"], "B R R 1"))
    layers = tf.concat([batch["image"], batch["face_mask"]], axis=-1)
    layers = _resample(layers, window, size) / 255.0
    x0, y0, k = window.x0, window.y0, window.k
    return batch | {
        "image": layers[..., :3],
        "face_mask": layers[..., 3:],
        "landmarks": camera.crop_points(batch["landmarks"], x0, y0, k),
        "projection": camera.crop(batch["projection"], x0, y0, k),
    }


def mirror(batch, flip, face):
    """Mirrors the examples that `flip` `[B]` names: what a camera sees of the mirrored person.

    Args:
        batch: dict after `cut`, with vertices `[B, V, 3]`, texture and texture_mask.
        flip: `[B]` bool.
        face: `FaceModel`; its `mirror` names each vertex's partner, its UV map is symmetric.
    """
    size = batch["image"].shape[2]
    x, y = tf.split(tf.gather(batch["landmarks"], LANDMARK_MIRROR, axis=1), 2, axis=-1)
    mirrored = {
        "image": tf.reverse(batch["image"], [2]),
        "face_mask": tf.reverse(batch["face_mask"], [2]),
        "landmarks": tf.concat([size - 1.0 - x, y], axis=-1),
        "projection": mirror_projection(batch["projection"], size),
        "vertices": tf.gather(batch["vertices"], face.mirror, axis=1) * [-1.0, 1.0, 1.0],
        "texture": tf.reverse(batch["texture"], [2]),
        "texture_mask": tf.reverse(batch["texture_mask"], [2]),
    }
    return batch | {name: _where(flip, value, batch[name]) for name, value in mirrored.items()}


def mirror_projection(projection, size):
    """`[B, 2, 4]` that takes mirrored vertices to the mirrored image of `size` pixels."""
    across = projection[:, 0] * [1.0, -1.0, -1.0, -1.0] + [0.0, 0.0, 0.0, size - 1.0]
    down = projection[:, 1] * [-1.0, 1.0, 1.0, 1.0]
    return tf.stack([across, down], axis=1)


def photometric(image, strength, draws):
    """Brightness, contrast and greying of images `[B, H, W, 3]` in [0, 1].

    `strength` in [0, 1]: brightness moves by up to 0.3 x strength, contrast by a factor of up to
    1 +- 0.5 x strength, and 0.2 x strength of the images lose their colour. `draws` `[3, B]` are
    uniform in [0, 1].
    """
    draws = draws[..., tf.newaxis, tf.newaxis, tf.newaxis]
    mean = tf.reduce_mean(image, axis=[1, 2], keepdims=True)
    contrast = 1.0 + strength * (draws[0] - 0.5)
    image = (image - mean) * contrast + mean + 0.6 * strength * (draws[1] - 0.5)
    gray = tf.reduce_mean(image, axis=-1, keepdims=True) + tf.zeros_like(image)
    return tf.clip_by_value(tf.where(draws[2] < 0.2 * strength, gray, image), 0.0, 1.0)


def _resample(layers, window, size):
    """Bilinear lookup of `[B, R, R, C]` at the crop's pixel centres -> `[B, S, S, C]` float32."""
    stored = layers.shape[1]
    first = tf.stack([window.y0, window.x0], -1) + (0.5 / window.k - 0.5)[:, tf.newaxis]
    last = first + ((size - 1) / window.k)[:, tf.newaxis]
    boxes = tf.concat([first, last], axis=-1) / (stored - 1.0)  # pixel centres, 0 to 1
    boxes = tf.clip_by_value(boxes, 0.0, 1.0)  # rounding only
    return tf.image.crop_and_resize(layers, boxes, tf.range(tf.shape(boxes)[0]), [size, size])


def _where(flip, mirrored, value):
    return tf.where(tf.reshape(flip, [-1] + [1] * (len(value.shape) - 1)), mirrored, value)
