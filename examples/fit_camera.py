"""Recovers a camera by gradient descent through the renderer.

python examples/fit_camera.py

The image is drawn with a known camera, so that the error of the recovered one can be told. The
gradient reaches the camera through the colours of the pixels.
"""

import pathlib

import keras
import numpy as np
import PIL.Image
import tensorflow as tf

import tf_nonlinear3dmm as n3
from tf_nonlinear3dmm.rendering import camera

UNIT = 40.0  # pixels that count as much as a radian: about the radius of a face

model = n3.load()
samples = PIL.Image.open(pathlib.Path(n3.__file__).parent / "assets/trained/samples.jpg")
crop = np.asarray(samples.crop((0, 0, samples.height, samples.height)))
face = model.reconstruct(crop[np.newaxis])  # its image is the target, its projection the answer

yaw, pitch, roll, scale, translation = camera.decompose(face.projection)
angles = tf.Variable([yaw + 0.06, pitch - 0.05, roll + 0.04])  # [3, 1], radians, a few degrees off
shift = tf.Variable([[0.05, -0.03]])  # [1, 2], in units of `UNIT` pixels
optimizer = keras.optimizers.Adam(0.005)


def projection():
    """The camera `[1, 2, 4]` of the variables."""
    return camera.compose(*tf.unstack(angles), scale, translation + UNIT * shift)


def error():
    """Mean distance of the landmarks from where they belong, in pixels."""
    moved = camera.project(face.vertices, projection())
    return float(tf.reduce_mean(tf.norm(model.landmarks(moved) - face.landmarks, axis=-1)))


@tf.function
def step():
    with tf.GradientTape() as tape:
        drawn = model.render(face.vertices, face.albedo_map, projection(), face.illumination)
        difference = tf.abs(drawn.image - face.image) * drawn.mask * face.mask
        loss = tf.reduce_sum(difference) / tf.reduce_sum(drawn.mask * face.mask)
    gradients = tape.gradient(loss, [angles, shift])
    optimizer.apply_gradients([(gradients[0], angles), (gradients[1], shift)])
    return loss


before = error()
for _ in range(150):
    step()
after = error()
print(f"landmarks are off by {before:.2f} px before, {after:.2f} px after")
