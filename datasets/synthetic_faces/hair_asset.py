"""The arrays of assets/hair.npz: meshes of hair, and the shape of the skull under them."""

import functools

import numpy as np

from tf_nonlinear3dmm import face_model

PATH = face_model.ASSET.parent / "hair.npz"
QUANTUM = 1e-3  # dm of the vertices


@functools.cache
def arrays():
    """Name -> array, as `face_build.hair.build` gives them."""
    with np.load(PATH, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
