"""A trained model as one small file: float16 weights and the configuration in an .npz.

Keys: `config`, the JSON of a `ModelConfig`; every other key is a variable of one of the networks,
such as `encoder/000_kernel`, numbered in the order of its layers. Kernels are float16; vectors
(biases, statistics, the camera's mean and deviation) are float32. Nothing is ever unpickled.
"""

import dataclasses
import json
import pathlib
import zipfile

import numpy as np

from tf_nonlinear3dmm import configs, training
from tf_nonlinear3dmm.model import Nonlinear3DMM

SHIPPED = pathlib.Path(__file__).parents[1] / "assets" / "trained"
FILE = "weights.npz"


def load(path=None):
    """A trained model.

    Args:
        path: folder of a run, or a file of `save` or its folder; the weights that come with the
            package where None.

    Returns:
        `model.Nonlinear3DMM`; `model.reconstruct(images)` is its door.

    Raises:
        FileNotFoundError: there is nothing at `path`; says how to train.
        ValueError: a damaged file, or of another model.
    """
    path = SHIPPED if path is None else pathlib.Path(path)
    if not (path / "config.json").exists() and (path / FILE).exists():
        path = path / FILE
    if path.is_dir():
        try:
            return training.load(path)[0]
        except (training.RunError, training.LoadError) as error:
            raise ValueError(str(error)) from None
    if not path.is_file():
        what = "no trained weights come with this package" if path == SHIPPED else "no such file"
        raise FileNotFoundError(
            f"{path}: {what}; train with `python scripts/train.py`, then load the folder of the run"
        )
    return _read(path)


def save(path, model):
    """Writes the weights of `model` in about two bytes each; `load` reads them back."""
    arrays = {name: _compact(name, v.numpy()) for name, v in _variables(model).items()}
    config = json.dumps(dataclasses.asdict(model.config))
    with open(path, "wb") as file:
        np.savez_compressed(file, config=np.array(config), **arrays)


def _read(path):
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        config = configs.from_dict(json.loads(arrays.pop("config").item()), configs.ModelConfig)
    except (OSError, KeyError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is not a file of weights: {error}") from None
    model = Nonlinear3DMM(config, np.zeros(8, np.float32), np.ones(8, np.float32))
    variables = _variables(model)
    for name in {**arrays, **variables}:
        found, wanted = (np.shape(d[name]) if name in d else None for d in (arrays, variables))
        if found != wanted:
            raise ValueError(f"{path}: `{name}` must have shape {wanted}, got {found}")
    for name, variable in variables.items():
        variable.assign(arrays[name].astype(variable.dtype))
    return model


def _variables(model):
    """Name -> variable, without the states of random generators."""
    found = {}
    for part in (model.encoder, model.shape_decoder, model.albedo_decoder):
        variables = [v for v in part.weights if "float" in v.dtype]
        found |= {f"{part.name}/{i:03d}_{v.name}": v for i, v in enumerate(variables)}
    return found


def _compact(name, value):
    if value.ndim < 2:
        return value.astype(np.float32)
    if not (np.abs(value) < np.finfo(np.float16).max).all():
        raise ValueError(
            f"`{name}` does not fit into float16, its largest is {np.abs(value).max()}"
        )
    return value.astype(np.float16)
