"""How people of the generator and their expressions vary, as one small asset on targets.

It is made by scripts/maintenance/build_expressions.py, of the targets and units of makehuman.npz
alone: no weights of a network enter it, and both levels of the embedded face share it.
"""

import pathlib
from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.face import morphs, npz
from tf_nonlinear3dmm.face.population import Population

ASSET = pathlib.Path(__file__).parents[1] / "assets" / "expressions.npz"


class Prior(NamedTuple):
    """How people and expressions vary.

    Attributes:
        identity: `[N]` mean weights of the targets of `morphs.MorphBasis.identity`.
        modes: `[K, N]` float16, what one standard deviation of each mode of people adds to them.
        units: `[U]` mean weights of units.
        covariance: `[U, U]` of the weights of units.
    """

    identity: np.ndarray
    modes: np.ndarray
    units: np.ndarray
    covariance: np.ndarray


def build(
    targets: np.ndarray, units: np.ndarray, basis: morphs.MorphBasis, modes: int
) -> dict[str, np.ndarray]:
    """The arrays of a `Prior`, from weights of targets `[P, N]` and of units `[P, U]`."""
    spread = np.atleast_2d(np.cov(targets.T))
    values, vectors = np.linalg.eigh(spread)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    flat = basis.identity.reshape(len(basis.identity), -1).astype(np.float64)
    _, directions = np.linalg.eigh(root @ (flat @ flat.T) @ root)  # in order of what is seen
    known = directions[:, ::-1][:, :modes].T @ root
    peak = np.take_along_axis(known, np.abs(known).argmax(axis=1)[:, np.newaxis], axis=1)
    arrays = Prior(
        targets.mean(axis=0).astype(np.float32),
        (known * np.sign(peak)).astype(np.float16),
        units.mean(axis=0).astype(np.float32),
        np.cov(units.T).astype(np.float32),
    )
    return arrays._asdict()


def read(people: Population) -> Prior:
    """The `Prior` of the asset.

    Raises:
        ValueError: it was made of other targets or units than these people's.
    """
    arrays = array_files.arrays(ASSET)
    blocks = (people.race_names, people.univ_names, people.local_names, people.asym_names)
    sizes = {"U": len(people.unit_names), "N": sum(map(len, blocks))}
    wanted = {"identity": "N", "modes": "K N", "units": "U", "covariance": "U U"}
    return Prior(
        *(npz.array(arrays, k, ASSET, shape, np.float32, sizes) for k, shape in wanted.items())
    )
