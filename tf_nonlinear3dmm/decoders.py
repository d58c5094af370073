"""Codes -> shape and albedo: the decoders *are* the morphable model.

Shape decoders give offsets from the mean face in units of the face's `shape_scale`: `ShapeDecoder`
a UV map of them, `MlpShapeDecoder` and `LinearShapeDecoder` one per vertex. Albedo decoders give
RGB in [0, 1]. The linear ones make a linear 3DMM out of the same model.
"""

import keras
import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import shapes
from tf_nonlinear3dmm.layers import BatchNorm, block, deconvolution, dense

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
    """Code -> UV map of three channels in (-1, 1): the body of both decoders of TPAMI 2019.

    Args:
        config: `ModelConfig`: `uv_size`, `width` and `plan` matter.
        code_size: length of the code.
    """

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
        return tf.tanh(outputs if self.mean is None else outputs + self.mean.value)


@keras.saving.register_keras_serializable(package="tf_nonlinear3dmm")
class ShapeDecoder(UvDecoder):
    """Shape code `[B, Ks]` -> UV map `[B, Hu, Wu, 3]` of offsets in (-2, 2)."""

    def __init__(self, config, name="shape_decoder"):
        super().__init__(config, config.shape_code_size, name)

    def call(self, code, training=False):
        return 2 * super().call(code, training=training)


@keras.saving.register_keras_serializable(package="tf_nonlinear3dmm")
class AlbedoDecoder(UvDecoder):
    """Albedo code `[B, Ka]` -> UV map `[B, Hu, Wu, 3]` of RGB in (0, 1)."""

    def __init__(self, config, name="albedo_decoder"):
        super().__init__(config, config.albedo_code_size, name)

    def call(self, code, training=False):
        return (super().call(code, training=training) + 1) / 2


@keras.saving.register_keras_serializable(package="tf_nonlinear3dmm")
class MlpShapeDecoder(keras.layers.Layer):
    """Shape code `[B, Ks]` -> offsets `[B, V, 3]`, unbounded (CVPR 2018).

    Args:
        code_size: length of the code.
        vertices: how many there are.
        hidden: units of the one hidden layer.
    """

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
