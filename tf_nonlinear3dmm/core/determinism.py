"""The same numbers in every run of a training step on a CPU.

TensorFlow adds three or more tensors of one shape with one op, `AddN`, which sums into the first
input whose memory is free: an order that depends on how threads were timed, so that two runs drift
apart (`enable_op_determinism` does not change it). Two inputs give the same sum in either order.
So gradients are added in pairs here, and the graph optimiser must not merge pairs again. Nor does
it make a square of `x**2` then: write `tf.square(x)`, which is several times as fast.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


def enable() -> None:
    """Keeps the graph optimiser from merging additions; call it before the first step is traced."""
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})


def gradients(loss: tf.Tensor, variables: Sequence[Any]) -> list[tf.Tensor]:
    """The gradients of a scalar with respect to Keras variables, 0 where it depends on none.

    Only inside a `tf.function`; inside `strategy.run`, those of this replica.
    """
    return tf.gradients(
        loss,
        [variable.value for variable in variables],
        aggregation_method=tf.AggregationMethod.EXPERIMENTAL_TREE,
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
