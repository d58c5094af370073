"""Checks of the arrays of an .npz: every error names the file, the key and what it must be."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tf_nonlinear3dmm.core.types import Path


def require(arrays: Mapping[str, np.ndarray], key: str, path: Path) -> np.ndarray:
    """`arrays[key]`, or an error that lists what is there."""
    if key not in arrays:
        have = ", ".join(sorted(arrays)) or "nothing"
        raise ValueError(f"{path}: key `{key}` is missing; the file has {have}")
    return arrays[key]


def positive(arrays: Mapping[str, np.ndarray], key: str, path: Path) -> float:
    """One positive finite number."""
    value = np.asarray(require(arrays, key, path))
    if value.size != 1 or value.dtype.kind not in "fiu" or not 0 < float(value.item()) < np.inf:
        raise ValueError(f"{path}: key `{key}` must be one positive number, got {_brief(value)}")
    return float(value.item())


def text(arrays: Mapping[str, np.ndarray], key: str, path: Path) -> str:
    """One string."""
    value = np.asarray(require(arrays, key, path))
    if value.size != 1 or value.dtype.kind != "U":
        raise ValueError(f"{path}: key `{key}` must be one string, got {_brief(value)}")
    return str(value.item())


def array(
    arrays: Mapping[str, np.ndarray],
    key: str,
    path: Path,
    shape: str,
    dtype: npt.DTypeLike,
    sizes: dict[str, int],
    low: float | None = None,
    high: float | None = None,
) -> np.ndarray:
    """`arrays[key]` as `dtype`, if it has the wanted shape and only finite values.

    Args:
        arrays: name -> array; key: which; path: named in errors.
        shape: sizes separated by spaces; a letter must agree with `sizes`, which it extends.
        low, high: the least and the greatest value allowed.
    """
    value = np.asarray(require(arrays, key, path))
    words = shape.split()
    known = [int(word) if word.isdigit() else sizes.get(word) for word in words]
    agree = value.ndim == len(words) and all(
        size in (None, got) for size, got in zip(known, value.shape, strict=True)
    )
    if not agree:
        described = ", ".join(
            word if size is None or word.isdigit() else f"{word} = {size}"
            for word, size in zip(words, known, strict=True)
        )
        raise ValueError(f"{path}: key `{key}` must have shape [{described}], got {_brief(value)}")
    sizes.update({w: n for w, n in zip(words, value.shape, strict=True) if not w.isdigit()})
    integer = np.issubdtype(dtype, np.integer)
    if value.dtype.kind not in ("iu" if integer else "fiub"):
        kind = "integers" if integer else "numbers"
        raise ValueError(f"{path}: key `{key}` must hold {kind}, got {_brief(value)}")
    if not np.all(np.isfinite(value)):
        raise ValueError(f"{path}: key `{key}` must be finite, got {_bad(value)} NaN or infinite")
    below = low is not None and value.size and value.min() < low
    above = high is not None and value.size and value.max() > high
    if below or above:
        raise ValueError(
            f"{path}: key `{key}` must lie in {low} to {high}, got {value.min()} to {value.max()}"
        )
    return np.ascontiguousarray(value, dtype)


def _brief(value):
    return f"{value.dtype} of shape {list(value.shape)}"


def _bad(value):
    return int(np.sum(~np.isfinite(value)))
