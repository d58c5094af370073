"""Bilinear lookup in a map: an image at image points, a UV map at the vertices' uv."""

import tensorflow as tf

from tf_nonlinear3dmm.core import shapes
from tf_nonlinear3dmm.core.types import Size
from tf_nonlinear3dmm.rendering import sparse


def bilinear(image: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    """Reads `image` between its pixels' centres.

    Args:
        image: `[B, H, W, C]` floats; a batch of 1 serves every `points`.
        points: `[B, N, 2]` (x, y) pixels, centres at integers; outside, the border's value.

    Returns:
        `[B, N, C]` in the dtype of `image`. A NaN point reads NaN.

    Raises:
        ValueError: if a static shape differs from the above.

    Gradients:
        Reach `image` and `points`; outside the image the points' gradient is 0.
    """
    shapes.check(image=(image, "B H W C"), points=(points, "... N 2"))
    image, points = tf.convert_to_tensor(image), tf.convert_to_tensor(points)
    _, height, width, channels = (k or d for k, d in zip(image.shape, _sizes(image), strict=True))
    batch, count, _ = (k or d for k, d in zip(points.shape, _sizes(points), strict=True))
    which = tf.zeros([batch], tf.int32) if image.shape[0] == 1 else tf.range(batch)
    first = tf.repeat(which * (height * width), count)
    pixels, points = tf.reshape(image, [-1, channels]), tf.reshape(points, [-1, 2])
    values = lookup(pixels, points, first, (height, width))
    return tf.reshape(values, [batch, count, channels])


def _sizes(tensor):
    return tf.unstack(tf.shape(tensor))


def lookup(pixels: tf.Tensor, points: tf.Tensor, first: tf.Tensor, size: Size) -> tf.Tensor:
    """Reads many maps of one size between their pixels' centres.

    Args:
        pixels: `[M, C]` floats, the maps' rows one after the other.
        points: `[N, 2]` (x, y) pixels; outside, the border's value.
        first: `[N]` int32, where in `pixels` the point's map begins.
        size: (height, width) of a map.

    Returns:
        `[N, C]` in the dtype of `pixels`.

    Gradients:
        Reach `pixels` and `points`; outside the map the points' gradient is 0.
    """

    @tf.custom_gradient
    def run(pixels, points):
        inside, (right, below), index, weights = _corners(points, size)
        index, weights = first + index, tf.cast(weights, pixels.dtype)
        values = sparse.gather(pixels, index)  # [4, N, C]

        def backward(upstream):
            row = tf.broadcast_to(tf.range(tf.size(right)), tf.shape(index))
            indices = tf.reshape(sparse.pairs(row, index), [-1, 2])
            to_pixels = sparse.matmul_adjoint_a(
                indices, tf.reshape(weights, [-1]), upstream, tf.shape(pixels)[0]
            )
            a, b, c, d = tf.unstack(tf.cast(sparse.dot(values, upstream), points.dtype))
            slopes = (
                (1 - below) * (b - a) + below * (d - c),
                (1 - right) * (c - a) + right * (d - b),
            )
            slopes = sparse.stack_columns(slopes)
            return to_pixels, tf.where(tf.equal(points, inside), slopes, tf.zeros_like(slopes))

        a, b, c, d = tf.unstack(values * weights[..., tf.newaxis])
        return (a + b) + (c + d), backward

    return run(pixels, points)


def corners(points: tf.Tensor, size: Size) -> tuple[tf.Tensor, tf.Tensor]:
    """The four pixels around each of `points` `[N, 2]` in a map of `size` (height, width).

    Returns:
        `[4, N]` int32 pixels, counted row by row, and `[4, N]` bilinear weights in the dtype of
        `points`. A point outside the map has those of the nearest one inside.
    """
    return _corners(points, size)[2:]


def _corners(points, size):
    """`points` `[N, 2]` moved into the map, their offsets from the pixel before, and `corners`."""
    height, width = size
    last = tf.stack([width - 1, height - 1])
    step = tf.minimum(last, 1)  # a map of one row or column has no second one
    inside = tf.clip_by_value(points, tf.zeros([], points.dtype), tf.cast(last, points.dtype))
    corner = tf.clip_by_value(tf.cast(tf.floor(inside), tf.int32), 0, tf.maximum(last - 1, 0))
    right, below = tf.unstack(inside - tf.cast(corner, points.dtype), axis=1)
    x, y = tf.unstack(corner, axis=1)
    index = y * width + x
    index = tf.stack([index, index + step[0], index + step[1] * width])
    index = tf.concat([index, index[2:] + step[0]], axis=0)
    weights = tf.stack([1 - right, right]) * tf.stack([1 - below, below])[:, tf.newaxis]
    return inside, (right, below), index, tf.reshape(weights, [4, -1])


def texels(uv: tf.Tensor, uv_size: Size) -> tf.Tensor:
    """Where `uv` in [0, 1] lies in a map of `uv_size` (height, width): (x, y) texels."""
    height, width = uv_size
    return uv * tf.cast(tf.stack([width - 1, height - 1]), uv.dtype)
