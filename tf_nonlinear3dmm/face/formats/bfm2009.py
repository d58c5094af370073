"""The Basel Face Model 2009 and the variants in which 300W-LP and face3d pass it on.

Micrometres, 1-based ids, triangles wound inwards, shapeEV and sigma are standard deviations.
"""

import pathlib
from collections.abc import Iterable

import numpy as np

from tf_nonlinear3dmm.core import filenames
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.face.formats import matlab, raw

LICENCE = "Basel Face Model 2009: academic use only, no redistribution"
_KEYS = {
    "face3d": {"model"},
    "basel": {"shapeMU", "shapePC", "shapeEV", "tl"},
    "300w_lp": {"mu_shape", "w"},
}


def kind(names: Iterable[str]) -> str | None:
    """Which of the three variants a .mat file with these arrays is, or None."""
    return next((variant for variant, keys in _KEYS.items() if keys <= set(names)), None)


def load(path: Path) -> raw.RawFace:
    """The `RawFace` of 01_MorphableModel.mat, Model_Shape.mat or face3d's BFM.mat."""
    path = pathlib.Path(path)
    variant = kind(matlab.names(path))
    if variant == "face3d":
        return _face3d(path)
    return _basel(path) if variant == "basel" else _300w_lp(path)


def _face3d(path):
    model = matlab.read(path, "model")["model"]
    if model.dtype.names is None or model.size != 1:
        raise ValueError(f"{path}: `model` must be one struct, got {raw.brief(model)}")
    model = model.reshape(())[()]

    def field(name):
        if name not in model.dtype.names:
            have = ", ".join(model.dtype.names)
            raise ValueError(f"{path}: `model.{name}` is missing; the struct has {have}")
        return model[name]

    mean = raw.points(field("shapeMU"), path, "model.shapeMU")
    count = len(mean)
    mean = mean + raw.points(field("expMU"), path, "model.expMU", count)
    shape = raw.basis(field("shapePC"), path, "model.shapePC", count)
    expression = raw.basis(field("expPC"), path, "model.expPC", count)
    return raw.RawFace(
        name="bfm2009-face3d",
        licence=LICENCE,
        units=0.001,
        mean=mean,
        triangles=_triangles(field("tri"), path, "model.tri", count),
        shape_basis=shape,
        shape_std=raw.deviations(field("shapeEV"), path, "model.shapeEV", len(shape)),
        expression_basis=expression,
        expression_std=raw.deviations(field("expEV"), path, "model.expEV", len(expression)),
        landmarks=raw.landmarks(field("kpt_ind"), path, "model.kpt_ind", count - 1, first=1),
    )


def _basel(path):
    arrays = matlab.read(path, "shapeMU", "shapePC", "shapeEV", "tl")
    mean = raw.points(arrays["shapeMU"], path, "shapeMU")
    shape = raw.basis(arrays["shapePC"], path, "shapePC", len(mean))
    triangles = _triangles(arrays["tl"], path, "tl", len(mean))
    crop = _find(path.parent, "trimIndex")
    if crop is not None:
        kept = raw.ids(
            matlab.read(crop, "trimIndex")["trimIndex"], crop, "trimIndex", len(mean) - 1, 1
        )
        kept = kept.reshape(-1)
        new_id = np.full(len(mean), -1)
        new_id[kept] = np.arange(len(kept))
        triangles = new_id[triangles]
        triangles = triangles[(triangles >= 0).all(axis=1)]
        mean, shape = mean[kept], shape[:, kept]
    return _with_companions(path, "bfm2009", mean, triangles, shape, arrays["shapeEV"], "shapeEV")


def _300w_lp(path):
    keys = matlab.names(path)
    arrays = matlab.read(path, "mu_shape", "w", *({"sigma", "tri"} & keys))
    mean = raw.points(arrays["mu_shape"], path, "mu_shape")
    shape = raw.basis(arrays["w"], path, "w", len(mean))
    triangles = None
    if "tri" in arrays:
        triangles = _triangles(arrays["tri"], path, "tri", len(mean))
    std = arrays.get("sigma", np.zeros(len(shape)))
    return _with_companions(path, "bfm2009-300w-lp", mean, triangles, shape, std, "sigma")


def _with_companions(path, name, mean, triangles, shape, std, std_key):
    """Adds triangles, landmarks and expressions of the files beside `path`."""
    count, folder = len(mean), path.parent
    own = _find(folder, "tri", "keypoints", count=count)
    landmarks = raw.no_landmarks()
    if own is not None:
        companion = matlab.read(own, "tri", "keypoints")
        landmarks = raw.landmarks(companion["keypoints"], own, "keypoints", count - 1, first=1)
        triangles = _triangles(companion["tri"], own, "tri", count)
    if triangles is None:
        raise FileNotFoundError(f"{folder}: must hold model_info.mat, which has the triangles")
    expression, expression_std = raw.no_basis(count)
    source = _find(folder, "mu_exp", "w_exp", count=count)
    if source is not None:
        keys = {"sigma_exp"} & matlab.names(source)
        arrays = matlab.read(source, "mu_exp", "w_exp", *keys)
        mean = mean + raw.points(arrays["mu_exp"], source, "mu_exp", count)
        expression = raw.basis(arrays["w_exp"], source, "w_exp", count)
        values = arrays.get("sigma_exp", np.zeros(len(expression)))
        expression_std = raw.deviations(values, source, "sigma_exp", len(expression))
    return raw.RawFace(
        name=name,
        licence=LICENCE,
        units=0.001,
        mean=mean,
        triangles=triangles,
        shape_basis=shape,
        shape_std=raw.deviations(std, path, std_key, len(shape)),
        expression_basis=expression,
        expression_std=expression_std,
        landmarks=landmarks,
    )


def _find(folder, *keys, count=None):
    """The first .mat of the folder that has all keys, and fits `count` vertices if given."""
    for file in filenames.glob(folder, "*.mat"):
        if set(keys) <= matlab.names(file) and (count is None or _fits(file, keys, count)):
            return file
    return None


def _fits(file, keys, count):
    if "mu_exp" in keys:
        return matlab.read(file, "mu_exp")["mu_exp"].size == 3 * count
    return matlab.read(file, "tri")["tri"].max(initial=0) <= count


def _triangles(values, path, key, count):
    """1-based ids, 3 x T or T x 3, as `[T, 3]`."""
    values = np.asarray(values)
    if values.ndim != 2 or 3 not in values.shape:
        raise ValueError(
            f"{path}: `{key}` must have shape [3, T] or [T, 3], got {raw.brief(values)}"
        )
    rows = values.T if values.shape[0] == 3 else values
    return raw.ids(rows, path, key, count - 1, first=1)
