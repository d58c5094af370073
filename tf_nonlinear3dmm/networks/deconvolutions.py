"""Code -> map of any channels: a dense seed, then transposed convolutions that double it."""

import math
from typing import NamedTuple

import keras
import tensorflow as tf

from tf_nonlinear3dmm.core import keras_state, shapes
from tf_nonlinear3dmm.core.types import Size
from tf_nonlinear3dmm.networks.layers import BatchNorm, block, deconvolution, dense


class Plan(NamedTuple):
    """The layers of `Deconvolutions`.

    Attributes:
        seed: (height, width, channels) of the smallest map, which a dense layer makes of the code.
        steps: [(channels, size of the map after it)] of the transposed convolutions but the last;
            where the size changes it doubles, and what exceeds `size` is cut off.
        bias: whether those before a batch norm have one, where it is superfluous.
    """

    seed: tuple[int, int, int]
    steps: list[tuple[int, Size]]
    bias: bool = False

    def weight_count(self, code_size: int, channels: int) -> int:
        """How many weights training changes, for a code and the channels of the output."""
        size, before = math.prod(self.seed), self.seed[-1]
        count = (code_size + 1) * size + 2 * before  # a batch norm has two per channel
        for after, _ in self.steps:
            count += 9 * before * after + (2 + self.bias) * after
            before = after
        return count + (9 * before + 1) * channels


class Deconvolutions(keras.layers.Layer):
    """Transposed convolutions with batch normalisation and ELU after each but the last.

    Args:
        code_size: length of the code.
        plan: `Plan`.
        channels: of the output.
        seed_std: standard deviation of the first weights of the dense layer.
    """

    @keras_state.inside_ours
    def __init__(
        self, code_size: int, plan: Plan, channels: int, seed_std: float, name: str
    ) -> None:
        super().__init__(name=name)
        self.code_size = code_size
        self.seed_shape = [-1, *plan.seed]
        self.seed = dense(math.prod(plan.seed), seed_std, name="seed")
        self.seed_norm = BatchNorm(name="seed_norm")
        self.maps, self.stages = [], []
        before = plan.seed[:2]
        for i, (after, size) in enumerate(plan.steps):
            stride = 1 if size == before else 2
            layer = deconvolution(after, stride, plan.bias, name=f"deconv{i + 1}")
            self.stages.append(keras.Sequential(block(layer), name=f"stage{i + 1}"))
            self.maps.append(size)
            before = size
        self.last = deconvolution(channels, name="last")
        self._build()

    def _build(self):
        self.seed.build([None, self.code_size])
        shape = [None, *self.seed_shape[1:]]
        self.seed_norm.build(shape)
        for (height, width), stage in zip(self.maps, self.stages, strict=True):
            stage.build(shape)
            shape = [None, height, width, stage.output_shape[-1]]
        self.last.build(shape)
        self.built = True

    def call(self, code: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Decodes `code` `[B, code_size]` to `[B, height, width, channels]`, unbounded."""
        shapes.check(code=(code, f"B {self.code_size}"))
        features = tf.reshape(self.seed(code), self.seed_shape)
        features = keras.activations.elu(self.seed_norm(features, training=training))
        for (height, width), stage in zip(self.maps, self.stages, strict=True):
            features = stage(features, training=training)[:, :height, :width]
        return self.last(features)
