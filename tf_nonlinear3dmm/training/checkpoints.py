"""The checkpoints of a run: numbered files of arrays, the last of which can be read.

A checkpoint does not depend on the strategy that wrote it.
"""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.core.array_files import LoadError
from tf_nonlinear3dmm.core.types import Path


class Checkpoints:
    """The checkpoints of a run.

    Args:
        folder: where they lie, made when needed.
        keep: how many of the last ones stay.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder, self.keep = pathlib.Path(folder), max(1, keep)

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, rising."""
        return sorted(int(p.stem) for p in self.folder.glob("*.npz") if p.stem.isdigit())

    def path(self, step: int) -> pathlib.Path:
        """The file of the checkpoint of a step."""
        return self.folder / f"{step:08d}.npz"

    def save(self, step: int, arrays: Mapping[str, np.ndarray], state: dict[str, Any]) -> None:
        """Writes a checkpoint, then removes those that are too old."""
        array_files.write(self.path(step), arrays, state)
        for old in self.steps()[: -self.keep]:
            self.path(old).unlink(missing_ok=True)

    def load_latest(
        self, warn: Callable[[str], None] = print
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """(arrays, state) of the last checkpoint that can be read, or None where there is none."""
        for part in self.folder.glob("*.part"):  # of a process that was killed while writing
            part.unlink(missing_ok=True)
        errors = []
        for step in reversed(self.steps()):
            try:
                return array_files.read(self.path(step))
            except LoadError as error:
                errors.append(str(error))
                warn(f"{error}; trying the one before")
        if errors:
            raise LoadError(f"no checkpoint in {self.folder} can be read")
        return None


def arrays_of(state: Mapping[str, Sequence[tf.Variable]]) -> dict[str, np.ndarray]:
    """Arrays of lists of variables by the name of their part."""
    return {
        f"{part}/{name}": array
        for part, variables in state.items()
        for name, array in values_of(variables).items()
    }


def restore(
    state: Mapping[str, Sequence[tf.Variable]], arrays: Mapping[str, np.ndarray], what: str
) -> None:
    """The inverse of `arrays_of`; `what` names the checkpoint in a `LoadError`."""
    for part, variables in state.items():
        head = f"{part}/"
        inside = {k.removeprefix(head): v for k, v in arrays.items() if k.startswith(head)}
        assign(variables, inside, f"{what}, part `{part}`")


def values_of(variables: Sequence[tf.Variable]) -> dict[str, np.ndarray]:
    """Arrays of a list of variables, named by number."""
    return {f"{i:04d}": np.asarray(v) for i, v in enumerate(variables)}


def assign(variables: Sequence[tf.Variable], arrays: Mapping[str, np.ndarray], what: str) -> None:
    """Assigns arrays from `values_of`; raises `LoadError` where they do not fit."""
    if len(arrays) != len(variables):
        raise LoadError(f"{what} has {len(arrays)} arrays, this model needs {len(variables)}")
    for i, variable in enumerate(variables):
        array = arrays.get(f"{i:04d}")
        if array is None or array.shape != tuple(variable.shape):
            shape = None if array is None else list(array.shape)
            raise LoadError(
                f"{what}: array {i} must have shape {list(variable.shape)}, got {shape}"
            )
    for i, variable in enumerate(variables):
        variable.assign(tf.cast(arrays[f"{i:04d}"], variable.dtype))
