"""Bilinear lookup in a map: an image at image points, a UV map at the vertices' uv."""

import tensorflow as tf

from tf_nonlinear3dmm import shapes


def bilinear(image, points):
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
    batch, height, width, channels = tf.unstack(tf.shape(image))
    last = tf.stack([width - 1, height - 1])
    points = tf.clip_by_value(points, tf.zeros([], points.dtype), tf.cast(last, points.dtype))
    corner = tf.clip_by_value(tf.cast(tf.floor(points), tf.int32), 0, tf.maximum(last - 1, 0))
    fraction = points - tf.cast(corner, points.dtype)
    right, below = fraction[..., 0, tf.newaxis], fraction[..., 1, tf.newaxis]
    step = tf.minimum(last, 1)  # a map of one row or column has no second one

    first = tf.range(batch)[:, tf.newaxis] * (height * width)
    index = first + corner[..., 1] * width + corner[..., 0]
    pixels = tf.reshape(image, [-1, image.shape[3] or channels])
    upper = tf.gather(pixels, index) * (1 - right) + tf.gather(pixels, index + step[0]) * right
    index += step[1] * width
    lower = tf.gather(pixels, index) * (1 - right) + tf.gather(pixels, index + step[0]) * right
    result = upper * (1 - below) + lower * below
    return tf.ensure_shape(result, [points.shape[0], points.shape[1], image.shape[3]])


def texels(uv, uv_size):
    """Where `uv` in [0, 1] lies in a map of `uv_size` (height, width): (x, y) texels."""
    height, width = uv_size
    return uv * tf.cast(tf.stack([width - 1, height - 1]), uv.dtype)
