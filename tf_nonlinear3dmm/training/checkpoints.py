"""Checkpoints that are whole or absent: written beside, synced, renamed.

A checkpoint is one .npz of numbered arrays with a JSON entry `state`. It holds no Python objects
and does not depend on the strategy that wrote it.
"""

import contextlib
import json
import os
import pathlib
import re
import zipfile

import numpy as np
import tensorflow as tf


class SaveError(Exception):
    """A checkpoint could not be written; the earlier ones are untouched."""


class LoadError(Exception):
    """A checkpoint cannot be read, or is not of this run."""


class Checkpoints:
    """The checkpoints of a run.

    Args:
        folder: where they lie, made when needed.
        keep: how many of the last ones stay.
    """

    def __init__(self, folder, keep):
        self.folder, self.keep = pathlib.Path(folder), max(1, keep)

    def steps(self):
        """The steps that have a checkpoint, rising."""
        return sorted(int(p.stem) for p in self.folder.glob("*.npz") if p.stem.isdigit())

    def path(self, step):
        return self.folder / f"{step:08d}.npz"

    def save(self, step, arrays, state):
        """Writes a checkpoint, then removes those that are too old."""
        write(self.path(step), arrays, state)
        for old in self.steps()[: -self.keep]:
            self.path(old).unlink(missing_ok=True)

    def load_latest(self, warn=print):
        """(arrays, state) of the last checkpoint that can be read, or None where there is none."""
        for part in self.folder.glob("*.part"):  # of a process that was killed while writing
            part.unlink(missing_ok=True)
        errors = []
        for step in reversed(self.steps()):
            try:
                return read(self.path(step))
            except LoadError as error:
                errors.append(str(error))
                warn(f"{error}; trying the one before")
        if errors:
            raise LoadError(f"no checkpoint in {self.folder} can be read")
        return None


def write(path, arrays, state, compress=False):
    """Writes a dict of arrays and a JSON-able `state` so that `path` is never half a file."""
    path = pathlib.Path(path)
    savez = np.savez_compressed if compress else np.savez
    part = path.with_suffix(".part")
    with writing(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(part, "wb") as file:
                savez(file, state=np.array(json.dumps(state)), **arrays)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
            sync_folder(path.parent)
        except OSError:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def writing(path):
    """Turns the errors of the system and of TensorFlow into a `SaveError` that names `path`."""
    try:
        yield
    except OSError as error:
        raise SaveError(f"cannot write {path}: {error.strerror or error}") from error
    except tf.errors.OpError as error:
        reason = re.sub(r"\{\{.*?\}\}|\[Op:.*?\]", "", error.message).split(";")[-1].strip()
        raise SaveError(f"cannot write {path}: {reason}") from error


def read(path):
    """(arrays, state) of a checkpoint; raises `LoadError` where it is damaged."""
    try:
        with open(path, "rb") as source, np.load(source, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}  # reading checks each CRC
        return arrays, json.loads(arrays.pop("state").item())
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zipfile.error) as error:
        raise LoadError(f"checkpoint {path} cannot be read ({error})") from error


def sync_folder(folder):
    """Makes a rename in `folder` survive a power cut, where the system opens folders."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows does not
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def values_of(variables):
    """Arrays of a list of variables, named by number."""
    return {f"{i:04d}": np.asarray(v) for i, v in enumerate(variables)}


def assign(variables, arrays, what):
    """Puts arrays from `values_of` back; raises `LoadError` where they do not fit."""
    if len(arrays) != len(variables):
        raise LoadError(f"{what} has {len(arrays)} arrays, this model needs {len(variables)}")
    for i, variable in enumerate(variables):
        array = arrays.get(f"{i:04d}")
        if array is None or array.shape != tuple(variable.shape):
            found = None if array is None else list(array.shape)
            raise LoadError(
                f"{what}: array {i} must have shape {list(variable.shape)}, got {found}"
            )
    for i, variable in enumerate(variables):
        variable.assign(tf.cast(arrays[f"{i:04d}"], variable.dtype))
