"""Codes to UV maps by transposed convolutions: the network that decoders share."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.configs import ModelConfig
from tf_nonlinear3dmm.core import keras_state, shapes
from tf_nonlinear3dmm.core.types import Size
from tf_nonlinear3dmm.networks import linear
from tf_nonlinear3dmm.networks.layers import BatchNorm, block, deconvolution, dense

_Scales = tuple[tuple[int, ...], ...]
_BOUND = 0.99  # of tanh, so that its inverse stays small
_SEED = 10  # channels of the smallest map, in multiples of `width`
# Channels in multiples of `width` after each transposed convolution, one row per scale; the first
# of a row doubles the map. FConv52 ... FConv12 of the paper; FConv11 makes the three outputs.
_FULL: _Scales = ((5, 8), (8, 4, 6), (6, 3, 4), (4, 2, 2), (2, 1))
# For CPUs: two transposed convolutions per scale, one at the two largest, where they cost most; a
# small map uses the last rows only.
_LIGHT: _Scales = ((8, 8), (6, 6), (4, 4), (2,), (1,))


def sizes(uv_size: Size) -> list[Size]:
    """Sizes (height, width) of the maps from the smallest to `uv_size`, each about twice the last.

    The smallest has 6 to 11 texels on its shorter side, unless five doublings are not enough.
    """
    height, width = uv_size
    maps = [(height, width)]
    while min(height, width) >= 12 and len(maps) <= len(_FULL):
        height, width = (height + 1) // 2, (width + 1) // 2
        maps.insert(0, (height, width))
    return maps


def plan(config: ModelConfig) -> list[tuple[int, Size]]:
    """The transposed convolutions but the last: a list of (channels, size of the map after it)."""
    maps = sizes(config.uv_size)
    if config.plan == "full":
        scales, maps = _FULL, [maps[0]] * (len(_FULL) + 1 - len(maps)) + maps
    else:
        scales = _LIGHT[len(_LIGHT) + 1 - len(maps) :]
    steps = zip(scales, maps[1:], strict=True)
    return [(m * config.width, size) for scale, size in steps for m in scale]


class UVDecoder(keras.layers.Layer):
    """Code -> UV map of three channels: the body of both decoders of TPAMI 2019.

    With `linear_part` a linear model of maps is added before the last tanh: a constant until
    `set_linear_part` sets it, and not trained. It gives maps a code (`encode`).

    Args:
        config: `ModelConfig`: `uv_size`, `width`, `plan` and `linear_part` matter.
        code_size: length of the code.

    Attributes:
        shift, scale: maps lie in (shift - scale, shift + scale).
    """

    shift, scale = 0.0, 1.0

    @keras_state.inside_ours
    def __init__(self, config: ModelConfig, code_size: int, name: str) -> None:
        super().__init__(name=name)
        self.code_size = code_size
        self.seed_shape = [-1, *sizes(config.uv_size)[0], _SEED * config.width]
        # A code that is small beside the biases that training adds would hardly matter after the
        # normalisation: the light plan starts with a seed of variance 1.
        std = 0.02 if config.plan == "full" else code_size**-0.5
        self.seed = dense(int(np.prod(self.seed_shape[1:])), std, name="seed")
        self.seed_norm = BatchNorm(name="seed_norm")
        bias = config.plan == "full"  # superfluous before a batch norm, but the paper's code has it
        self.maps, self.stages = [], []
        before = tuple(self.seed_shape[1:3])
        for i, (channels, size) in enumerate(plan(config)):
            stride = 1 if size == before else 2
            layer = deconvolution(channels, stride, bias, name=f"deconv{i + 1}")
            self.stages.append(keras.Sequential(block(layer), name=f"stage{i + 1}"))
            self.maps.append(size)
            before = size
        self.last = deconvolution(3, name="last")
        # What all faces share, as the mean of a linear model; filters alone learn it slowly.
        self.mean = None
        if config.plan == "light":
            self.mean = self.add_weight(
                name="mean", shape=(*config.uv_size, 3), initializer="zeros"
            )
        self.linear_mean: Any = None
        self.linear_modes: Any = None
        if config.linear_part:
            shape = (*config.uv_size, 3)
            self.linear_mean, self.linear_modes = (
                self.add_weight(name=name, shape=size, initializer="zeros", trainable=False)
                for name, size in (("linear_mean", shape), ("linear_modes", (code_size, *shape)))
            )
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
        """Decodes `code` `[B, code_size]` to `[B, Hu, Wu, 3]`."""
        shapes.check(code=(code, f"B {self.code_size}"))
        features = tf.reshape(self.seed(code), self.seed_shape)
        features = keras.activations.elu(self.seed_norm(features, training=training))
        for (height, width), stage in zip(self.maps, self.stages, strict=True):
            features = stage(features, training=training)[:, :height, :width]
        outputs = self.last(features)
        if self.mean is not None:
            outputs += self.mean.value
        if self.linear_modes is not None:
            outputs += self.linear_mean.value + tf.tensordot(code, self.linear_modes.value, 1)
        return self.shift + self.scale * tf.tanh(outputs)

    def set_linear_part(self, maps: np.ndarray) -> None:
        """Sets the linear part to the principal components of `maps` `[N, Hu, Wu, 3]`.

        Codes of these maps get mean 0 and variance 1. Where N maps span fewer than K dimensions,
        the last modes are 0.
        """
        basis = linear.pca(self._before_tanh(maps), self.code_size)
        modes = np.zeros(self.linear_modes.shape, np.float32)
        modes[: len(basis.std)] = basis.std[:, np.newaxis, np.newaxis, np.newaxis] * basis.modes
        self.linear_mean.assign(basis.mean)
        self.linear_modes.assign(modes)

    def encode(self, maps: tf.Tensor) -> tf.Tensor:
        """Codes `[B, K]` whose linear parts are nearest to `maps` `[B, Hu, Wu, 3]`."""
        modes = tf.reshape(self.linear_modes.value, [self.code_size, -1])  # orthogonal
        offsets = tf.reshape(self._before_tanh(maps) - self.linear_mean.value, [-1, modes.shape[1]])
        products = tf.matmul(offsets, modes, transpose_b=True)
        return tf.math.divide_no_nan(products, tf.reduce_sum(tf.square(modes), axis=1))

    def code_weights(self) -> tf.Tensor:
        """`[K]`: what each squared code adds to the mean squared map, in the linear part."""
        return self.scale**2 * tf.reduce_mean(tf.square(self.linear_modes.value), axis=[1, 2, 3])

    def _before_tanh(self, maps):
        return _before_tanh((maps - self.shift) / self.scale)


def _before_tanh(maps):
    """The inverse of tanh for maps in [-1, 1], finite at the ends and beyond; NumPy or TensorFlow.

    Few labels are beyond: a wide open mouth on an extreme face.
    """
    if isinstance(maps, np.ndarray):
        return np.arctanh(_BOUND * np.clip(maps, -1, 1), dtype=np.float32)
    return tf.atanh(_BOUND * tf.clip_by_value(maps, -1.0, 1.0))
