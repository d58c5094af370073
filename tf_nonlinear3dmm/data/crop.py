"""The crop rule, and exact resampling of an image with its points and its projection.

The evaluation crop is the square around the centre of the 68-point box whose side is `MARGIN` times
the box's longer side. Data sets store a crop `STORED` times as wide, so that training can jitter.

Resampling from offset (x0, y0) by k moves points by x' = k (x - x0 + 0.5) - 0.5. Images are
resampled with a triangle filter as wide as a new pixel (no aliasing); outside the image is black.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.core import shapes
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import camera

MARGIN = 1.4
STORED = 1.375


class Square(NamedTuple):
    """Squares in an image, any leading sizes.

    Attributes:
        x0, y0: `[...]` pixels, the offset of the crop: its left and upper edges plus 0.5.
        side: `[...]` pixels.
    """

    x0: tf.Tensor
    y0: tf.Tensor
    side: tf.Tensor


def square(landmarks: tf.Tensor | np.ndarray, margin: float = MARGIN) -> Square:
    """The crop around points.

    Args:
        landmarks: `[..., K, 2]` (x, y) pixels.
        margin: side of the square over the longer side of the points' box.

    Returns:
        `Square` of `[...]`.
    """
    landmarks = tf.convert_to_tensor(landmarks)
    shapes.check(landmarks=(landmarks, "... K 2"))
    low, high = tf.reduce_min(landmarks, axis=-2), tf.reduce_max(landmarks, axis=-2)
    return around((low + high) / 2, margin * tf.reduce_max(high - low, axis=-1))


def around(centre: tf.Tensor, side: tf.Tensor) -> Square:
    """The `Square` of a centre `[..., 2]` (x, y) and a side `[...]`, in pixels."""
    corner = centre - side[..., tf.newaxis] / 2 + 0.5
    return Square(corner[..., 0], corner[..., 1], side)


def whole(side: float) -> Square:
    """The `Square` of scalars that is all of a square image."""
    return Square(*(tf.constant(float(k)) for k in (0, 0, side)))


def grow(square: Square, factor: float | tf.Tensor) -> Square:
    """The square with the same centre and `factor` times the side."""
    shift = square.side * (factor - 1) / 2
    return Square(square.x0 - shift, square.y0 - shift, square.side * factor)


def jitter(square: Square, scale: float, shift: float, seed: Sequence[int] | tf.Tensor) -> Square:
    """Varies squares: side by up to +-`scale`, centre by up to +-`shift` of the side.

    Args:
        square: `Square` of `[...]`.
        scale, shift: fractions.
        seed: `[2]` integers; the same seed gives the same squares.
    """
    size = tf.concat([tf.shape(square.side), [3]], axis=0)
    draws = tf.random.stateless_uniform(size, seed, -1, 1, dtype=square.side.dtype)
    moved = square.side * shift
    moved = Square(
        square.x0 + moved * draws[..., 0], square.y0 + moved * draws[..., 1], square.side
    )
    return grow(moved, 1 + scale * draws[..., 2])


def stored_size(image_size: int) -> int:
    """Pixels of the crop that data sets store for images of `image_size` pixels."""
    return int(image_size * STORED)


def margin(image_size: int) -> int:
    """Pixels between the edges of a stored image and of its evaluation crop."""
    return (stored_size(image_size) - image_size) // 2


def evaluation(batch: dict[str, tf.Tensor], size: int) -> dict[str, tf.Tensor]:
    """The evaluation crop of stored examples: exactly their central `size` pixels.

    Args:
        batch: dict of arrays or tensors: image and face_mask `[B, R, R, C]`, names that begin with
            `landmarks` `[B, K, 2]` and projection `[B, 2, 4]` in stored pixels, all of these also
            after `teacher_`; and anything else, which stays.
        size: S.

    Returns:
        The dict with images of `[B, S, S, C]`, and points and projections in pixels of the crop.
    """
    offset, stored = margin(size), stored_size(size)
    inside = slice(offset, offset + size)
    cut = dict(batch)
    for name, value in batch.items():
        kind = name.removeprefix("teacher_")
        if kind in ("image", "face_mask"):
            shapes.check(**{name: (value, f"B {stored} {stored} C")})
            cut[name] = value[:, inside, inside]
        elif kind.startswith("landmarks"):
            cut[name] = camera.crop_points(value, offset, offset, 1.0)
        elif kind == "projection":
            cut[name] = camera.crop(value, offset, offset, 1.0)
    return cut


def points(points: tf.Tensor, square: Square, size: int) -> tf.Tensor:
    """Points `[B, N, 2]` or `[B, N, 3]` in the crops `[B]` resampled to `size` pixels."""
    return camera.crop_points(points, square.x0, square.y0, size / square.side)


def projection(projection: tf.Tensor, square: Square, size: int) -> tf.Tensor:
    """The projections `[B, 2, 4]` into the crops `[B]` resampled to `size` pixels."""
    return camera.crop(projection, square.x0, square.y0, size / square.side)


def typical_projections(face: FaceModel, size: int, count: int = 512) -> tf.Tensor:
    """Projections `[count, 2, 4]` of the mean face at everyday poses, each in its own crop.

    Yaw, pitch and roll are normal with 30, 12 and 8 degrees. For photographs without any label.
    """
    deviations = tf.constant([[30.0], [12.0], [8.0]]) * (math.pi / 180)
    angles = tf.random.stateless_normal([3, count], [0, 0]) * deviations
    turned = camera.compose(angles[0], angles[1], angles[2], tf.ones([count]), tf.zeros([count, 2]))
    landmarks = face.mean_vertices[face.landmarks[face.landmarks >= 0]]
    landmarks = tf.repeat(landmarks[tf.newaxis], count, axis=0)
    return projection(turned, square(camera.project(landmarks, turned)[..., :2]), size)


def image(image: tf.Tensor | np.ndarray, square: Square, size: int) -> tf.Tensor:
    """Resamples one image.

    Args:
        image: `[H, W, C]`, any real dtype.
        square: `Square` of scalars.
        size: pixels of the result's side.

    Returns:
        `[size, size, C]` float32 in the range of `image`, black outside it.
    """
    shapes.check(image=(image, "H W C"))
    k = tf.cast(size / square.side, tf.float32)
    corner = tf.cast(tf.stack([square.y0, square.x0]), tf.float32)
    resampled = tf.raw_ops.ScaleAndTranslate(
        images=tf.cast(image, tf.float32)[tf.newaxis],
        size=[size, size],
        scale=tf.stack([k, k]),
        translation=-k * corner,
        kernel_type="triangle",
        antialias=True,
    )
    return resampled[0]


def jpeg(contents: tf.Tensor, square: Square, size: int) -> tf.Tensor:
    """Decodes the part of a JPEG that a crop needs, and resamples it: fast, for `tf.data`.

    Args:
        contents: scalar string, the bytes of a JPEG file.
        square: `Square` of scalars.
        size: pixels of the result's side.

    Returns:
        `[size, size, 3]` float32 in [0, 255], as `image` of the decoded file but for the decoder's
        faster arithmetic (about one grey level).
    """
    limits = tf.io.extract_jpeg_shape(contents)[:2]
    corner = tf.stack([square.y0, square.x0])
    reach = tf.cast(tf.math.ceil(square.side / size), tf.int32) + 1  # the filter's radius
    low = tf.cast(tf.floor(corner), tf.int32) - reach
    high = tf.cast(tf.math.ceil(corner + square.side), tf.int32) + reach
    low = tf.clip_by_value(low, 0, limits - 1)
    high = tf.clip_by_value(high, low + 1, limits)
    window = tf.concat([low, high - low], axis=0)
    part = tf.io.decode_and_crop_jpeg(contents, window, channels=3, dct_method="INTEGER_FAST")
    offset = tf.cast(low, square.side.dtype)
    return image(part, Square(square.x0 - offset[1], square.y0 - offset[0], square.side), size)
