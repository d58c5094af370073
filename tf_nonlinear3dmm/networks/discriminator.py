"""The discriminator: photo or rendering, patch by patch; and its history of old renderings."""

import keras
import tensorflow as tf

from tf_nonlinear3dmm.configs import ModelConfig
from tf_nonlinear3dmm.core import keras_state, shapes
from tf_nonlinear3dmm.networks.layers import block, convolution

# (channels in multiples of `width`, stride) of each convolution but the last.
_PLAN = ((1, 1), (2, 2), (4, 2), (6, 2), (8, 2))


@keras.saving.register_keras_serializable(package="tf_nonlinear3dmm")
class Discriminator(keras.layers.Layer):
    """PatchGAN: images `[B, S, S, 3]` in [0, 1] -> logits `[B, S / 16, S / 16, 1]`.

    Args:
        config: `ModelConfig`: `image_size` and `width` matter; 32 in the paper's code.
    """

    @keras_state.inside_ours
    def __init__(self, config: ModelConfig, name: str = "discriminator") -> None:
        super().__init__(name=name)
        self.size = config.image_size
        (channels, stride), *others = [(m * config.width, stride) for m, stride in _PLAN]
        layers = [
            convolution(channels, 3, stride, bias=True, name="conv1"),
            keras.layers.Activation("elu"),
        ]
        for i, (channels, stride) in enumerate(others):
            layers += block(convolution(channels, 3, stride, bias=True, name=f"conv{i + 2}"))
        layers.append(convolution(1, bias=True, name="logits"))
        self.body = keras.Sequential(layers, name="body")
        self.body.build([None, self.size, self.size, 3])
        self.built = True

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Judges `images` `[B, S, S, 3]` in [0, 1]: logits `[B, h, w, 1]`, one per patch."""
        shapes.check(images=(images, f"B {self.size} {self.size} 3"))
        return self.body(2 * images - 1, training=training)


class History(tf.Module):
    """The last `size` renderings of this replica, so that the discriminator forgets no old fault.

    Colours are kept with 8 bits. A replica has its own memory; replica 0's is saved.

    Args:
        size: how many drawings.
        image_size: their side.
    """

    def __init__(self, size: int, image_size: int, name: str = "history") -> None:
        super().__init__(name=name)
        self.size = size
        self.images = _own_variable("images", [size, image_size, image_size, 3], tf.uint8)
        self.count = _own_variable("count", [], tf.int64)

    def exchange(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Returns as many old renderings as there are new ones, then remembers the new ones.

        Args:
            images: `[B, S, S, 3]` in [0, 1].
            seed: `[2]` int, of the choice.

        Returns:
            `[B, S, S, 3]`, drawn with repetition from all remembered; the new ones while there are
            none. No gradient.
        """
        images = tf.stop_gradient(images)
        batch = tf.shape(images)[0]
        known = tf.cast(tf.minimum(self.count, self.size), tf.int32)
        rows = tf.random.stateless_uniform([batch], seed, 0, tf.maximum(known, 1), tf.int32)
        old = tf.cast(tf.gather(self.images, rows), images.dtype) / 255
        old = tf.where(known > 0, old, images)
        rows_of_new = (tf.cast(self.count, tf.int32) + tf.range(batch)) % self.size
        stored = tf.cast(tf.clip_by_value(images, 0, 1) * 255 + 0.5, tf.uint8)
        with tf.control_dependencies([old]):
            self.images.assign(
                tf.tensor_scatter_nd_update(self.images, rows_of_new[:, tf.newaxis], stored)
            )
            self.count.assign_add(tf.cast(batch, tf.int64))
        return old


def _own_variable(name, shape, dtype):
    """A variable of which each replica has its own."""
    return tf.Variable(
        tf.zeros(shape, dtype),
        trainable=False,
        name=name,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )
