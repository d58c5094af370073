"""Linear 3DMMs: a mean shape or texture, and modes of it with standard deviations.

A `Basis` describes anything that comes as an array per face: vertices `[V, 3]`, a texture
`[Hu, Wu, 3]`. Codes are whitened: a face is `mean + sum_k code_k std_k mode_k`, and over the
faces that a basis was learned from each code has variance 1. NumPy in, NumPy out.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.linalg


class Basis(NamedTuple):
    """A linear model of arrays of shape `[...]`.

    Attributes:
        mean: `[...]`.
        modes: `[K, ...]`, each of length 1; of one PCA they are orthogonal too.
        std: `[K]`, standard deviations along the modes, largest first.
    """

    mean: np.ndarray
    modes: np.ndarray
    std: np.ndarray


def pca(samples: np.ndarray, count: int, mean: np.ndarray | None = None) -> Basis:
    """The principal components of `samples` `[N, ...]`.

    Args:
        samples: `[N, ...]`, one array per face.
        count: modes to keep; fewer come back where the samples do not span as many.
        mean: `[...]` around which they vary, where it is known; else it is that of the samples.

    Returns:
        `Basis` in the dtype of `samples`. Modes have their largest entry positive.
    """
    samples = np.asarray(samples)
    flat = samples.reshape(len(samples), -1)
    freedom = len(flat)
    if mean is None:
        mean, freedom = flat.mean(axis=0, dtype=np.float64), max(len(flat) - 1, 1)
    mean = np.reshape(mean, -1).astype(samples.dtype)
    scatter, modes = _eigen(flat - mean, count)
    variance = scatter / freedom
    keep = variance > 1e-10 * max(variance[0], 1e-30)
    modes, std = modes[keep], np.sqrt(variance[keep])
    peak = np.argmax(np.abs(modes), axis=1)
    modes = modes * np.sign(modes[np.arange(len(modes)), peak])[:, None]
    shape = samples.shape[1:]
    return Basis(
        mean.reshape(shape),
        modes.reshape(len(modes), *shape).astype(samples.dtype),
        std.astype(samples.dtype),
    )


def _eigen(centred, count):
    """Summed squares along unit axes of centred `[N, D]`, by the smaller of its Gram matrices."""
    samples, size = centred.shape
    wide = size > samples
    gram = (centred @ centred.T) if wide else (centred.T @ centred)
    side = len(gram)
    last = [max(0, side - count), side - 1]  # all of them would take several times as long
    gram = np.asarray(gram, np.float64)
    values, vectors = scipy.linalg.eigh(gram, subset_by_index=last, overwrite_a=True)
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    if not wide:
        return values, vectors.T
    modes = vectors.T.astype(centred.dtype) @ centred
    modes = modes / np.maximum(np.linalg.norm(modes, axis=1, keepdims=True), 1e-30)
    return values, modes


def combine(identity: Basis, expression: Basis, count: int) -> Basis:
    """The `count` modes of largest variance across two bases, around the mean of the first.

    This is how a linear face model of identities and one of expression offsets are cut to a given
    code size. Modes of different bases need not be orthogonal; fits account for it.
    """
    modes = np.concatenate([identity.modes, expression.modes])
    std = np.concatenate([identity.std, expression.std])
    order = np.argsort(-std, kind="stable")[:count]
    return Basis(identity.mean, modes[order], std[order])


def principal(basis: Basis) -> Basis:
    """The same model, of the same covariance, with orthogonal modes."""
    scaled = basis.std[:, np.newaxis] * basis.modes.reshape(len(basis.modes), -1)
    _, std, modes = np.linalg.svd(scaled, full_matrices=False)
    return Basis(basis.mean, modes.reshape(basis.modes.shape), std)


def truncate(basis: Basis, count: int) -> Basis:
    """The `count` modes of largest variance of a basis."""
    order = np.argsort(-basis.std, kind="stable")[:count]
    return Basis(basis.mean, basis.modes[order], basis.std[order])


def decode(basis: Basis, codes: npt.ArrayLike) -> np.ndarray:
    """Codes `[N, K]` -> arrays `[N, ...]`."""
    scaled = np.asarray(codes) * basis.std
    flat = scaled @ basis.modes.reshape(len(basis.modes), -1)
    return flat.reshape(len(flat), *basis.mean.shape) + basis.mean


def project(
    basis: Basis, samples: npt.ArrayLike, weights: np.ndarray | None = None, ridge: float = 0.0
) -> np.ndarray:
    """The codes whose faces lie nearest to `samples`, in weighted least squares.

    Args:
        basis: `Basis`.
        samples: `[N, ...]`.
        weights: None, or what the squared differences count, broadcastable to `[1, ...]` (the same
            for all samples, fast) or `[N, ...]` (masks).
        ridge: weight of the squared codes against the *sum* of weighted squared differences.
            With noise of variance s per entry, s is the maximum a posteriori choice.

    Returns:
        `[N, K]` whitened codes.
    """
    count = len(basis.modes)
    samples = np.asarray(samples)
    offsets = (samples - basis.mean).reshape(len(samples), -1)
    directions = (basis.modes.reshape(count, -1).T * basis.std).astype(offsets.dtype)
    if weights is None or len(weights) == 1:
        return _solve(directions, offsets, weights, basis.mean.shape, ridge)
    codes = [
        _solve(directions, offsets[i : i + 1], weights[i : i + 1], basis.mean.shape, ridge)
        for i in range(len(samples))
    ]
    return np.concatenate(codes)


def _solve(directions, offsets, weights, shape, ridge):
    """Codes of `[N, D]` offsets under one set of weights `[1, ...]` for all of them."""
    weighted = directions
    if weights is not None:
        weighted = directions * np.broadcast_to(weights[0], shape).reshape(-1, 1)
    normal = np.asarray(directions.T @ weighted, np.float64)
    floor = 1e-9 * np.trace(normal) / len(normal)  # codes that no entry speaks of are 0
    normal[np.diag_indices_from(normal)] += ridge + floor
    right = np.asarray(offsets @ weighted, np.float64)
    return np.linalg.solve(normal, right.T).T.astype(offsets.dtype)
