"""Codes to meshes: from one face to another and beyond, traversal_0.glb to traversal_4.glb.

python examples/latent_traversal.py
"""

import pathlib

import numpy as np
import PIL.Image
import tensorflow as tf

import tf_nonlinear3dmm as n3
from tf_nonlinear3dmm.face import mesh_files

model = n3.load()
samples = PIL.Image.open(pathlib.Path(n3.__file__).parent / "assets/trained/samples.jpg")
crops = np.stack(np.split(np.asarray(samples), samples.width // samples.height, axis=1)[:2])
faces = model.reconstruct(crops)

steps = tf.constant([-0.5, 0.0, 0.5, 1.0, 1.5])[:, tf.newaxis]  # 0: the first face, 1: the second
shape_codes = (1 - steps) * faces.shape_code[0] + steps * faces.shape_code[1]  # [5, Ks]
albedo_codes = (1 - steps) * faces.albedo_code[0] + steps * faces.albedo_code[1]  # [5, Ka]

shape_maps, vertices = model.decode_shape(shape_codes)  # [5, Hu, Wu, 3], [5, V, 3]
albedo_maps = model.decode_albedo(albedo_codes)  # [5, Hu, Wu, 3]

for i, step in enumerate(steps[:, 0].numpy()):
    mesh_files.write_glb(f"traversal_{i}.glb", vertices[i], model.face, albedo_maps[i])
    moved = np.linalg.norm(vertices[i] - vertices[1], axis=-1).mean() * model.face.units
    print(f"traversal_{i}.glb: step {step:+.1f}, {moved:.1f} mm from the first face")
