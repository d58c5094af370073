"""A linear face model packed into one .npz.

Keys: mean `[V, 3]`, id_basis `[V, 3, K]`, tri `[T, 3]` from 0; if there are any: exp_basis
`[V, 3, K]`, uv `[V, 2]`, landmarks68 `[68]`, id_std, exp_std `[K]`, licence.
"""

import numpy as np

from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.face import npz
from tf_nonlinear3dmm.face.formats import raw


def load(path: Path) -> raw.RawFace:
    """The `RawFace` of a packed .npz; the unit is inferred from the face's size."""
    arrays = array_files.arrays(path)
    if "mean_vertices" in arrays:
        raise ValueError(f"{path}: is a converted face model already")
    sizes = {}

    def array(key, shape, dtype=np.float32):
        return npz.array(arrays, key, path, shape, dtype, sizes)

    mean = array("mean", "V 3", np.float64)
    count = len(mean)
    shape = _by_mode(array("id_basis", "V 3 Ks"))
    expression = raw.no_basis(count)[0]
    if "exp_basis" in arrays:
        expression = _by_mode(array("exp_basis", "V 3 Ke"))
    sizes |= {"Ks": len(shape), "Ke": len(expression)}
    shape_std = array("id_std", "Ks") if "id_std" in arrays else np.ones(len(shape))
    expression_std = np.full(len(expression), raw.BLEND_SHAPE_STD)
    if "exp_std" in arrays:
        expression_std = array("exp_std", "Ke")
    landmarks = raw.no_landmarks()
    if "landmarks68" in arrays:
        landmarks = raw.landmarks(arrays["landmarks68"], path, "landmarks68", count - 1)
    return raw.RawFace(
        name="packed",
        licence=npz.text(arrays, "licence", path) if "licence" in arrays else "not stated",
        units=None,
        mean=mean,
        triangles=raw.ids(array("tri", "T 3", np.int64), path, "tri", count - 1),
        shape_basis=shape,
        shape_std=shape_std,
        expression_basis=expression,
        expression_std=expression_std,
        landmarks=landmarks,
        uv=array("uv", "V 2", np.float64) if "uv" in arrays else None,
    )


def _by_mode(values):
    return np.ascontiguousarray(np.moveaxis(values, 2, 0))
