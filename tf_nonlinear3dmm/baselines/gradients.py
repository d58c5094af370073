"""Histograms of oriented gradients around points: what a face looks like near its landmarks.

The whole image is first turned to a few maps, one per direction of the gradient; blurred and
sampled on a small grid around each point they give the histograms of that grid's cells at once.
"""

import math

import tensorflow as tf

from tf_nonlinear3dmm.core import shapes
from tf_nonlinear3dmm.rendering import sampling


def orientation_maps(images: tf.Tensor, bins: int = 8) -> tf.Tensor:
    """The strength of the gradient in each of `bins` directions around the circle.

    Args:
        images: `[B, H, W, 3]` in [0, 1].
        bins: number of directions; the first is along x, the next turn towards y (down).

    Returns:
        `[B, H, W, bins]`: the gradient's length, shared between its two nearest directions.
    """
    shapes.check(images=(images, "B H W 3"))
    gray = tf.reduce_mean(images, axis=-1)
    padded = tf.pad(gray, [[0, 0], [1, 1], [1, 1]], mode="SYMMETRIC")
    dx = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / 2
    dy = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / 2
    direction = tf.atan2(dy, dx) * (bins / (2 * math.pi))
    distance = tf.abs(direction[..., tf.newaxis] - tf.range(bins, dtype=direction.dtype))
    distance = tf.minimum(distance % bins, bins - distance % bins)  # around the circle
    return tf.maximum(1 - distance, 0) * tf.sqrt(dx**2 + dy**2)[..., tf.newaxis]


def describe(maps: tf.Tensor, points: tf.Tensor, patch: float, cells: int = 4) -> tf.Tensor:
    """Descriptors of square patches, as in SIFT: unit length, clipped at 0.2, unit length again.

    Args:
        maps: `[B, H, W, O]` of `orientation_maps`.
        points: `[B, N, 2]` (x, y) centres in pixels.
        patch: side of the patches in pixels.
        cells: the patch is cut into cells x cells histograms.

    Returns:
        `[B, N, cells * cells * O]`.
    """
    shapes.check(maps=(maps, "B H W O"), points=(points, "B N 2"))
    cell = patch / cells
    blurred = _blur(maps, cell / 2)
    offsets = (tf.range(cells, dtype=points.dtype) - (cells - 1) / 2) * cell
    grid = tf.reshape(tf.stack(tf.meshgrid(offsets, offsets), axis=-1), [1, 1, -1, 2])
    batch, count = tf.shape(points)[0], tf.shape(points)[1]
    centres = tf.reshape(points[:, :, tf.newaxis] + grid, [batch, -1, 2])
    values = sampling.bilinear(blurred, centres)
    values = tf.reshape(values, [batch, count, cells * cells * maps.shape[-1]])
    values = tf.math.l2_normalize(values, axis=-1, epsilon=1e-8)
    return tf.math.l2_normalize(tf.minimum(values, 0.2), axis=-1, epsilon=1e-8)


def _blur(maps, sigma):
    """Gaussian blur, two passes of one dimension; there is no gradient outside."""
    radius = max(1, math.ceil(2.5 * sigma))
    line = tf.range(-radius, radius + 1, dtype=maps.dtype)
    kernel = tf.exp(-0.5 * (line / sigma) ** 2)
    kernel /= tf.reduce_sum(kernel)
    channels = maps.shape[-1]
    for axis in (1, 2):
        shape = [1, 1, 1, 1]
        shape[axis - 1] = 2 * radius + 1
        weights = tf.tile(tf.reshape(kernel, shape), [1, 1, channels, 1])
        pads = [[0, 0], [0, 0], [0, 0], [0, 0]]
        pads[axis] = [radius, radius]
        maps = tf.nn.depthwise_conv2d(tf.pad(maps, pads), weights, [1, 1, 1, 1], "VALID")
    return maps
