"""The 3DMM_definition folder of the paper's code: flat .dat files, 1-based ids, micrometres."""

import pathlib

import numpy as np
import scipy.optimize

from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.face.formats import bfm2009, raw

TRIANGLES = "3DMM_tri.dat"
_MAP_SIZE = (192, 224)  # rows, columns of its UV map


def load(folder: Path) -> raw.RawFace:
    """The `RawFace` of a folder of .dat files."""
    folder = pathlib.Path(folder)
    mean, shape = _basis(folder / "3DMM_shape_basis.dat", folder)
    count = len(mean)
    offset, expression = _basis(folder / "3DMM_exp_basis.dat", folder)
    if len(offset) != count:
        raise ValueError(f"{folder}: shape and expression bases differ: {count}, {len(offset)}")
    mean = mean + offset
    keypoints = _numbers(folder / "3DMM_keypoints.dat", "i4")
    row, column = (_numbers(folder / f"vertices_2d_{axis}.dat", "f4") for axis in "uv")
    for name, values in (("u", row), ("v", column)):
        if len(values) != count:
            raise ValueError(
                f"{folder / f'vertices_2d_{name}.dat'}: must have {count} values, got {len(values)}"
            )
    scale = np.array(_MAP_SIZE[::-1]) - 1
    uv = (np.stack([column, row], axis=1) - 1) / scale
    shape_std, expression_std = _deviations(folder, shape, expression)
    return raw.RawFace(
        name="nonlinear-3dmm",
        licence=bfm2009.LICENCE,
        units=0.001,
        mean=mean,
        triangles=_triangles(folder / TRIANGLES, mean),
        shape_basis=shape,
        shape_std=shape_std,
        expression_basis=expression,
        expression_std=expression_std,
        landmarks=raw.landmarks(keypoints, folder / "3DMM_keypoints.dat", "ids", count - 1, 1),
        uv=np.clip(uv, 0, 1),
        constancy=_constancy(folder / "3DMM_const_alb_mask.dat", row, column),
    )


def _numbers(path, dtype):
    data = raw.read_bytes(path)
    size = np.dtype(dtype).itemsize
    if len(data) == 0 or len(data) % size:
        raise ValueError(f"{path}: must be {dtype} numbers, got {len(data)} bytes")
    values = np.frombuffer(data, np.dtype(dtype).newbyteorder("<"))
    if not np.isfinite(values).all():
        raise ValueError(f"{path}: must hold finite numbers")
    return values


def _basis(path, folder):
    """Mean `[V, 3]` and basis `[K, V, 3]`; one row of 3 V numbers each."""
    count = len(_numbers(folder / "vertices_2d_u.dat", "f4"))
    values = _numbers(path, "f4")
    if len(values) % (3 * count):
        raise ValueError(f"{path}: must be rows of {3 * count} numbers, got {len(values)} numbers")
    rows = values.reshape(-1, count, 3)
    return rows[0].astype(np.float64), rows[1:].copy()


def _triangles(path, mean):
    """`[T, 3]`; the file may run along either axis, and only one of them gives short edges."""
    ids = raw.ids(_numbers(path, "i4"), path, "ids", len(mean) - 1, first=1)
    if len(ids) % 3:
        raise ValueError(f"{path}: must be triples, got {len(ids)} ids")
    layouts = (ids.reshape(3, -1).T, ids.reshape(-1, 3))
    lengths = [np.linalg.norm(mean[t[:, 0]] - mean[t[:, 1]], axis=1).mean() for t in layouts]
    return layouts[int(np.argmin(lengths))]


def _deviations(folder, shape, expression):
    """Standard deviations of the coefficients.

    The folder states only those of coordinates (std_shape.npy); those of the coefficients are the
    non-negative ones whose variances add up to them. Without that file they are unknown: 0.
    """
    std = np.zeros(len(shape) + len(expression))
    path = folder / "std_shape.npy"
    if path.is_file():
        squared = np.concatenate([shape, expression]).reshape(len(std), -1).astype(np.float64) ** 2
        target = _load_npy(path, squared.shape[1]) ** 2
        norms = np.maximum(np.linalg.norm(squared, axis=1), 1e-30)
        scaled = squared / norms[:, None]
        gram, right = scaled @ scaled.T, scaled @ target
        std = np.sqrt(scipy.optimize.nnls(gram, right)[0] / norms)
    expression_std = std[len(shape) :]
    path = folder / "std_exp_para.npy"
    if path.is_file():
        expression_std = _load_npy(path, len(expression))
    return std[: len(shape)].astype(np.float32), expression_std.astype(np.float32)


def _load_npy(path, count):
    return raw.deviations(array_files.array(path), path, "values", count).astype(np.float64)


def _constancy(path, row, column):
    """`[V]`: 1 where the vertex's texel is in the list of (row, column) pairs, from 1."""
    if not path.is_file():
        return None
    pairs = raw.ids(_numbers(path, "u1"), path, "pairs", 255)
    if len(pairs) % 2:
        raise ValueError(f"{path}: must be pairs, got {len(pairs)} numbers")
    mask = np.zeros([257, 257])
    mask[tuple(pairs.reshape(-1, 2).T)] = 1
    texel = np.clip(np.round(np.stack([row, column])), 0, 256).astype(int)
    return mask[texel[0], texel[1]]
