"""A linear texture model learned from photos, where half of each face may be out of sight.

The idea of 3D morphable models "in the wild" (Booth et al., CVPR 2017): unwrap photos to UV with
their fitted geometry and learn the principal components of the visible texels only. Missing texels
are filled in by the model, the model is learned from the filled textures, and so on: expectation
maximisation for a linear model whose noise tends to zero.
"""

import numpy as np

from tf_nonlinear3dmm.networks import linear


def learn(
    samples: np.ndarray, masks: np.ndarray, count: int, iterations: int = 30, seed: int = 0
) -> linear.Basis:
    """Principal components of arrays with missing entries.

    Args:
        samples: `[N, ...]`; what stands at a missing entry is never read.
        masks: `[N, ...]`, or broadcastable to it: non-zero where an entry is visible.
        count: modes to learn.
        iterations: rounds of filling in and learning.
        seed: of the first directions.

    Returns:
        `linear.Basis`. Entries that no sample shows are those of the mean over all entries, and
        no mode moves them.
    """
    samples = np.asarray(samples, np.float32)
    shape = samples.shape[1:]
    visible = np.broadcast_to(np.asarray(masks) != 0, samples.shape).reshape(len(samples), -1)
    flat = samples.reshape(len(samples), -1)
    mean = _visible_mean(flat, visible)
    filled = np.where(visible, flat, mean)
    modes = np.random.default_rng(seed).standard_normal((count, flat.shape[1]))
    modes = _orthonormal(modes.astype(np.float32))
    for _ in range(iterations):
        mean = filled.mean(axis=0)
        centred = filled - mean
        modes = _orthonormal((centred @ modes.T).T @ centred)
        guess = (centred @ modes.T) @ modes + mean
        np.copyto(filled, guess, where=~visible)
    return _principal(filled, modes, shape)


def _visible_mean(flat, visible):
    """`[D]` mean over the samples that show an entry; the overall mean where none does."""
    counts = visible.sum(axis=0)
    sums = np.where(visible, flat, 0).sum(axis=0)
    overall = sums.sum() / max(counts.sum(), 1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), overall).astype(np.float32)


def _orthonormal(rows):
    return np.linalg.qr(rows.T)[0].T


def _principal(filled, modes, shape):
    """Turns the directions `modes` `[K, D]` to the principal axes of the samples in their span."""
    mean = filled.mean(axis=0)
    inside = linear.pca((filled - mean) @ modes.T, len(modes))
    return linear.Basis(mean.reshape(shape), (inside.modes @ modes).reshape(-1, *shape), inside.std)
