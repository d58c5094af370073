"""MATLAB 5 files: names and arrays, with errors that name the file and the key."""

import numpy as np
import scipy.io

from tf_nonlinear3dmm.core.types import Path


def names(path: Path) -> set[str]:
    """The names of the arrays in a .mat file."""
    return {name for name, _, _ in _guarded(path, lambda: scipy.io.whosmat(str(path)))}


def read(path: Path, *keys: str) -> dict[str, np.ndarray]:
    """The arrays `keys`, as a dict.

    Raises:
        ValueError: damaged, or a key is missing.
    """
    there = names(path)
    for key in keys:
        if key not in there:
            raise ValueError(f"{path}: `{key}` is missing; the file has {', '.join(sorted(there))}")
    arrays = _guarded(path, lambda: scipy.io.loadmat(str(path), variable_names=keys))
    return {key: np.asarray(arrays[key]) for key in keys}


def _guarded(path, call):
    """scipy raises many kinds of errors on damaged files; they all mean this one."""
    try:
        return call()
    except NotImplementedError:
        raise ValueError(f"{path}: is a MATLAB 7.3 file; save it again with `save -v7`") from None
    except FileNotFoundError:
        raise
    except Exception as error:  # noqa: BLE001
        raise ValueError(f"{path}: not a MATLAB file that can be read: {error}") from None
