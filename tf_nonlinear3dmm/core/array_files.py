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
from typing import Any

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.core.types import Path


class SaveError(Exception):
    """A file could not be written; what lay there before is untouched."""


class LoadError(Exception):
    """A file of arrays cannot be read, or is not of this run."""


def write(path: Path, arrays: Mapping[str, Any], state: Any, compress: bool = False) -> None:
    """Writes a dict of arrays and a JSON-able `state` so that `path` is never half written."""
    path = pathlib.Path(path)
    savez = np.savez_compressed if compress else np.savez
    part = path.with_suffix(".part")
    with writing(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                savez(file, state=np.array(json.dumps(state)), **arrays)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            sync_folder(path.parent)
        except OSError:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def writing(path: Path, kind: type[Exception] = SaveError) -> Iterator[None]:
    """Turns the errors of the system and of TensorFlow into one of a `kind` that names `path`."""
    try:
        yield
    except OSError as error:
        raise kind(f"cannot write {path}: {error.strerror or error}") from error
    except tf.errors.OpError as error:
        reason = re.sub(r"\{\{.*?\}\}|\[Op:.*?\]", "", error.message).split(";")[-1].strip()
        raise kind(f"cannot write {path}: {reason}") from error


def read(path: Path) -> tuple[dict[str, np.ndarray], Any]:
    """Reads (arrays, state) of a checkpoint; raises `LoadError` where it is damaged."""
    try:
        with pathlib.Path(path).open("rb") as source, np.load(source, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}  # reading checks each CRC
        return arrays, json.loads(arrays.pop("state").item())
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zipfile.error) as error:
        raise LoadError(f"checkpoint {path} cannot be read ({error})") from error


def sync_folder(folder: Path) -> None:
    """Makes a rename in `folder` survive a power cut, where the system opens folders."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows does not
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
