"""Renders a face under a directional light that turns from left to right: relight.png.

python examples/relight.py
"""

import pathlib

import numpy as np
import PIL.Image
import tensorflow as tf

import tf_nonlinear3dmm as n3
from tf_nonlinear3dmm.rendering import lighting

model = n3.load()
samples = PIL.Image.open(pathlib.Path(n3.__file__).parent / "assets/trained/samples.jpg")
crop = np.asarray(samples.crop((0, 0, samples.height, samples.height)))
face = model.reconstruct(crop[np.newaxis])

angles = np.radians([-80, -40, 0, 40, 80])  # negative: from the image's left
towards = np.stack([np.sin(angles), 0.3 + 0 * angles, np.cos(angles)], axis=-1)  # [5, 3]
light = lighting.directional(tf.constant(towards, tf.float32), strength=1.2)  # [5, 9, 3]
ambient = tf.one_hot([[0, 0, 0]], 9, axis=1) * 0.3 / lighting.SH_CONSTANTS[0]  # the same all round


def repeat(tensor):
    """One face, once for each light."""
    return tf.repeat(tensor, len(angles), axis=0)


relit = model.render(
    repeat(face.vertices), repeat(face.albedo_map), repeat(face.projection), light + ambient
)
images = [*face.image, *relit.image]  # its own light, then the five
row = np.uint8(255 * np.clip(np.concatenate(images, axis=1), 0, 1))
PIL.Image.fromarray(row).save("relight.png")
print("relight.png: the face under its own light, and under five others")
