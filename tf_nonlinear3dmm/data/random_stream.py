"""Random numbers of a step's examples, the same however the batch is divided among replicas."""

from collections.abc import Sequence

import tensorflow as tf

_PER_STEP = 64  # more calls than one step makes


class RandomStream:
    """A stream of random numbers; each call is independent of the others.

    Args:
        count: examples of the global batch.
        slots: `[B]` which of them these are.
        seed: integer; `step` may be a tensor. The same pair gives the same stream.
    """

    def __init__(self, count: int, slots: tf.Tensor, seed: int, step: int | tf.Tensor) -> None:
        self._count, self._slots, self._seed = count, slots, seed
        self._first, self._calls = tf.cast(step, tf.int64) * _PER_STEP, 0

    def uniform(
        self, low: float = 0.0, high: float = 1.0, columns: Sequence[int] = ()
    ) -> tf.Tensor:
        """`[B, *columns]` in [low, high)."""
        shape = [self._count, *columns]
        return self._of_slots(tf.random.stateless_uniform(shape, self._next(), low, high))

    def normal(self) -> tf.Tensor:
        """`[B]`, standard normal."""
        return self._of_slots(tf.random.stateless_normal([self._count], self._next()))

    def chosen(self, share: float) -> tf.Tensor:
        """`[B]` bool, True for about this share."""
        return self.uniform() < share

    def pattern(self, shape: Sequence[int]) -> tf.Tensor:
        """Standard normal of any shape, one for all examples of the step."""
        return tf.random.stateless_normal(shape, self._next())

    def _next(self):
        self._calls += 1
        return tf.stack([tf.constant(self._seed, tf.int64), self._first + self._calls])

    def _of_slots(self, values):
        return tf.gather(values, self._slots)
