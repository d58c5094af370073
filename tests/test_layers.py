"""Batch normalisation is Keras' synchronised one: fused, and from two means."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm.networks import layers

B, H, W, C = 3, 5, 4, 2


@pytest.mark.parametrize("shape", [(B, H, W, C), (B * H * W, C)])
def test_batch_norm_is_the_synchronised_one_of_keras(shape):
    values = 3 + 2 * np.random.default_rng(0).normal(size=shape).astype(np.float32)
    ours = layers.BatchNorm()
    theirs = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, synchronized=True)
    results = []
    for layer in (ours, theirs):
        layer.build([None, *shape[1:]])
        layer.set_weights(np.float32([[2, 3], [0.5, -1], [0.1, 0.2], [2, 1]]))
        x = tf.constant(values)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_sum(y**3)
        gradients = tape.gradient(loss, [x, layer.gamma.value, layer.beta.value])
        results.append([y, *gradients, *layer.get_weights(), layer(x, training=False)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4)  # float32 sums of 60 cubes


def test_batch_norm_that_is_not_trained_keeps_its_statistics():
    layer = layers.BatchNorm()
    layer.build([None, H, W, C])
    layer.trainable = False
    images = np.random.default_rng(0).normal(size=[B, H, W, C]).astype(np.float32)
    np.testing.assert_allclose(layer(images, training=True), images, rtol=1e-4)
    np.testing.assert_array_equal(layer.moving_mean.numpy(), 0)


def test_a_residual_layer_is_the_elu_of_input_plus_normalised_convolution():
    layer = layers.Residual(layers.convolution(C, name="conv"))
    images = np.random.default_rng(0).normal(size=[B, H, W, C]).astype(np.float32)
    layer.build(images.shape)
    inner = layer.norm(layer.linear(images), training=True)
    np.testing.assert_allclose(layer(images, training=True), tf.nn.elu(images + inner), atol=1e-6)
    layer.norm.gamma.assign(np.zeros(C))
    np.testing.assert_allclose(layer(images), tf.nn.elu(images), atol=1e-6)  # nothing but the input
