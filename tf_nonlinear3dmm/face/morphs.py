"""MakeHuman's morph targets, carried to the vertices of an embedded face."""

from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm.face.population import Population

MILLI = 1e-3  # decimetres per unit of a stored target


class MorphBasis(NamedTuple):
    """Targets carried to the vertices of the face, float32.

    Attributes:
        base: `[V, 3]` face frame.
        identity: `[N, V, 3]`; the order of `weights`; body height removed.
        units: `[U, V, 3]` of facial expression.
    """

    base: np.ndarray
    identity: np.ndarray
    units: np.ndarray


def face_basis(population: Population) -> MorphBasis:
    """The `MorphBasis` of a `Population`.

    Race and universal targets carry the height of the body, which would move the head: their mean
    displacement over the middle of the face is taken off.
    """
    operator, count = population.operator, len(population.base)
    coarse = operator[:, :count]

    def carry(targets):
        flat = targets.transpose(1, 0, 2).reshape(count, -1) * MILLI
        carried = (coarse @ flat).reshape(-1, len(targets), 3).transpose(1, 0, 2)
        return np.ascontiguousarray(carried, np.float32)

    macro = carry(np.concatenate([population.race, population.univ]))
    macro -= macro[:, population.anchor_ids].mean(axis=1, keepdims=True)
    rest = carry(np.concatenate([population.local, population.asym]))
    virtual = np.concatenate([population.base, [[0.0, 0.0, 1.0]]])
    base = operator @ virtual - population.origin
    return MorphBasis(
        _anchored(base, population).astype(np.float32),
        np.concatenate([macro, rest]),
        carry(population.unit),
    )


def _anchored(base, population):
    """Moves the base so that the mean face's anchors lie where the face model has them."""
    return (
        base - base[population.anchor_ids].mean(0) + population.mean[population.anchor_ids].mean(0)
    )
