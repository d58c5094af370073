"""Codes -> shape and albedo: the decoders *are* the morphable model.

Shape decoders give offsets from the mean face in units of the face's `shape_scale`: `ShapeDecoder`
a UV map of them, `MlpShapeDecoder` and `LinearShapeDecoder` one per vertex. Albedo decoders give
RGB in [0, 1]. The linear ones make a linear 3DMM out of the same model.
"""

import keras
import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.core import keras_state, shapes
from tf_nonlinear3dmm.networks import linear
from tf_nonlinear3dmm.networks.layers import BatchNorm, block, deconvolution, dense

BOUND = 0.99  # of tanh, so that its inverse stays small
SEED = 10  # channels of the smallest map, in multiples of `width`
# Channels in multiples of `width` after each transposed convolution, one row per scale; the first
# of a row doubles the map. FConv52 ... FConv12 of the paper; FConv11 makes the three outputs.
FULL = ((5, 8), (8, 4, 6), (6, 3, 4), (4, 2, 2), (2, 1))
# For CPUs: two transposed convolutions per scale, one at the two largest, where they cost most; a
# small map uses the last rows only.
LIGHT = ((8, 8), (6, 6), (4, 4), (2,), (1,))


def sizes(uv_size):
    """Sizes (height, width) of the maps from the smallest to `uv_size`, each about twice the last.

    The smallest has 6 to 11 texels on its shorter side, unless five doublings are not enough.
    """
    found = [tuple(uv_size)]
    while min(found[0]) >= 12 and len(found) <= len(FULL):
        height, width = found[0]
        found.insert(0, ((height + 1) // 2, (width + 1) // 2))
    return found


def plan(config):
    """The transposed convolutions but the last: a list of (channels, size of the map after it)."""
    maps = sizes(config.uv_size)
    if config.plan == "full":
        stages, maps = FULL, [maps[0]] * (len(FULL) + 1 - len(maps)) + maps
    else:
        stages = LIGHT[len(LIGHT) + 1 - len(maps) :]
    steps = zip(stages, maps[1:], strict=True)
    return [(m * config.width, size) for stage, size in steps for m in stage]


class UvDecoder(keras.layers.Layer):
    """Code -> UV map of three channels: the body of both decoders of TPAMI 2019.

    With `linear_part` a linear model of maps is added before the last tanh: a constant until
    `set_linear_part` sets it, and at rest in training. It gives maps a code (`encode`).

    Args:
        config: `ModelConfig`: `uv_size`, `width`, `plan` and `linear_part` matter.
        code_size: length of the code.

    Attributes:
        shift, scale: maps lie in (shift - scale, shift + scale).
    """

    shift, scale = 0.0, 1.0

    @keras_state.inside_ours
    def __init__(self, config, code_size, name):
        super().__init__(name=name)
        self.code_size = code_size
        self.seed_shape = [-1, *sizes(config.uv_size)[0], SEED * config.width]
        # A code that is small beside the biases that training adds would hardly matter after the
        # normalisation: the light plan starts with a seed of variance 1.
        spread = 0.02 if config.plan == "full" else code_size**-0.5
        self.seed = dense(int(np.prod(self.seed_shape[1:])), spread, name="seed")
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
        self.linear_mean = self.linear_modes = None
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

    def call(self, code, training=False):
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

    def set_linear_part(self, maps):
        """Sets the linear part to the principal components of `maps` `[N, Hu, Wu, 3]`.

        Codes of these maps get mean 0 and variance 1. Where N maps span fewer than K dimensions,
        the last modes are 0.
        """
        basis = linear.pca(self._before_tanh(maps), self.code_size)
        modes = np.zeros(self.linear_modes.shape, np.float32)
        modes[: len(basis.std)] = basis.std[:, np.newaxis, np.newaxis, np.newaxis] * basis.modes
        self.linear_mean.assign(basis.mean)
        self.linear_modes.assign(modes)

    def encode(self, maps):
        """Codes `[B, K]` whose linear parts are nearest to `maps` `[B, Hu, Wu, 3]`."""
        modes = tf.reshape(self.linear_modes.value, [self.code_size, -1])  # orthogonal
        offsets = tf.reshape(self._before_tanh(maps) - self.linear_mean.value, [-1, modes.shape[1]])
        products = tf.matmul(offsets, modes, transpose_b=True)
        return tf.math.divide_no_nan(products, tf.reduce_sum(tf.square(modes), axis=1))

    def code_weights(self):
        """`[K]`: what each squared code adds to the mean squared map, in the linear part."""
        return self.scale**2 * tf.reduce_mean(tf.square(self.linear_modes.value), axis=[1, 2, 3])

    def _before_tanh(self, maps):
        return before_tanh((maps - self.shift) / self.scale)


def before_tanh(maps):
    """The inverse of tanh for maps in [-1, 1], finite at the ends and beyond; NumPy or TensorFlow.

    Few labels are beyond: a wide open mouth on an extreme face.
    """
    if isinstance(maps, np.ndarray):
        return np.arctanh(BOUND * np.clip(maps, -1, 1), dtype=np.float32)
    return tf.atanh(BOUND * tf.clip_by_value(maps, -1.0, 1.0))


@keras.saving.register_keras_serializable(package="tf_nonlinear3dmm")
class ShapeDecoder(UvDecoder):
    """Shape code `[B, Ks]` -> UV map `[B, Hu, Wu, 3]` of offsets in (-2, 2)."""

    scale = 2.0

    def __init__(self, config, name="shape_decoder"):
        super().__init__(config, config.shape_code_size, name)


@keras.saving.register_keras_serializable(package="tf_nonlinear3dmm")
class AlbedoDecoder(UvDecoder):
    """Albedo code `[B, Ka]` -> UV map `[B, Hu, Wu, 3]` of RGB in (0, 1)."""

    shift = scale = 0.5

    def __init__(self, config, name="albedo_decoder"):
        super().__init__(config, config.albedo_code_size, name)


@keras.saving.register_keras_serializable(package="tf_nonlinear3dmm")
class MlpShapeDecoder(keras.layers.Layer):
    """Shape code `[B, Ks]` -> offsets `[B, V, 3]`, unbounded (CVPR 2018).

    Args:
        code_size: length of the code.
        vertices: how many there are.
        hidden: units of the one hidden layer.
    """

    @keras_state.inside_ours
    def __init__(self, code_size, vertices, hidden=1000, name="shape_decoder"):
        super().__init__(name=name)
        self.code_size, self.vertices = code_size, vertices
        layers = [*block(dense(hidden, name="hidden")), dense(3 * vertices, name="last")]
        self.body = keras.Sequential(layers, name="body")
        self.body.build([None, code_size])
        self.built = True

    def call(self, code, training=False):
        shapes.check(code=(code, f"B {self.code_size}"))
        return tf.reshape(self.body(code, training=training), [-1, self.vertices, 3])


@keras.saving.register_keras_serializable(package="tf_nonlinear3dmm")
class LinearDecoder(keras.layers.Layer):
    """Code -> mean + sum over k of code_k std_k basis_k: one half of a linear 3DMM.

    Nothing here is trained; the arrays are saved with the model. Created from a `shape` alone they
    are NaN until weights are loaded, so that a forgotten basis cannot pass for a face.

    Args:
        mean: `[V, 3]` offsets from the mean face over `shape_scale`, or `[Hu, Wu, 3]` RGB in
            [0, 1]; or None.
        basis: `[K, *shape of mean]`, unit or not; or None.
        std: `[K]` standard deviation along each basis vector; or None.
        shape: (K, *shape of mean); needed where the arrays are None.
    """

    @keras_state.inside_ours
    def __init__(self, mean=None, basis=None, std=None, shape=None, name=None):
        super().__init__(name=name)
        shape = tuple(np.shape(basis) if shape is None else shape)
        self.mean = self._constant("mean", mean, shape[1:])
        self.basis = self._constant("basis", basis, shape)
        self.std = self._constant("std", std, shape[:1])
        self.built = True

    def _constant(self, name, values, shape):
        values = np.full(shape, np.nan, np.float32) if values is None else np.asarray(values)
        if values.shape != shape:
            raise ValueError(f"`{name}` must have shape {list(shape)}, got {list(values.shape)}.")
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=lambda shape, dtype: tf.cast(values, dtype),
            trainable=False,
        )

    def call(self, code, training=False):
        """Decodes `code` `[B, K]` to `[B, *shape of mean]`."""
        shapes.check(code=(code, f"B {self.std.shape[0]}"))
        # Tensors, for Keras' own sum of arrays of different ranks drops a batch of 1.
        return self.mean.value + tf.tensordot(code * self.std.value, self.basis.value, 1)
