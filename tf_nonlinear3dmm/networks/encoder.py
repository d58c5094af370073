"""Image -> codes: what one photo says about camera, light, shape and albedo."""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_nonlinear3dmm.configs import ModelConfig
from tf_nonlinear3dmm.core import keras_state, shapes
from tf_nonlinear3dmm.networks.layers import BatchNorm, Residual, block, convolution, dense
from tf_nonlinear3dmm.rendering import camera

# (channels in multiples of `width`, stride) of each convolution of the paper: Conv11 ... Conv52.
_FULL = (
    ((1, 2), (2, 1)),
    ((2, 2), (2, 1), (4, 1)),
    ((4, 2), (3, 1), (6, 1)),
    ((6, 2), (4, 1), (8, 1)),
    ((8, 2), (5, 1)),
)
# For CPUs: two convolutions of 3 x 3 per scale; scales below 4 x 4 pixels are left out. The last
# map is pooled by one weight per channel and place, since a face fills its crop in the same way
# every time (global depthwise convolution, as in MobileFaceNets, Chen et al. 2018).
_LIGHT = tuple(((m, 2), (m, 1)) for m in (1, 2, 4, 8, 10))


_CAMERA_NUMBERS = {"matrix": 8, "rotation": 9}
_LOG_SCALE_STD = 0.15  # of faces in their crops, about


class Codes(NamedTuple):
    """What the encoder predicts from `B` images.

    Attributes:
        projection: `[B, 2, 4]` scaled orthographic matrix, face frame -> pixels of the image.
        illumination: `[B, 9, 3]` spherical-harmonics coefficients, or None without lighting.
        shape_code: `[B, Ks]`, unbounded.
        albedo_code: `[B, Ka]`, unbounded.
    """

    projection: tf.Tensor
    illumination: tf.Tensor | None
    shape_code: tf.Tensor
    albedo_code: tf.Tensor


def plan(config: ModelConfig) -> list[tuple[int, int, int]]:
    """The trunk's convolutions: a list of (channels, kernel, stride)."""
    scales = _FULL if config.plan == "full" else _LIGHT[: _light_scales(config.image_size)]
    flat = [convolution for scale in scales for convolution in scale]
    first = 7 if config.plan == "full" else 3
    return [(m * config.width, 3 if i else first, stride) for i, (m, stride) in enumerate(flat)]


def _light_scales(size):
    count = 0
    while size > 4 and count < len(_LIGHT):
        size, count = (size + 1) // 2, count + 1
    return count


def trunk(config: ModelConfig) -> list[keras.layers.Layer]:
    """The layers from the image to the last map."""
    layers = []
    for i, (channels, kernel, stride) in enumerate(plan(config)):
        layer = convolution(channels, kernel, stride, name=f"conv{i + 1}")
        residual = config.residual and stride == 1
        layers += [Residual(layer, name=f"{layer.name}_sum")] if residual else block(layer)
    return layers


def check_trunk(config: ModelConfig, other: ModelConfig) -> None:
    """Refuses another encoder's weights where the sizes before the codes' heads differ."""
    for name in ("image_size", "width", "plan", "residual", "camera", "lighting"):
        mine, theirs = getattr(config, name), getattr(other, name)
        if mine != theirs:
            raise ValueError(f"the other encoder has {name} {theirs!r}, this one {mine!r}")


def copy_trunk(layers: Sequence[keras.layers.Layer], known: Sequence[keras.layers.Layer]) -> None:
    """Gives the layers of a `trunk` the weights of another; inputs beside the image count 0."""
    for layer, other in zip(layers, known, strict=True):
        for mine, theirs in zip(layer.weights, other.weights, strict=True):
            value = np.zeros(mine.shape, np.float32)
            value[tuple(slice(n) for n in theirs.shape)] = theirs.value
            mine.assign(value)


def _pooling(config):
    """The layers from a map of `heads` to one number per channel."""
    if config.plan == "full":
        return [keras.layers.GlobalAveragePooling2D()]
    side = -(-config.image_size // 2 ** _light_scales(config.image_size))
    weights = keras.initializers.RandomNormal(1 / side**2, stddev=1 / side)  # variance stays 1
    return [
        keras.layers.DepthwiseConv2D(
            side, use_bias=False, depthwise_initializer=weights, name="pooling"
        ),
        keras.layers.Flatten(),
    ]


@keras.saving.register_keras_serializable(package="tf_nonlinear3dmm")
class Encoder(keras.layers.Layer):
    """The encoder of the paper (`plan` "full") or its light form.

    The heads' four convolutions are run as one with all their channels: the same weights and
    numbers, and one gradient instead of four at the trunk's end, whose order of addition would
    change from run to run.

    Args:
        config: `ModelConfig`.
        projection_mean: `[8]` mean of the training projections (`[2, 4]`, row by row), pixels.
        projection_std: `[8]` their standard deviation; the network predicts (p - mean) / std, or,
            with `config.camera` "rotation", a rotation, a scale and a place about their means.
        centre: `[3]` face frame, the point whose place that camera predicts. At the middle of the
            face's surface, not of the head, an error of the rotation does not move the face.
    """

    @keras_state.inside_ours
    def __init__(
        self,
        config: ModelConfig,
        projection_mean: npt.ArrayLike,
        projection_std: npt.ArrayLike,
        centre: npt.ArrayLike = (0.0, 0.0, 0.0),
        name: str = "encoder",
    ) -> None:
        super().__init__(name=name)
        self.config, self.centre = config, np.asarray(centre, np.float32)
        pose = 2 * config.width
        light = pose if config.lighting else 0
        self.splits = [pose, light, config.shape_code_size, config.albedo_code_size]
        heads = convolution(sum(self.splits), bias=True, name="heads")
        self.trunk = keras.Sequential(
            [*trunk(config), heads, BatchNorm(name="heads_norm"), *_pooling(config)], name="trunk"
        )
        self.to_projection = dense(_CAMERA_NUMBERS[config.camera], name="projection")
        self.to_illumination = dense(27, name="illumination") if light else None
        self.projection_mean = self._statistic("projection_mean", projection_mean)
        self.projection_std = self._statistic("projection_std", projection_std)
        std = np.asarray(projection_std)
        if not np.all((std > 0) & np.isfinite(std)):
            raise ValueError(f"`projection_std` must be positive, got {std}.")
        size = config.image_size
        self.trunk.build([None, size, size, 3])
        self.to_projection.build([None, pose])
        if self.to_illumination is not None:
            self.to_illumination.build([None, light])
        self.built = True

    def _statistic(self, name, values):
        shapes.check(**{name: (tf.convert_to_tensor(values), "8")})
        return self.add_weight(
            name=name,
            shape=(8,),
            initializer=lambda shape, dtype: tf.cast(values, dtype),
            trainable=False,
        )

    @property
    def trunk_layers(self) -> list[keras.layers.Layer]:
        """The layers from the image to the last map, as `trunk` makes them."""
        names = [layer.name for layer in self.trunk.layers]
        return self.trunk.layers[: names.index("heads")]

    def begin_with(self, other: "Encoder") -> None:
        """Takes trunk, camera and light of another encoder, but for its cameras' statistics.

        The heads of both codes stay as they are: what a code means is its decoder's affair.

        Raises:
            ValueError: the other one has another trunk, camera or light.
        """
        check_trunk(self.config, other.config)
        copy_trunk(self.trunk_layers, other.trunk_layers)
        count = len(self.trunk_layers)
        shared = sum(self.splits[:2])  # channels of the heads, the first
        for layer, known in zip(self.trunk.layers[count:], other.trunk.layers[count:], strict=True):
            for mine, theirs in zip(layer.weights, known.weights, strict=True):
                at = (..., slice(shared), *[slice(None)] * (layer.name == "pooling"))
                value = mine.numpy()
                value[at] = theirs.numpy()[at]
                mine.assign(value)
        for layer in ("to_projection", "to_illumination"):
            if getattr(self, layer) is not None:
                getattr(self, layer).set_weights(getattr(other, layer).get_weights())

    def call(self, images: tf.Tensor, training: bool = False) -> Codes:
        """Reads the codes of `images` `[B, S, S, 3]` in [0, 1], as `Codes`."""
        size = str(self.config.image_size)
        shapes.check(images=(images, f"B {size} {size} 3"))
        pooled = self.trunk(2 * images - 1, training=training)
        pose, light, shape_code, albedo_code = tf.split(pooled, self.splits, axis=-1)
        illumination = None
        if self.to_illumination is not None:
            # The 27 numbers are nine of red, nine of green, nine of blue, as in the paper.
            by_channel = tf.reshape(self.to_illumination(light), [-1, 3, 9])
            illumination = tf.transpose(by_channel, [0, 2, 1])
        projection = self._projection(self.to_projection(pose))
        return Codes(projection, illumination, shape_code, albedo_code)

    def _projection(self, numbers):
        """The projections `[B, 2, 4]` of the head's outputs `[B, 8 or 9]`."""
        mean, std = self.projection_mean.value, self.projection_std.value
        if self.config.camera == "matrix":
            return tf.reshape(mean + std * numbers, [-1, 2, 4])
        mean, std = tf.reshape(mean, [2, 4]), tf.reshape(std, [2, 4])
        rows, log_scale, place = tf.split(numbers, [6, 1, 2], axis=-1)
        # Over all rotations the squares of a row's entries sum to the squared scale.
        squares = tf.reduce_sum(tf.square(mean[:, :3]) + tf.square(std[:, :3]))
        scale = tf.sqrt(squares / 2) * tf.exp(_LOG_SCALE_STD * log_scale[:, 0])
        frontal = tf.constant([1.0, 0.0, 0.0, 0.0, 1.0, 0.0], rows.dtype)
        place = tf.linalg.matvec(mean, [*self.centre, 1.0]) + std[:, 3] * place
        return camera.from_six(frontal + rows, scale, place, self.centre)
