"""One batch over several replicas: sums, means and random numbers as if it were on one device.

Outside `strategy.run`, and on one device, every function is its plain counterpart. All replicas
hold equally many examples, in the order of the whole batch.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf


def context() -> tf.distribute.ReplicaContext | None:
    """The replica context of a step that several devices share; None on one device."""
    replica = tf.distribute.get_replica_context()
    return replica if replica is not None and replica.num_replicas_in_sync > 1 else None


def mean(value: tf.Tensor) -> tf.Tensor:
    """The mean of a tensor over the replicas. Its (first) gradient reaches every replica."""
    replica = context()
    if replica is None:
        return value

    def exchange(value):
        # TensorFlow looks for variables behind what it reduces, as far as gradients reach.
        return replica.all_reduce(tf.distribute.ReduceOp.MEAN, tf.stop_gradient(value))

    @tf.custom_gradient
    def run(value):
        return exchange(value), exchange  # its gradient is the mean of the gradients

    return run(value)


def masked_mean(values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """The mean of `values` where `mask` is 1; 0 where it is nowhere 1.

    Args:
        values, mask: tensors of one shape.

    Returns:
        A scalar per replica; their mean is the masked mean over the whole batch.
    """
    return tf.math.divide_no_nan(tf.reduce_sum(values * mask), mean(tf.reduce_sum(mask)))


def random(draw: Callable[[Sequence[int]], tf.Tensor], shape: Sequence[int]) -> tf.Tensor:
    """This replica's part of random numbers that are drawn for the whole batch.

    Args:
        draw: function of a shape, stateless.
        shape: of this replica's part; the first size counts its examples.
    """
    replica = context()
    if replica is None:
        return draw(shape)
    numbers = draw([shape[0] * replica.num_replicas_in_sync, *shape[1:]])
    first = replica.replica_id_in_sync_group * shape[0]
    return numbers[first : first + shape[0]]


def sum(values: list[tf.Tensor]) -> list[tf.Tensor]:
    """The sum over the replicas of each tensor of a list. No gradient passes."""
    replica = context()
    if replica is None:
        return values
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, values)
