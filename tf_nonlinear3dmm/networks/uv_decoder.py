"""Codes to UV maps by transposed convolutions: the network that decoders share."""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.configs import ModelConfig
from tf_nonlinear3dmm.core import keras_state
from tf_nonlinear3dmm.core.types import Size
from tf_nonlinear3dmm.networks import linear, parts
from tf_nonlinear3dmm.networks.deconvolutions import Deconvolutions, Plan
from tf_nonlinear3dmm.rendering import uv_layout

_Scales = tuple[tuple[int, ...], ...]
_BOUND = 0.99  # of tanh, so that its inverse stays small
_SEED = 10  # channels of the smallest map, in multiples of `width`
# Channels in multiples of `width` after each transposed convolution, one row per scale; the first
# of a row doubles the map. FConv52 ... FConv12 of the paper; FConv11 makes the three outputs.
_FULL: _Scales = ((5, 8), (8, 4, 6), (6, 3, 4), (4, 2, 2), (2, 1))
# For CPUs: two transposed convolutions per scale, one at the two largest, where they cost most; a
# small map uses the last rows only.
_LIGHT: _Scales = ((8, 8), (6, 6), (4, 4), (2,), (1,))


def sizes(uv_size: Size, enough: int = 12) -> list[Size]:
    """Sizes (height, width) of the maps from the smallest to `uv_size`, each about twice the last.

    The shorter side of the smallest is below `enough`, unless five doublings are not enough.
    """
    height, width = uv_size
    maps = [(height, width)]
    while min(height, width) >= enough and len(maps) <= len(_FULL):
        height, width = (height + 1) // 2, (width + 1) // 2
        maps.insert(0, (height, width))
    return maps


def plan(config: ModelConfig) -> Plan:
    """The layers of a decoder of whole maps."""
    maps = sizes(config.uv_size)
    seed = (*maps[0], _SEED * config.width)
    if config.plan == "full":
        scales, maps = _FULL, [maps[0]] * (len(_FULL) + 1 - len(maps)) + maps
    else:
        scales = _LIGHT[len(_LIGHT) + 1 - len(maps) :]
    steps = zip(scales, maps[1:], strict=True)
    # A bias is superfluous before a batch norm, but the paper's code has it.
    layers = [(m * config.width, size) for scale, size in steps for m in scale]
    return Plan(seed, layers, bias=config.plan == "full")


def local_plan(size: Size, width: int) -> Plan:
    """The layers of a local decoder: two transposed convolutions per scale, few channels.

    Args:
        size: (height, width) of its window.
        width: channels are multiples of it.
    """
    smallest, *maps = sizes(size, enough=9)
    steps = [
        ((4 + 2 * (len(maps) - 1 - i)) * width, after) for i, after in enumerate(maps) for _ in "12"
    ]
    return Plan((*smallest, 4 * width), steps)


def plans(config: ModelConfig, code_size: int, face_parts: Sequence[parts.Part]) -> list[Plan]:
    """[the layers of the global decoder, those of each local one].

    Together they have as many weights as the global decoder would have without the parts, in
    halves: widths are chosen so.
    """
    if not face_parts:
        return [plan(config)]
    budget = plan(config).weight_count(code_size, 3)
    widths = range(1, config.width + 1)
    found = []
    for whole, local in itertools.product(widths, widths):
        first = plan(dataclasses.replace(config, width=whole))
        others = [local_plan(part.size, local) for part in face_parts]
        counts = [some.weight_count(code_size, 3) for some in (first, *others)]
        share = counts[0] / sum(counts)
        cost = 10 * abs(np.log(sum(counts) / budget)) + abs(share - 0.5)
        found.append((cost, [first, *others]))
    return min(found, key=lambda pair: pair[0])[1]


class UVDecoder(Deconvolutions):
    """Code -> UV map of three channels: the body of both decoders.

    TPAMI 2019: transposed convolutions. With parts, CVPR 2019: local decoders draw eyes, nose and
    mouth, and a global one, smaller by as much, the rest. With `config.proxies` it draws two maps,
    a proxy, to which regularisers apply, and the map itself, which is the proxy plus a residual
    (before the last tanh).

    With `linear_part` a linear model of maps is added before the last tanh: a constant until
    `set_linear_part` sets it, and not trained. It gives maps a code (`encode`).

    Args:
        config: `ModelConfig`: `uv_size`, `width`, `plan`, `proxies` and `linear_part` matter.
        code_size: length of the code.
        face_parts: of `parts.of_face`, or none.

    Attributes:
        shift, scale: maps lie in (shift - scale, shift + scale).
        signs: of the channels in mirrored maps.
        local: `Deconvolutions`, one for each part.
    """

    shift, scale = 0.0, 1.0
    signs = uv_layout.COLOURS

    @keras_state.inside_ours
    def __init__(
        self,
        config: ModelConfig,
        code_size: int,
        name: str,
        face_parts: Sequence[parts.Part] = (),
    ) -> None:
        whole, *local = plans(config, code_size, face_parts)
        channels = 6 if config.proxies else 3
        # A code that is small beside the biases that training adds would hardly matter after the
        # normalisation: the light plan starts with a seed of variance 1.
        std = 0.02 if config.plan == "full" else code_size**-0.5
        super().__init__(code_size, whole, channels, std, name)
        self.parts = face_parts
        self.local = [
            Deconvolutions(code_size, some, channels, code_size**-0.5, part.name)
            for some, part in zip(local, face_parts, strict=True)
        ]
        # What all faces share, as the mean of a linear model; filters alone learn it slowly.
        self.mean = None
        shape = (*config.uv_size, 3)
        if config.plan == "light":
            self.mean = self.add_weight(name="mean", shape=shape, initializer="zeros")
        self.linear_mean: Any = None
        self.linear_modes: Any = None
        if config.linear_part:
            self.linear_mean, self.linear_modes = (
                self.add_weight(name=name, shape=size, initializer="zeros", trainable=False)
                for name, size in (("linear_mean", shape), ("linear_modes", (code_size, *shape)))
            )

    def call(self, code: tf.Tensor, training: bool = False) -> Any:
        """Decodes `code` `[B, code_size]` to a map `[B, Hu, Wu, 3]`: the last of `versions`."""
        return self.versions(code, training)[-1]

    def versions(self, code: tf.Tensor, training: bool = False) -> list[Any]:
        """[proxy, map] of `code` `[B, code_size]`, or without proxies [map]."""
        outputs = super().call(code, training)
        local = [decoder(code, training=training) for decoder in self.local]
        first, *residual = tf.split(
            parts.blend(outputs, local, self.parts), self.last.filters // 3, axis=-1
        )
        if self.mean is not None:
            first += self.mean.value
        if self.linear_modes is not None:
            first += self._linear(code)
        sums = itertools.accumulate([first, *residual])
        return [self.shift + self.scale * tf.tanh(outputs) for outputs in sums]

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
        return self._nearest(self._before_tanh(maps))

    def mirror(self, code: tf.Tensor) -> tf.Tensor:
        """Codes `[B, K]` whose linear parts are nearest to mirrored ones, those of `code`."""
        return self._nearest(uv_layout.mirror(self._linear(code), self.signs))

    def _linear(self, code):
        """The linear part, before tanh."""
        return self.linear_mean.value + tf.tensordot(code, self.linear_modes.value, 1)

    def _nearest(self, maps):
        """The codes of maps before tanh."""
        modes = tf.reshape(self.linear_modes.value, [self.code_size, -1])  # orthogonal
        offsets = tf.reshape(maps - self.linear_mean.value, [-1, modes.shape[1]])
        # The smaller of the two is copied for its transpose.
        products = tf.transpose(tf.matmul(modes, offsets, transpose_b=True))
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
