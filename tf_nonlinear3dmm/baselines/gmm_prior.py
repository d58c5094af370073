"""A linear model whose codes follow a mixture of Gaussians instead of one.

The idea of Gaussian-mixture 3D morphable models (Koppen et al., Pattern Recognition 2018): faces
come from subpopulations that each have their own mean and share one covariance. A face is coded
by the subpopulation it fits best and by its code inside it.
"""

from typing import NamedTuple

import numpy as np
from sklearn import mixture

from tf_nonlinear3dmm.networks import linear


class MixtureBasis(NamedTuple):
    """A linear model per subpopulation; see `linear.Basis`.

    Attributes:
        weights: `[C]` how frequent each subpopulation is.
        means: `[C, ...]` its mean face.
        modes: `[K, ...]`, of length 1, shared.
        std: `[K]` standard deviations within a subpopulation, largest first.
    """

    weights: np.ndarray
    means: np.ndarray
    modes: np.ndarray
    std: np.ndarray


def fit_mixture(codes: np.ndarray, components: int, seed: int = 0) -> mixture.GaussianMixture:
    """The tied `GaussianMixture` of codes `[N, D]`: `components` means and one covariance."""
    codes = np.asarray(codes, np.float64)
    floor = 1e-6 * codes.var(axis=0).mean()
    return mixture.GaussianMixture(
        components,
        covariance_type="tied",
        tol=1e-5,
        reg_covar=floor,
        max_iter=1000,
        random_state=seed,
    ).fit(codes)


def learn(
    basis: linear.Basis, codes: np.ndarray, components: int, count: int, seed: int = 0
) -> MixtureBasis:
    """The model of subpopulations of the faces that principal components were learned from.

    The mixture is fitted to their codes; the shared covariance is then turned to its own principal
    axes.

    Args:
        basis: `linear.Basis` of principal components.
        codes: `[N, K]` the faces' whitened codes.
        components: how many subpopulations.
        count: modes to keep.
        seed: of the start.

    Returns:
        `MixtureBasis` of `count` modes.
    """
    fitted = fit_mixture(codes * basis.std, components, seed)
    variance, axes = np.linalg.eigh(fitted.covariances_)
    order = np.argsort(-variance)[:count]
    flat = basis.modes.reshape(len(basis.modes), -1)
    shape, dtype = basis.mean.shape, basis.modes.dtype
    return MixtureBasis(
        fitted.weights_.astype(dtype),
        (fitted.means_ @ flat).reshape(-1, *shape).astype(dtype) + basis.mean,
        (axes[:, order].T @ flat).reshape(-1, *shape).astype(dtype),
        np.sqrt(variance[order]).astype(dtype),
    )


def truncate(model: MixtureBasis, count: int) -> MixtureBasis:
    """The `count` modes of largest variance."""
    return model._replace(modes=model.modes[:count], std=model.std[:count])


def project(
    model: MixtureBasis, samples: np.ndarray, weights: np.ndarray | None = None, ridge: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The most probable subpopulation of each sample, and the code in it.

    Args:
        model: `MixtureBasis`.
        samples: `[N, ...]`.
        weights: as in `linear.project`.
        ridge: likewise; it also weighs how frequent a subpopulation is. At 0 the nearest face wins.

    Returns:
        (component `[N]` int, codes `[N, K]`, reconstructions `[N, ...]`).
    """
    samples = np.asarray(samples)
    weight = 1.0 if weights is None else weights
    best, lowest = np.zeros(len(samples), int), np.full(len(samples), np.inf)
    codes = np.zeros([len(samples), len(model.modes)], samples.dtype)
    faces = np.zeros_like(samples)
    for component, mean in enumerate(model.means):
        basis = linear.Basis(mean, model.modes, model.std)
        its_codes = linear.project(basis, samples, weights, ridge)
        its_faces = linear.decode(basis, its_codes)
        cost = np.sum((weight * (its_faces - samples) ** 2).reshape(len(samples), -1), axis=1)
        prior = np.sum(its_codes**2, axis=1) - 2 * np.log(model.weights[component] + 1e-30)
        cost = cost + ridge * prior
        nearer = cost < lowest
        best[nearer], lowest[nearer] = component, cost[nearer]
        codes[nearer], faces[nearer] = its_codes[nearer], its_faces[nearer]
    return best, codes, faces
