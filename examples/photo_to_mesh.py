"""A photo to a textured mesh.

python examples/photo_to_mesh.py             # a sample crop of the package: face.glb
python examples/photo_to_mesh.py photo.jpg   # every face in a photo: meshes, landmarks, pictures
"""

import pathlib
import sys

import numpy as np
import PIL.Image

import tf_nonlinear3dmm as n3
from tf_nonlinear3dmm import serving
from tf_nonlinear3dmm.face import mesh_files

model = n3.load()  # the weights that come with the package

if len(sys.argv) > 1:  # finds the faces, crops them, and textures the meshes with the photo
    serving.reconstruct([sys.argv[1]], model, "faces")
else:  # a crop is ready for the network: square, the face in the middle
    samples = PIL.Image.open(pathlib.Path(n3.__file__).parent / "assets/trained/samples.jpg")
    crop = np.asarray(samples.crop((0, 0, samples.height, samples.height)))
    result = model.reconstruct(crop[np.newaxis])
    mesh_files.write_glb("face.glb", result.vertices[0], model.face, result.albedo_map[0])
    height = np.ptp(result.vertices[0, :, 1]) * model.face.units / 10
    print(f"face.glb: {result.vertices.shape[1]} vertices, {height:.1f} cm high")
