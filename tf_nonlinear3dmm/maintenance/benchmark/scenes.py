"""Meshes and poses to draw."""

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import camera

MESHES = ("3k", "12k", "47k")
FILLED = 0.76  # height of the face over that of the image


def mesh(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Vertices `[V, 3]` float32 and triangles `[T, 3]` int32 of one of `MESHES`.

    "3k" and "12k" are the embedded faces, "47k" is the second with every triangle split in four.
    """
    face = FaceModel.load("makehuman" if name == "3k" else "makehuman-12k")
    vertices, triangles = np.asarray(face.mean_vertices), np.asarray(face.triangles)
    return split(vertices, triangles) if name == "47k" else (vertices, triangles)


def split(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A mesh with every triangle split in four at the middles of its sides."""
    sides = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    unique, inverse = np.unique(sides, axis=0, return_inverse=True)
    (a, b, c), (ab, bc, ca) = triangles.T, inverse.reshape(-1, 3).T + len(vertices)
    parts = [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
    triangles = np.concatenate([np.stack(part, axis=1) for part in parts])
    middles = vertices[unique].mean(axis=1)
    return np.concatenate([vertices, middles]), triangles.astype(np.int32)


def poses(batch: int, size: int, vertices: np.ndarray, seed: int = 0) -> tf.Tensor:
    """Image points `[batch, V, 3]` at random poses, yaw to +-90 degrees, in images of side `size`.

    The face is `FILLED` of the image high, its middle in the image's.
    """
    random = np.random.default_rng(seed)
    angles = [random.uniform(-most, most, batch) for most in (np.pi / 2, 0.3, 0.3)]
    scale = np.full(batch, FILLED * size / np.ptp(vertices[:, 1]))
    middle = np.full([batch, 2], (size - 1) / 2)
    values = [tf.constant(value, tf.float32) for value in (*angles, scale, middle)]
    centred = tf.constant(vertices - vertices.mean(axis=0), tf.float32)
    return camera.project(tf.tile(centred[tf.newaxis], [batch, 1, 1]), camera.compose(*values))
