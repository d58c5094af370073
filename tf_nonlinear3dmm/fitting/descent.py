"""Adam on an energy, its rate falling along a cosine, as one loop of a graph."""

import math
from collections.abc import Callable

import tensorflow as tf

from tf_nonlinear3dmm.fitting import progress

RATE, LAST_RATE = 0.08, 0.01  # in units of what is sought, whose prior is N(0, 1)


def descend(
    energy: Callable[[list[tf.Tensor]], tf.Tensor],
    parts: list[tf.Tensor],
    steps: int,
    number: tf.Tensor | None = None,
) -> list[tf.Tensor]:
    """`parts` after `steps` towards the least energy.

    Args:
        energy: parts -> `[B]`, of each image by itself or of all.
        parts: tensors, where to start.
        steps: how many.
        number: of whom to tell how far it is, see `progress`; None: of nobody.
    """
    means, squares = ([tf.zeros_like(part) for part in parts] for _ in range(2))

    def step(count, parts, means, squares):
        with tf.GradientTape() as tape:
            tape.watch(parts)
            total = tf.reduce_sum(energy(parts))
        gradients = tape.gradient(total, parts, unconnected_gradients="zero")
        if number is not None:
            progress.tell(number, (count + 1) / steps)
        return count + 1, *_adam(parts, gradients, means, squares, count, steps)

    start = tf.constant(0), parts, means, squares
    return tf.while_loop(lambda count, *_: count < steps, step, start)[1]


def _adam(parts, gradients, means, squares, step, steps):
    """One step."""
    done = tf.cast(step, tf.float32) / tf.cast(steps, tf.float32)
    rate = LAST_RATE + (RATE - LAST_RATE) * (1 + tf.cos(math.pi * done)) / 2
    count = tf.cast(step + 1, tf.float32)
    means = [0.9 * m + 0.1 * g for m, g in zip(means, gradients, strict=True)]
    squares = [0.98 * s + 0.02 * g * g for s, g in zip(squares, gradients, strict=True)]
    rate *= tf.sqrt(1 - 0.98**count) / (1 - 0.9**count)
    moved = [
        p - rate * m / (tf.sqrt(s) + 1e-6) for p, m, s in zip(parts, means, squares, strict=True)
    ]
    return moved, means, squares
