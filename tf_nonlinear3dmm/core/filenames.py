"""Names of files as people have them: other cases, other Unicode forms, junk among them."""

import fnmatch
import os
import pathlib
import stat
import tempfile
import unicodedata

from tf_nonlinear3dmm.core.types import Path

# What file managers and synchronised folders leave; so do names that begin with a point.
_JUNK = {"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin"}


def key(name: Path) -> str:
    """A key that is equal for names which a file system may take for one: case and Unicode form."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", str(name)).casefold())


def is_junk(name: str) -> bool:
    """Whether a relative path, with forward slashes, is what a file manager made or hides."""
    parts = [part for part in name.split("/") if part not in ("", ".", "..")]
    return any(part.startswith(".") or part.casefold() in _JUNK for part in parts)


def walk(folder: Path) -> tuple[list[str], list[OSError]]:
    """All files in a folder and those inside it, without junk.

    Returns:
        sorted relative names with forward slashes; list of `OSError`, one for each folder inside
        that cannot be read.

    Raises:
        OSError: `folder` itself cannot be read.
    """
    os.listdir(folder)
    errors, names = [], []
    for place, _, files in os.walk(folder, onerror=errors.append):
        inside = pathlib.Path(place).relative_to(folder)
        names += [(inside / file).as_posix() for file in files]
    return sorted(name for name in names if not is_junk(name)), errors


def read(path: Path, limit: int) -> bytes:
    """The bytes of a file.

    Raises:
        ValueError: it is larger than `limit` bytes, or is a pipe or device, which need not end.
        OSError: it cannot be read.
    """
    path = pathlib.Path(path)
    check_ends(path)
    size = path.stat().st_size
    if size > limit:
        raise ValueError(f"{path}: at most {limit} bytes are expected, got {size}")
    return path.read_bytes()


def check_ends(path: Path) -> None:
    """Raises `ValueError` where `path` is a pipe or device, which need not end."""
    mode = pathlib.Path(path).stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise ValueError(f"{path}: is no file but a pipe, socket or device")


def glob(folder: Path, pattern: str) -> list[pathlib.Path]:
    """Sorted paths of the files in a folder whose names match, in any case, without junk."""
    paths = pathlib.Path(folder).iterdir()
    return sorted(p for p in paths if fnmatch.fnmatch(key(p.name), pattern) and not is_junk(p.name))


def check_writable(folder: Path) -> None:
    """Creates `folder` if there is none; raises `OSError` if no file can be created in it."""
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()
