"""What every loader returns, and how loaders read numbers."""

import pathlib
from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm.core.types import Path

BLEND_SHAPE_STD = 0.3  # of weights meant for [0, 1], whose authors state none


class RawFace(NamedTuple):
    """A face model as its source has it, but with 0-based ids, `[V, 3]` points, `[K, V, 3]` bases.

    Attributes:
        name: of the source.
        licence: one line.
        units: millimetres per unit; None where the source does not say.
        mean: `[V, 3]`, x to the subject's left, y up, z forward.
        triangles: `[T, 3]`, any winding.
        shape_basis, shape_std: `[Ks, V, 3]` in the source's unit, `[Ks]`; 0 if unknown.
        expression_basis, expression_std: `[Ke, V, 3]`, `[Ke]`.
        landmarks: `[68]`, -1 where unknown.
        uv: `[V, 2]` in any orientation, or None.
        constancy: `[V]` or None.
    """

    name: str
    licence: str
    units: float | None
    mean: np.ndarray
    triangles: np.ndarray
    shape_basis: np.ndarray
    shape_std: np.ndarray
    expression_basis: np.ndarray
    expression_std: np.ndarray
    landmarks: np.ndarray
    uv: np.ndarray | None = None
    constancy: np.ndarray | None = None


def no_basis(count: int) -> tuple[np.ndarray, np.ndarray]:
    """An empty basis and its deviations for `count` vertices."""
    return np.zeros([0, count, 3], np.float32), np.zeros(0, np.float32)


def no_landmarks() -> np.ndarray:
    """68 times "unknown"."""
    return np.full(68, -1)


def points(values: np.ndarray, path: Path, key: str, count: int | None = None) -> np.ndarray:
    """A vector x0 y0 z0 x1 ... as `[V, 3]` float64."""
    values = np.asarray(values)
    if values.dtype.kind not in "fiu" or values.size % 3 or values.size == 0:
        raise ValueError(f"{path}: `{key}` must be numbers x y z x y z ..., got {brief(values)}")
    if count is not None and values.size != 3 * count:
        raise ValueError(f"{path}: `{key}` must have {3 * count} values, got {brief(values)}")
    return values.reshape(-1, 3).astype(np.float64)


def basis(values: np.ndarray, path: Path, key: str, count: int) -> np.ndarray:
    """Columns x0 y0 z0 x1 ... `[3 V, K]` as `[K, V, 3]` float32."""
    values = np.asarray(values)
    if values.dtype.kind not in "fiu" or values.ndim != 2 or len(values) != 3 * count:
        raise ValueError(f"{path}: `{key}` must have shape [{3 * count}, K], got {brief(values)}")
    return np.ascontiguousarray(values.T, np.float32).reshape(-1, count, 3)


def deviations(values: np.ndarray, path: Path, key: str, count: int) -> np.ndarray:
    """Standard deviations `[K]`, not negative."""
    values = np.asarray(values)
    if values.dtype.kind not in "fiu" or values.size != count or not np.all(values >= 0):
        raise ValueError(f"{path}: `{key}` must be {count} numbers from 0, got {brief(values)}")
    return values.reshape(-1).astype(np.float32)


def ids(values: np.ndarray, path: Path, key: str, last: int, first: int = 0) -> np.ndarray:
    """Ids that count from `first`, as ids that count from 0, checked against `last` (from 0)."""
    values = np.asarray(values)
    if values.dtype.kind not in "fiu" or np.any(values != np.round(values)):
        raise ValueError(f"{path}: `{key}` must hold ids, got {brief(values)}")
    if values.size and not (values.min() >= first and values.max() <= last + first):
        raise ValueError(
            f"{path}: `{key}` must lie in {first} to {last + first}, "
            f"got {values.min()} to {values.max()}"
        )
    return values.astype(np.int64) - first


def landmarks(values: np.ndarray, path: Path, key: str, last: int, first: int = 0) -> np.ndarray:
    """68 ids as `[68]` from 0."""
    vertex_ids = ids(values, path, key, last, first).reshape(-1)
    if len(vertex_ids) != 68:
        raise ValueError(f"{path}: `{key}` must have 68 ids, got {brief(np.asarray(values))}")
    return vertex_ids


def read_bytes(path: pathlib.Path) -> bytes:
    """A file's bytes, or an error that names it."""
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: this file is needed and is not there")
    return path.read_bytes()


def brief(values: np.ndarray) -> str:
    """dtype and shape, for errors."""
    return f"{values.dtype} of shape {list(values.shape)}"
