"""Adds a term to the loss: the model is finetuned on eight crops without it and with it.

python examples/loss_term.py

The term is the total variation of the albedo, which makes skin smooth. To train with a term, add
its function to `losses.py`, its entry to the terms there, and a weight of the same name to
`configs.LossConfig`; then `--finetune.loss.<name>` sets it.
"""

import pathlib

import keras
import numpy as np
import PIL.Image
import tensorflow as tf

import tf_nonlinear3dmm as n3
from tf_nonlinear3dmm import losses


def total_variation(albedo_map):
    """Mean absolute difference of neighbouring texels of `[B, Hu, Wu, 3]`."""
    return tf.reduce_mean(tf.image.total_variation(albedo_map)) / np.prod(albedo_map.shape[1:])


def finetune(images, weight, steps=5):
    """The terms after `steps` of Adam from the trained weights: a dict."""
    model = n3.load()
    optimizer = keras.optimizers.Adam(1e-4)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            result = model(images, training=False)  # batch statistics stay as they were learned
            terms = {
                "reconstruction": losses.reconstruction(result.image, images, result.mask),
                "total_variation": total_variation(result.albedo_map),
            }
            loss = terms["reconstruction"] + weight * terms["total_variation"]
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    return {name: float(value) for name, value in terms.items()}


samples = PIL.Image.open(pathlib.Path(n3.__file__).parent / "assets/trained/samples.jpg")
crops = np.split(np.asarray(samples), samples.width // samples.height, axis=1)
images = tf.image.resize(np.stack(crops) / 255, [112, 112], antialias=True)  # [8, S, S, 3]

without, with_term = finetune(images, weight=0.0), finetune(images, weight=10.0)
for name in without:
    print(f"{name}: {without[name]:.4f} without the term, {with_term[name]:.4f} with it")
