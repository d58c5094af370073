"""Nonlinear decoders learned from 3D: what a decoder alone can do with the oracle's data.

The same faces that the oracle's principal components are learned from, as vertices or as albedo
maps, train a decoder of the nonlinear model behind a small encoder of their linear codes. No image,
no camera and no renderer takes part, so a difference to the linear model is the decoder's.
"""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.configs import ModelConfig
from tf_nonlinear3dmm.core import graphs, keras_state
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.networks import decoders
from tf_nonlinear3dmm.rendering import uv_layout

_HIDDEN = 256
Decoder = tuple[Callable[..., tf.Tensor], keras.layers.Layer]  # (codes -> samples, what is trained)


class Autoencoder(NamedTuple):
    """A trained pair.

    Attributes:
        encode: linear codes `[B, R]` -> codes `[B, K]`.
        decode: codes `[B, K]` -> what the samples are, `[B, ...]`.
    """

    encode: keras.Model
    decode: Callable[[tf.Tensor], tf.Tensor]


def shape_decoder(config: ModelConfig, face: FaceModel) -> Decoder:
    """codes, training -> vertices `[B, V, 3]` in face units, and the decoder's layer."""
    layer = decoders.shape_decoder(config, face, uv_layout.build(face, config.uv_size))
    return (lambda codes, training=False: layer(codes, training=training)[1]), layer


def albedo_decoder(config: ModelConfig, face: FaceModel) -> Decoder:
    """codes, training -> albedo maps `[B, Hu, Wu, 3]` in [0, 1], and the decoder's layer."""
    del face
    layer = decoders.AlbedoDecoder(config)
    return layer, layer


def train(
    build: Callable[[], Decoder],
    code_size: int,
    samples: np.ndarray,
    linear_codes: np.ndarray,
    weights: np.ndarray,
    steps: int,
    batch: int = 32,
    rate: float = 1e-3,
    seed: int = 0,
) -> Autoencoder:
    """Trains an encoder of linear codes and a decoder to reproduce samples.

    Args:
        build: () -> (decode, layer) as `shape_decoder` gives them.
        code_size: K.
        samples: `[N, ...]`, floats, or uint8 standing for [0, 1].
        linear_codes: `[N, R]` codes of a linear model, what the encoder reads.
        weights: `[...]` what a squared difference counts, or broadcastable to it.
        steps, batch, rate, seed: of training; Adam, the rate falls along half a cosine.

    Returns:
        `Autoencoder`.
    """
    keras.utils.set_random_seed(seed)
    decode, layer = build()
    encode = _encoder(linear_codes.shape[1], code_size)
    variables = encode.trainable_variables + layer.trainable_variables
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps))
    weight = tf.constant(weights / weights.mean(), tf.float32)
    subset = as_float(samples[:: max(1, len(samples) // 200)])
    deviation = float(subset.std(axis=0).mean())

    @graphs.function
    def step(linear_codes, target):
        with tf.GradientTape() as tape:
            decoded = decode(encode(linear_codes, training=True), training=True)
            loss = tf.reduce_mean(weight * tf.square((decoded - target) / deviation))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    rng = np.random.default_rng(seed)
    for i in range(steps):
        rows = np.sort(rng.choice(len(samples), batch, replace=False))
        target = as_float(samples[rows])
        loss = step(tf.constant(linear_codes[rows]), tf.constant(target))
        if not np.isfinite(loss):
            raise FloatingPointError(f"step {i}: the loss is not finite")
    return Autoencoder(encode, decode)


def as_float(samples: np.ndarray) -> np.ndarray:
    """uint8 to [0, 1], floats as they are; float32."""
    scale = np.float32(255) if samples.dtype == np.uint8 else np.float32(1)
    return np.asarray(samples, np.float32) / scale


@keras_state.inside_ours
def _encoder(inputs, code_size):
    layers = [
        keras.layers.Dense(_HIDDEN, activation="elu"),
        keras.layers.Dense(_HIDDEN, activation="elu"),
        keras.layers.Dense(code_size),
    ]
    encode = keras.Sequential(layers, name="encode")
    encode.build([None, inputs])
    return encode
