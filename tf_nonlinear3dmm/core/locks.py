"""One process at a time in a folder; the system drops the lock of a process that is killed."""

import contextlib
import pathlib
from collections.abc import Iterator

import filelock

from tf_nonlinear3dmm.core.types import Path


class BusyError(Exception):
    """Another process is using the folder."""


@contextlib.contextmanager
def alone(folder: Path, wait: bool = True) -> Iterator[None]:
    """A `with` block that one process at a time can enter, for each folder.

    Args:
        folder: made where it does not exist.
        wait: until the other process is out; False: raises `BusyError` at once.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = filelock.FileLock(folder / ".lock").acquire(blocking=wait)
    except filelock.Timeout:
        raise BusyError(f"{folder} is in use by another process") from None
    with lock:
        yield
