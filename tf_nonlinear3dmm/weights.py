"""A trained model as one file, a run's and an exported one alike: weights and configuration.

An .npz of these keys; nothing is ever unpickled:

    config     JSON of the `ModelConfig`
    state      JSON of what is known about the training at this step; may be absent
    <network>/<number>_<variable>, such as encoder/000_kernel, numbered in the order of its layers

A run keeps float32. An exported file is compressed, its kernels are float16; vectors (biases,
statistics, the camera's mean and deviation) stay float32.
"""

import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.core import array_files, json_files
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.model import Nonlinear3DMM

SHIPPED = pathlib.Path(__file__).parent / "assets" / "trained"
FILE = "weights.npz"
PACKAGE = "package"  # in a `Config`, instead of a path: the weights that come with the package


def load(path: Path | None = None) -> Nonlinear3DMM:
    """A trained model.

    Args:
        path: a file of `save`, or the folder of a run or of an export that holds one; the weights
            that come with the package where None.

    Returns:
        `model.Nonlinear3DMM`; `model.reconstruct(images)` is its door.

    Raises:
        FileNotFoundError: there is nothing at `path`; says how to train.
        ValueError: a damaged file, or of another model; names the file and the field.
    """
    path = SHIPPED if path is None else pathlib.Path(os.path.expanduser(path))
    file = path / FILE if path.is_dir() else path
    if file.is_file():
        return _read(file)
    if path == SHIPPED:
        what = "no trained weights come with this package"
    elif (path / "config.json").exists():
        what = f"the run has no {FILE} yet, which the first validation writes"
    else:
        what = f"the folder has no {FILE}" if path.is_dir() else "no such file"
    raise FileNotFoundError(
        f"{path}: {what}; train with `nonlinear3dmm train`, then load the folder of the run"
    )


def named(name: str) -> str | None:
    """What `load` takes for the name of weights in a `Config`: a path, or `PACKAGE`."""
    return None if name == PACKAGE else name


def save(
    path: Path, model: Nonlinear3DMM, state: Mapping[str, Any] | None = None, exact: bool = False
) -> None:
    """Writes the weights of `model`, whole or not at all; `load` reads them back.

    Args:
        path: of the file.
        model: `Nonlinear3DMM`.
        state: JSON-able dict about the training.
        exact: keep float32, as a run does; else about two bytes a weight.

    Raises:
        ValueError: a kernel does not fit into float16.
        array_files.SaveError: the file cannot be written.
    """
    arrays = {name: np.asarray(v.value, np.float32) for name, v in _variables(model).items()}
    if not exact:
        arrays = {name: _compact(name, value) for name, value in arrays.items()}
    arrays["config"] = np.array(json.dumps(dataclasses.asdict(model.config)))
    array_files.write(path, arrays, state or {}, compress=not exact)


def copy(path: Path | None, model: Nonlinear3DMM) -> None:
    """Gives `model` the weights of `path`, see `load`, but for the statistics of its cameras.

    Raises:
        FileNotFoundError, ValueError: as `load`; or a model of another configuration.
    """
    other = load(path)
    expected, actual = (dataclasses.asdict(m.config) for m in (model, other))
    differs = [f"{name} {actual[name]!r}" for name in expected if actual[name] != expected[name]]
    if differs:
        raise ValueError(f"{path} holds another model: {', '.join(differs)}")
    values, variables = _variables(other), _variables(model)
    for name, variable in variables.items():
        if variable.name not in ("projection_mean", "projection_std"):
            variable.assign(values[name].value)


def _read(path):
    try:
        arrays = array_files.arrays(path)
        arrays.pop("state", None)
        if "config" not in arrays:
            raise ValueError("key `config` is missing")
        values = json_files.loads(arrays.pop("config").item())
        config = configs.from_dict(values, configs.ModelConfig)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a file of weights: {error}") from None
    model = Nonlinear3DMM(config, np.zeros(8, np.float32), np.ones(8, np.float32))
    variables = _variables(model)
    for name in {**arrays, **variables}:
        actual, expected = (np.shape(d[name]) if name in d else None for d in (arrays, variables))
        if actual != expected:
            raise ValueError(f"{path}: `{name}` must have shape {expected}, got {actual}")
        if arrays[name].dtype.kind not in "fiu" or not np.isfinite(arrays[name]).all():
            raise ValueError(f"{path}: `{name}` must hold finite numbers")
    for name, variable in variables.items():
        variable.assign(arrays[name].astype(variable.dtype))
    return model


def _variables(model):
    """Name -> variable, without the states of random generators."""
    named = {}
    for part in (model.encoder, model.shape_decoder, model.albedo_decoder):
        variables = [v for v in part.weights if "float" in v.dtype]
        named |= {f"{part.name}/{i:03d}_{v.name}": v for i, v in enumerate(variables)}
    return named


def _compact(name, value):
    if value.ndim < 2:
        return value
    if not (np.abs(value) < np.finfo(np.float16).max).all():
        raise ValueError(
            f"`{name}` does not fit into float16, its largest is {np.abs(value).max()}"
        )
    return value.astype(np.float16)
