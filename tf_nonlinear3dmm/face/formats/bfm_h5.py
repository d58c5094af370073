"""The Basel Face Models 2017 and 2019: statismo's HDF5 layout, millimetres, variances."""

import json

import h5py
import numpy as np

from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.face.formats import raw

LICENCE = "Basel Face Model 2017/2019: academic use only, no redistribution"
# Only points that mean the same vertex in both schemes.
LANDMARK_NAMES = {
    "center.chin.tip": 8,
    "center.nose.tip": 30,
    "center.nose.attachement_to_philtrum": 33,
    "right.eye.corner_outer": 36,
    "right.eye.corner_inner": 39,
    "left.eye.corner_inner": 42,
    "left.eye.corner_outer": 45,
    "right.lips.corner": 48,
    "right.lips.philtrum_ridge": 50,
    "center.lips.upper.outer": 51,
    "left.lips.philtrum_ridge": 52,
    "left.lips.corner": 54,
    "center.lips.lower.outer": 57,
    "center.lips.upper.inner": 62,
    "center.lips.lower.inner": 66,
}


def load(path: Path) -> raw.RawFace:
    """The `RawFace` of a BFM 2017 or 2019 .h5."""
    try:
        with h5py.File(path, "r") as file:
            return _read(file, path)
    except OSError as error:
        raise ValueError(f"{path}: not an HDF5 file that can be read: {error}") from None


def _read(file, path):
    mean, shape, shape_std = _model(file, path, "shape")
    count = len(mean)
    expression, expression_std = raw.no_basis(count)
    if "expression" in file:
        offset, expression, expression_std = _model(file, path, "expression", count)
        mean = mean + offset
    cells = _array(file, path, "shape/representer/cells")
    rows = cells.T if cells.ndim == 2 and cells.shape[0] == 3 else cells
    if rows.ndim != 2 or rows.shape[1] != 3:
        raise ValueError(
            f"{path}: `shape/representer/cells` must be [3, T], got {raw.brief(cells)}"
        )
    return raw.RawFace(
        name="bfm-h5",
        licence=LICENCE,
        units=1.0,
        mean=mean,
        triangles=raw.ids(rows, path, "shape/representer/cells", count - 1),
        shape_basis=shape,
        shape_std=shape_std,
        expression_basis=expression,
        expression_std=expression_std,
        landmarks=_landmarks(file, path, mean),
    )


def _array(file, path, key):
    if key not in file or not isinstance(file[key], h5py.Dataset):
        raise ValueError(f"{path}: `{key}` is missing; the file has {', '.join(sorted(file))}")
    return np.asarray(file[key])


def _model(file, path, group, count=None):
    """Mean `[V, 3]`, basis `[K, V, 3]`, standard deviations `[K]` of one of the file's models."""
    key = f"{group}/model"
    mean = raw.points(_array(file, path, f"{key}/mean"), path, f"{key}/mean", count)
    basis = raw.basis(_array(file, path, f"{key}/pcaBasis"), path, f"{key}/pcaBasis", len(mean))
    variance = _array(file, path, f"{key}/pcaVariance")
    variance = raw.deviations(variance, path, f"{key}/pcaVariance", len(basis))
    return mean, basis, np.sqrt(variance)


def _landmarks(file, path, mean):
    """The named points that 300-W has too, at their nearest vertices."""
    landmarks = raw.no_landmarks()
    key = "metadata/landmarks/json"
    if key not in file:
        return landmarks
    try:
        for entry in json.loads(np.asarray(file[key]).reshape(-1)[0]):
            if entry["id"] in LANDMARK_NAMES:
                distance = np.linalg.norm(mean - np.asarray(entry["coordinates"], float), axis=1)
                landmarks[LANDMARK_NAMES[entry["id"]]] = distance.argmin()
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"{path}: `{key}` cannot be read: {error!r}") from None
    return landmarks
