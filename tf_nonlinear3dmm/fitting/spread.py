"""How far the encoder is off: the `parameters.Units` of a model, made once."""

import functools

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.face import FaceModel, population, separation
from tf_nonlinear3dmm.fitting import decoding, parameters
from tf_nonlinear3dmm.model import Nonlinear3DMM

# Deviations of what the encoder leaves to be found, of those of people: a landmark is where its
# place on one person's skin is to 3 mm, by which the person cannot be told; expressions can.
PERSON, EXPRESSION = 0.3, 0.75
NOISE = 1.0  # mm: how far the decoder is off a vertex of an expression


@functools.lru_cache(maxsize=8)
def units(model: Nonlinear3DMM) -> parameters.Units:
    """The `parameters.Units` of a model."""
    face, size = model.face, model.config.shape_code_size
    codes = _codes(model, _expressions(face))
    covariance = EXPRESSION**2 * codes.T @ codes
    covariance += (PERSON**2 if len(codes) else 1.0) * np.eye(size)
    values, vectors = np.linalg.eigh(covariance)
    shape = (vectors * np.sqrt(values)) @ vectors.T
    centre = tf.constant(face.centre, tf.float32)
    return parameters.Units(model.config.image_size, centre, tf.constant(shape, tf.float32))


def _expressions(face: FaceModel) -> np.ndarray:
    """`[E, V, 3]`: directions whose N(0, 1) sums are people's expressions; none where unknown."""
    if face.name not in population.EMBEDDED:
        return face.expression_basis * face.expression_std[:, np.newaxis, np.newaxis]
    known = separation.expressions(face)
    values, vectors = np.linalg.eigh(known.covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0))).T
    return (root @ known.units).reshape(len(root), -1, 3)


def _codes(model, directions):
    """`[E, Ks]`: the most probable codes that move the skin as directions `[E, V, 3]` do."""
    skin = np.flatnonzero(model.face.regions["skin"])
    moves = decoding.moves(model)[:, skin]
    moves = moves.reshape(len(moves), -1)
    directions = directions[:, skin].reshape(-1, moves.shape[1])
    weight = (model.face.units / NOISE) ** 2
    normal = weight * moves @ moves.T + np.eye(len(moves))
    return np.linalg.solve(normal, weight * moves @ directions.T).T
