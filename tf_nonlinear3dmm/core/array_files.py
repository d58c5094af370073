"""Files of arrays that are whole or absent: written beside, synced, renamed.

An .npz of arrays with a JSON entry `state`. It holds no Python objects.
"""

import contextlib
import json
import os
import pathlib
import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.core import json_files
from tf_nonlinear3dmm.core.types import Path


class SaveError(Exception):
    """A file could not be written; what lay there before is untouched."""


class LoadError(Exception):
    """A file of arrays cannot be read, or is not of this run."""


def write(path: Path, arrays: Mapping[str, Any], state: Any, compress: bool = False) -> None:
    """Writes a dict of arrays and a JSON-able `state` so that `path` is never half a file."""
    savez = np.savez_compressed if compress else np.savez
    with replacing(path) as file:
        savez(file, state=np.array(json.dumps(state)), **arrays)


def write_text(path: Path, text: str) -> None:
    """Writes a text so that `path` is never half a file."""
    with replacing(path) as file:
        file.write(text.encode())


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new binary file that takes the place of `path` once it is whole, or leaves it as it is.

    A link is followed; what is no file, such as /dev/null, is written to and not replaced.

    Raises:
        SaveError: the file cannot be written.
    """
    with writing(path):
        path = pathlib.Path(os.path.realpath(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        if os.path.exists(path) and not path.is_file():
            with path.open("wb") as file:
                yield file
            return
        part = path.with_name(f".{path.name}.part")  # nobody has a file of that name
        try:
            with part.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


@contextlib.contextmanager
def writing(path: Path, kind: type[Exception] = SaveError) -> Iterator[None]:
    """Turns the errors of the system and of TensorFlow into one of a `kind` that names `path`."""
    try:
        yield
    except (OSError, tf.errors.OpError, SaveError) as error:
        raise kind(f"cannot write {path}: {_reason(error)}") from error


def _reason(error):
    """Why a file could not be written, without where."""
    if isinstance(error, SaveError):
        return _reason(error.__cause__) if error.__cause__ else str(error)
    if isinstance(error, OSError):
        return error.strerror or error
    return re.sub(r"\{\{.*?\}\}|\[Op:.*?\]", "", error.message).split(";")[-1].strip()


def read(path: Path) -> tuple[dict[str, np.ndarray], Any]:
    """Reads (arrays, state) of a checkpoint; raises `LoadError` where it is damaged."""
    try:
        values = arrays(path)
        return values, json_files.loads(values.pop("state").item())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LoadError(f"checkpoint {path} cannot be read ({error})") from error


def arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an .npz as a dict; objects are refused, never unpickled.

    Raises:
        ValueError: not an .npz, damaged, or an array of objects in it.
        OSError: the file cannot be opened.
    """
    with pathlib.Path(path).open("rb") as source:
        if not zipfile.is_zipfile(source):
            raise ValueError(f"{path}: not an .npz file")
        source.seek(0)
        try:
            with np.load(source, allow_pickle=False) as file:
                values = {key: _array(file, key, path) for key in file.files}  # checks each CRC
        except _KeyError:
            raise
        except Exception as error:  # NumPy and zipfile raise many kinds on damaged files
            raise ValueError(f"{path}: damaged .npz file: {error}") from None
    return values


def array(path: Path) -> np.ndarray:
    """The array of an .npy; objects are refused, never unpickled.

    Raises:
        ValueError: not an .npy of numbers or text, or damaged.
        OSError: the file cannot be opened.
    """
    with pathlib.Path(path).open("rb") as source:
        try:
            return np.lib.format.read_array(source, allow_pickle=False)
        except Exception as error:  # NumPy raises many kinds on damaged files
            raise ValueError(f"{path}: not an .npy of numbers: {error}") from None


class _KeyError(ValueError):
    """What is wrong with one array of an .npz."""


def _array(file, key, path):
    try:
        value = file[key]
    except ValueError as error:
        reason = f"cannot be read: {error}"
        if "pickle" in str(error):
            reason = "must hold numbers or text, got pickled objects; they are not read, because "
            reason += "reading them can run code"
        raise _KeyError(f"{path}: key `{key}` {reason}") from None
    if not isinstance(value, np.ndarray):
        raise _KeyError(f"{path}: key `{key}` must be an array, got something else")
    return value


def sync_folder(folder: Path) -> None:
    """Makes a rename in `folder` survive a power cut, where the system opens folders."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows does not
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
