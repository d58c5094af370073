"""Stored examples to training crops: one affine resample, and what follows from it.

A stored image is `R` pixels wide and holds a margin around its central `S` pixels, the evaluation
crop. A training crop is a turned square, which may leave the stored image: points move by
p' = k T (p - centre) + (S - 1) / 2, where T turns by `angle`. Every function is TensorFlow and
batched, takes random numbers from a `RandomStream`, and moves those entries that a batch has.
"""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.configs import DataConfig
from tf_nonlinear3dmm.core import graphs, shapes
from tf_nonlinear3dmm.data.random_stream import RandomStream
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import camera

# The landmark that becomes landmark i in a mirror. 300-W order: jaw 0-16, brows 17-26, nose 27-35,
# eyes 36-47, outer lips 48-59, inner lips 60-67.
LANDMARK_MIRROR = np.array(
    [*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1)]
    + [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    + [*range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), 67, 66, 65],
    np.int32,
)
REFLECTION, EDGE, BLACK = range(3)
IMAGES = ("image", "face_mask", "texture", "texture_mask", "albedo")

# Compiled, work on all pixels takes an eighth of the time. One function for each pass: what it
# computes for a pixel, it computes again for every pixel that needs it.
compiled = graphs.function(jit_compile=True)


class CropWindow(NamedTuple):
    """Where each example is cut out of its stored image, `[B]` each.

    Attributes:
        x, y: stored pixel that becomes the crop's centre.
        k: new pixels per stored pixel.
        angle: radians that the image turns anticlockwise.
        flip: bool, mirror the example afterwards.
        fill: what lies outside the stored image: `REFLECTION`, `EDGE` (its outermost colour) or
            `BLACK`.
    """

    x: tf.Tensor
    y: tf.Tensor
    k: tf.Tensor
    angle: tf.Tensor
    flip: tf.Tensor
    fill: tf.Tensor


def jittered(
    landmarks: tf.Tensor | None,
    known: tf.Tensor,
    stored: int,
    size: int,
    data: DataConfig,
    random: RandomStream,
) -> CropWindow:
    """Random crops around faces that are turned.

    A turned face has another box of landmarks, and the evaluation crop of a photograph lies around
    the box as the photograph shows it. So the crop is that of the turned face, then jittered.

    Args:
        landmarks: `[B, K, 2]` stored pixels, or None where the crop does not matter.
        known: `[B]` bool; without landmarks the crop turns about the stored image's centre.
        stored, size: R and S.
        data: `DataConfig`: its rotation, jitter and mirror.
        random: `RandomStream`.

    Returns:
        `CropWindow`.
    """
    angle = random.normal() * (data.rotation_deg * math.pi / 180)
    anywhere = random.uniform(-math.pi, math.pi)
    angle = tf.where(random.chosen(data.any_rotation), anywhere, angle)
    growth, moved = tf.ones_like(angle), tf.zeros_like(angle)[:, tf.newaxis]
    if landmarks is not None:
        growth, moved = _turned_box(landmarks - (stored - 1) / 2, angle)
        growth, moved = tf.where(known, growth, 1.0), tf.where(known[:, tf.newaxis], moved, 0.0)
    shift = random.uniform(-data.jitter_shift, data.jitter_shift, [2])
    side = size * growth * (1.0 + random.uniform(-data.jitter_scale, data.jitter_scale))
    centre = (stored - 1) / 2 + moved + side[:, tf.newaxis] * shift
    flip = random.chosen(0.5 if data.mirror else 0.0)
    # Any one fill would tell the angle by its outline, which photographs do not have.
    fill = tf.cast(random.uniform(0.0, 3.0), tf.int32)
    return CropWindow(centre[:, 0], centre[:, 1], size / side, angle, flip, fill)


def _turned_box(points, angle):
    """How a box of points `[B, K, 2]` around 0 changes when they turn by `angle` `[B]`.

    Returns:
        `[B]` growth of its longer side, and `[B, 2]` how its centre moves, in unturned axes.
    """
    turn = _turn(angle)
    turned = tf.matmul(points, turn, transpose_b=True)
    (centre, side), (turned_centre, turned_side) = _box(points), _box(turned)
    back = tf.linalg.matvec(turn, turned_centre, transpose_a=True)
    return tf.math.divide_no_nan(turned_side, side), back - centre


def _box(points):
    low, high = tf.reduce_min(points, axis=1), tf.reduce_max(points, axis=1)
    return (low + high) / 2, tf.reduce_max(high - low, axis=-1)


def _turn(angle):
    """`[B, 2, 2]`: anticlockwise in an image whose y points down."""
    c, s = tf.cos(angle), tf.sin(angle)
    return tf.stack([tf.stack([c, s], -1), tf.stack([-s, c], -1)], axis=1)


def cut(batch: dict[str, tf.Tensor], window: CropWindow, size: int) -> dict[str, tf.Tensor]:
    """Cuts image and face mask, and moves landmarks and projection with them.

    Args:
        batch: dict with image `[B, R, R, 3]` and face_mask `[B, R, R, 1]` uint8, landmarks
            `[B, K, 2]` and projection `[B, 2, 4]` in stored pixels, and anything else.
        window: `CropWindow`; its `flip` is not applied here.
        size: S.

    Returns:
        The dict with image and face_mask `[B, S, S, C]` float32 in [0, 1], and points and
        projection in pixels of the crop. The face mask is 0 outside the stored image.
    """
    moved = dict(batch)
    layers = {name: batch[name] for name in ("image", "face_mask") if name in batch}
    if layers:
        corner, across, down, dark = _lookup(window, batch[next(iter(layers))].shape[1], size)
        resampled = _resample([*layers.values()], corner, across, down, dark)
        channels = [layer.shape[-1] for layer in layers.values()]
        moved |= zip(layers, tf.split(resampled, channels, axis=-1), strict=True)
    if "landmarks" in batch:
        moved["landmarks"] = _move_points(batch["landmarks"], window, size)
    if "projection" in batch:
        moved["projection"] = _move_projection(batch["projection"], window, size)
    return moved


def _move_points(points: tf.Tensor, window: CropWindow, size: int) -> tf.Tensor:
    """Points `[B, N, 2]` of the stored image in the crop."""
    centre = tf.stack([window.x, window.y], axis=-1)[:, tf.newaxis]
    linear = window.k[:, tf.newaxis, tf.newaxis] * _turn(window.angle)
    return tf.matmul(points - centre, linear, transpose_b=True) + (size - 1) / 2


def _move_projection(projection: tf.Tensor, window: CropWindow, size: int) -> tf.Tensor:
    """The projection `[B, 2, 4]` into the crop."""
    place = _move_points(projection[:, tf.newaxis, :, 3], window, size)
    linear = window.k[:, tf.newaxis, tf.newaxis] * _turn(window.angle)
    turned = tf.matmul(linear, projection[..., :3])
    return tf.concat([turned, tf.transpose(place, [0, 2, 1])], axis=-1)


def mirror(
    batch: dict[str, tf.Tensor], flip: tf.Tensor, face: FaceModel, size: int
) -> dict[str, tf.Tensor]:
    """Mirrors the examples that `flip` `[B]` names: what a camera sees of the mirrored person.

    Args:
        batch: dict after `cut`, with any of the entries that training reads.
        flip: `[B]` bool.
        face: `FaceModel`; its `mirror` names each vertex's partner, its UV map is symmetric.
        size: S.
    """
    moves = {
        "landmarks": lambda points: _mirror_points(points, size),
        "projection": lambda projection: camera.mirror(projection, size),
        "vertices": lambda vertices: tf.gather(vertices, face.mirror, axis=1) * [-1.0, 1.0, 1.0],
    }
    mirrored = {name: move(batch[name]) for name, move in moves.items() if name in batch}
    mirrored = {name: _where_flipped(flip, value, batch[name]) for name, value in mirrored.items()}
    images = {name: batch[name] for name in IMAGES if name in batch}
    return batch | mirrored | _mirror_images(images, flip)


@compiled
def _mirror_images(images, flip):
    return {name: _where_flipped(flip, tf.reverse(p, [2]), p) for name, p in images.items()}


def _mirror_points(points, size):
    x, y = tf.split(tf.gather(points, LANDMARK_MIRROR, axis=1), 2, axis=-1)
    return tf.concat([size - 1.0 - x, y], axis=-1)


def _where_flipped(flip, mirrored, value):
    return tf.where(tf.reshape(flip, [-1] + [1] * (len(value.shape) - 1)), mirrored, value)


def _lookup(window, stored, size):
    """Where the crop's pixels lie in the stored image, `[B, S, S]` each.

    Returns:
        The flat number of the stored pixel above and left; the fractions (across, down) of the way
        to the next; 2 where all is black, 1 where masks are, 0 inside the stored image.
    """
    # What is computed here is computed once an example, what is compiled once a pixel.
    c, s = tf.cos(window.angle) / window.k, tf.sin(window.angle) / window.k
    reflected = window.fill == REFLECTION
    outside = tf.where(window.fill == BLACK, 2, 1)
    values = (c, s, window.x, window.y, reflected, outside)
    return _pixels(*(value[:, tf.newaxis, tf.newaxis] for value in values), stored, size)


@compiled
def _pixels(c, s, x, y, reflected, outside, stored, size):
    """`_lookup` of `[B, 1, 1]` settings."""
    across = tf.range(size, dtype=tf.float32) - (size - 1) / 2
    down, last = across[:, tf.newaxis], stored - 1.0
    x, y = x + c * across - s * down, y + s * across + c * down
    inside = [tf.abs(place - last / 2) < stored / 2 for place in (x, y)]
    x, y = (tf.where(reflected, last - tf.abs(last - tf.abs(p)), p) for p in (x, y))
    x, y = (tf.clip_by_value(place, 0.0, last) for place in (x, y))
    x0, y0 = (tf.minimum(tf.floor(place), last - 1) for place in (x, y))
    example = tf.range(tf.shape(c)[0])[:, tf.newaxis, tf.newaxis]
    corner = example * stored**2 + tf.cast(y0, tf.int32) * stored + tf.cast(x0, tf.int32)
    return corner, x - x0, y - y0, tf.where(inside[0] & inside[1], 0, outside)


@compiled
def _resample(layers, corner, across, down, dark):
    """Bilinear lookup of uint8 layers `[B, R, R, C]` at the places that `_lookup` gives.

    A crop shrinks by 1.3 at most, where bilinear lookup does not yet alias. All layers lie in the
    four bytes of one number, so that each corner is one gather. Layers of one channel are masks.
    """
    for layer in layers:
        shapes.check(layer=(layer, "B R R C"))
    stored, channels = layers[0].shape[1], [layer.shape[-1] for layer in layers]
    packed, across, down = _pack(layers), across[..., tf.newaxis], down[..., tf.newaxis]

    def look(offset):
        return tf.cast(tf.bitcast(tf.gather(packed, corner + offset), tf.uint8), tf.float32)

    upper = look(0) * (1 - across) + look(1) * across
    lower = look(stored) * (1 - across) + look(stored + 1) * across
    values = (upper * (1 - down) + lower * down)[..., : sum(channels)] / 255.0
    least = tf.constant([1 if c == 1 else 2 for c in channels for _ in range(c)])
    return tf.where(dark[..., tf.newaxis] >= least, 0.0, values)


def _pack(layers):
    """uint8 layers of four channels at most to `[B * R * R]` int32."""
    layers = tf.concat(layers, axis=-1)
    layers = tf.pad(layers, [[0, 0]] * 3 + [[0, 4 - layers.shape[-1]]])
    return tf.reshape(tf.bitcast(layers, tf.int32), [-1])
