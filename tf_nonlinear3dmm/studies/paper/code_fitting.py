"""Codes by optimisation: how well a decoder can represent a target when nothing limits the fit."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.core import graphs


def fit(
    decode: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    targets: np.ndarray,
    weights: np.ndarray,
    start: np.ndarray,
    scale: np.ndarray | Sequence[float],
    steps: int = 300,
    rate: float = 0.05,
    batch: int = 32,
) -> tuple[np.ndarray, np.ndarray]:
    """The codes whose decoded arrays lie nearest to targets, by Adam on the codes.

    Minimises the weighted mean squared difference of each sample; the rate falls to zero along
    half a cosine, so that the last steps settle.

    Args:
        decode: (codes `[B, K]`, rows `[B]`) -> `[B, ...]`, differentiable; `rows` are the
            samples' numbers, for decoders that also need something of the sample.
        targets: `[N, ...]`.
        weights: `[N, ...]` or `[1, ...]`, what a squared difference counts; broadcastable.
        start: `[N, K]` first codes.
        scale: `[K]` how widely codes vary, so that a step means the same for every model.
        steps, rate: of Adam; the rate in units of `scale`.
        batch: samples at a time.

    Returns:
        (codes `[N, K]`, decoded `[N, ...]`).
    """
    start = np.asarray(start, np.float32)
    count = len(start)
    batch = min(batch, count)
    moved = tf.Variable(tf.zeros_like(start[:batch]))
    origin = tf.Variable(start[:batch], trainable=False)
    scale = tf.constant(scale, tf.float32)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps))
    optimizer.build([moved])
    initial = [np.asarray(v) for v in optimizer.variables]

    @graphs.function
    def step(rows, target, weight):
        with tf.GradientTape() as tape:
            error = weight * tf.square(decode(origin + scale * moved, rows) - target)
            loss = tf.reduce_sum(error) / (tf.reduce_sum(weight) + 1e-9) * target.shape[0]
        optimizer.apply_gradients([(tape.gradient(loss, moved), moved)])

    fitted, decoded = [], []
    for first in range(0, count, batch):
        rows = np.minimum(np.arange(first, first + batch), count - 1)  # the last batch repeats
        for variable, value in zip(optimizer.variables, initial, strict=True):
            variable.assign(value)
        moved.assign(tf.zeros_like(moved))
        origin.assign(start[rows])
        target = tf.constant(np.asarray(targets[rows], np.float32))
        weight = weights if len(weights) == 1 else weights[rows]
        weight = tf.constant(np.broadcast_to(weight, target.shape), tf.float32)
        for _ in range(steps):
            step(tf.constant(rows), target, weight)
        real = min(batch, count - first)
        codes = origin + scale * moved
        fitted.append(codes.numpy()[:real])
        decoded.append(np.asarray(decode(codes, tf.constant(rows)))[:real])
    return np.concatenate(fitted), np.concatenate(decoded)
