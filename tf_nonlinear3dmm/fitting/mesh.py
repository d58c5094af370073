"""A mesh in the face's topology -> its shape code, and what the model cannot express of it."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_nonlinear3dmm import metrics
from tf_nonlinear3dmm.fitting import decoding, icp, places
from tf_nonlinear3dmm.model import Nonlinear3DMM

STEPS = 8
NOISE = 0.5  # mm: how far a vertex is off; more of it trusts the people the model knows more


class MeshFit(NamedTuple):
    """What the model makes of `B` meshes.

    Attributes:
        shape_code: `[B, Ks]`.
        vertices: `[B, V, 3]` of these codes, in the face frame.
        residual: `[B, V, 3]` in the face's units: the mesh, turned and moved to the face frame,
            minus `vertices`.
    """

    shape_code: np.ndarray
    vertices: np.ndarray
    residual: np.ndarray


def fit_mesh(model: Nonlinear3DMM, vertices: npt.ArrayLike) -> MeshFit:
    """Fits meshes with the vertices of the model's face, wherever they are turned and moved.

    Args:
        model: `Nonlinear3DMM`.
        vertices: `[B, V, 3]` finite, in the face's units.

    Returns:
        `MeshFit`.

    Raises:
        ValueError: another number of vertices, one that is not finite, or other units.
    """
    face = model.face
    vertices = places.of_size("vertices", vertices, face)
    skin = face.regions["skin"].astype(np.float32)
    used = np.flatnonzero(skin)
    decode, size = decoding.vertices(model), model.config.shape_code_size
    moves = decoding.moves(model)[:, used].reshape(size, -1)
    rigid = icp.similar(face.mean_vertices[used])[:6].reshape(6, -1)
    moves = np.concatenate([moves, rigid])
    weight = (face.units / NOISE) ** 2 / places.ALIKE
    prior = np.concatenate([np.ones(size), np.zeros(6)])
    normal = weight * moves @ moves.T + np.diag(prior)
    codes = np.zeros([len(vertices), size], np.float32)
    for _ in range(STEPS):
        guess = decode(tf.constant(codes)).numpy()
        target = np.float32(metrics.aligned(vertices, guess, skin))
        off = (target - guess)[:, used].reshape(len(codes), -1)
        pull = np.pad(codes, [(0, 0), (0, 6)])
        step = np.linalg.solve(normal, (weight * off @ moves.T - pull).T).T
        codes = codes + step[:, :size].astype(np.float32)
    guess = decode(tf.constant(codes)).numpy()
    return MeshFit(codes, guess, np.float32(metrics.aligned(vertices, guess, skin)) - guess)
