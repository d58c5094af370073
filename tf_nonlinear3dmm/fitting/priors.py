"""How likely a change is before one looks at the image: minus twice its log-probability.

Each image by itself: all numbers of a `parameters.Change` are N(0, 1). Images of one person have
one albedo, and shapes that differ by expression alone: each is N(their mean, EXPRESSION^2).
"""

import tensorflow as tf

from tf_nonlinear3dmm.fitting import parameters

EXPRESSION = 0.7  # deviation of one person's shapes, in `parameters.Units`


def energy(change: parameters.Change, same_person: bool) -> tf.Tensor:
    """`[B]` of a `parameters.Change`."""
    parts = [change.camera, change.albedo]
    if change.light is not None:
        parts.append(tf.reshape(change.light, [-1, 27]))
    squares = sum(tf.reduce_sum(tf.square(part), axis=1) for part in parts)
    shape = change.shape
    if same_person:
        mean = tf.reduce_mean(shape, axis=0, keepdims=True)
        squares += tf.reduce_sum(tf.square(mean)) / tf.cast(tf.shape(shape)[0], shape.dtype)
        shape = (shape - mean) / EXPRESSION
    return squares + tf.reduce_sum(tf.square(shape), axis=1)


def of_codes(shape: tf.Tensor, same_person: bool) -> tuple[tf.Tensor, tf.Tensor]:
    """The prior's half gradient and diagonal of half the second derivative, `[B, Ks]` each."""
    if not same_person:
        return shape, tf.ones_like(shape)
    mean = tf.reduce_mean(shape, axis=0, keepdims=True)
    count = tf.cast(tf.shape(shape)[0], shape.dtype)
    pull = (shape - mean) / EXPRESSION**2 + mean / count
    return pull, tf.ones_like(shape) * (1 / EXPRESSION**2)


def tied(change: parameters.Change, same_person: bool) -> parameters.Change:
    """`change` with one albedo for all images of one person."""
    if not same_person:
        return change
    mean = tf.reduce_mean(change.albedo, axis=0, keepdims=True)
    return change._replace(albedo=tf.zeros_like(change.albedo) + mean)
