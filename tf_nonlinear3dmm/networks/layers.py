"""The two layers all networks share: synchronised batch normalisation, and convolution blocks."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tf_nonlinear3dmm.core import replicas


@keras.saving.register_keras_serializable(package="tf_nonlinear3dmm")
class BatchNorm(keras.layers.BatchNormalization):
    """Batch normalisation (momentum 0.9, epsilon 1e-5) over the images of all replicas.

    The same numbers as `keras.layers.BatchNormalization(synchronized=True)`. On one replica it
    runs TensorFlow's fused kernel, which halves its cost on a CPU; several exchange once a layer,
    not three times.
    """

    def __init__(self, momentum: float = 0.9, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(
            **{**kwargs, "synchronized": True, "axis": -1}, momentum=momentum, epsilon=epsilon
        )

    def call(
        self, inputs: tf.Tensor, training: bool = False, mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Normalises `inputs` `[..., C]` and, in training, updates the moving averages."""
        if not (training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        if replicas.context() is None and inputs.shape.rank == 4:
            outputs, mean, variance = self._fused(inputs)
        else:
            mean, variance = _moments(inputs)
            outputs = tf.nn.batch_normalization(
                inputs, mean, variance, self.beta.value, self.gamma.value, self.epsilon
            )
        old, new = self.momentum, 1 - self.momentum
        self.moving_mean.assign(self.moving_mean.value * old + mean * new)
        self.moving_variance.assign(self.moving_variance.value * old + variance * new)
        return outputs

    def _fused(self, inputs):
        """Outputs, mean and variance; the kernel divides by one less than the count."""
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma.value,
            offset=self.beta.value,
            mean=[],
            variance=[],
            epsilon=self.epsilon,
            is_training=True,
        )
        count = tf.cast(tf.reduce_prod(tf.shape(inputs)[:3]), variance.dtype)
        return outputs, mean, variance * (count - 1) / count


def _moments(inputs):
    """Mean and variance `[C]` of the last axis, over all replicas."""
    axes = list(range(inputs.shape.rank - 1))
    means = [tf.reduce_mean(values, axes) for values in (inputs, tf.square(inputs))]
    mean, square = tf.unstack(replicas.mean(tf.stack(means)))
    return mean, square - tf.square(mean)


@keras.saving.register_keras_serializable(package="tf_nonlinear3dmm")
class Residual(keras.layers.Layer):
    """ELU of the input plus `linear` -> batch normalisation of it (He et al., CVPR 2016).

    Args:
        linear: a layer that keeps the shape.
    """

    def __init__(self, linear: keras.layers.Layer, name: str | None = None) -> None:
        super().__init__(name=name)
        self.linear, self.norm = linear, BatchNorm(name=f"{linear.name}_norm")

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Creates the weights."""
        self.linear.build(input_shape)
        self.norm.build(input_shape)
        self.built = True

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The outputs `[B, H, W, C]` of `inputs` `[B, H, W, C]`."""
        return tf.nn.elu(inputs + self.norm(self.linear(inputs), training=training))

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> Sequence[int | None]:
        """That of the input: the layer keeps it."""
        return input_shape


def convolution(
    channels: int, kernel: int = 3, stride: int = 1, bias: bool = False, name: str | None = None
) -> keras.layers.Conv2D:
    """A SAME convolution, initialised as in the paper's code (truncated normal, 0.02)."""
    return keras.layers.Conv2D(
        channels,
        kernel,
        stride,
        padding="same",
        use_bias=bias,
        kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
        name=name,
    )


def deconvolution(
    channels: int, stride: int = 1, bias: bool = True, name: str | None = None
) -> keras.layers.Conv2DTranspose:
    """A SAME 3 x 3 transposed convolution, initialised as in the paper's code (normal, 0.02)."""
    return keras.layers.Conv2DTranspose(
        channels,
        3,
        stride,
        padding="same",
        use_bias=bias,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.02),
        name=name,
    )


def dense(units: int, stddev: float = 0.02, name: str | None = None) -> keras.layers.Dense:
    """A fully connected layer of normal weights; `stddev` is 0.02 in the paper's code."""
    return keras.layers.Dense(
        units, kernel_initializer=keras.initializers.RandomNormal(stddev=stddev), name=name
    )


def block(linear: keras.layers.Layer) -> list[keras.layers.Layer]:
    """The layers `linear` -> batch normalisation -> ELU, as a list."""
    return [linear, BatchNorm(name=f"{linear.name}_norm"), keras.layers.Activation("elu")]
