"""The files of a data set, in a folder or in a zip that is read in place.

Nothing is ever extracted, so no path can lead outside; entries that try, or that come twice, are
refused and listed in `refused`. Nothing larger than a stated limit is read.
"""

import hashlib
import os
import pathlib
import zipfile

from tf_nonlinear3dmm.core import filenames
from tf_nonlinear3dmm.core.types import Path

IMAGE_BYTES = 64 * 2**20
CHUNK = 2**22


class Tree:
    """Sorted file names, and the bytes of each.

    Attributes:
        path: of the folder or zip.
        names: relative, with forward slashes, sorted; without the files that file managers leave.
        refused: list of (name, reason), entries that are not in `names`.

    A file is found by its name in any case and form of Unicode, the exact one first.
    """

    def __init__(self, path: Path) -> None:
        self.path = pathlib.Path(os.path.expanduser(path))
        self.refused = []
        self._zip = None
        if self.path.is_dir():
            self.names, errors = filenames.walk(self.path)
            self.refused += [(e.filename, f"cannot be read: {e.strerror}") for e in errors]
        elif self.path.is_file():
            if not zipfile.is_zipfile(self.path):
                raise ValueError(f"{self.path}: neither a folder nor a zip file")
            self._zip = zipfile.ZipFile(self.path)
            self._entries = self._sound_entries()
            self.names = sorted(self._entries)
        else:
            raise FileNotFoundError(f"{self.path}: no such folder or zip file")
        self._alike = {filenames.key(name): name for name in reversed(self.names)}
        self._alike |= {name: name for name in self.names}

    def __contains__(self, name: str) -> bool:
        return self.find(name) is not None

    def find(self, stem: str, endings: tuple[str, ...] = ("",)) -> str | None:
        """The name in `names` of `stem` with the first of the endings that is there, or None."""
        for ending in endings:
            name = stem + ending
            entry = self._alike.get(name, self._alike.get(filenames.key(name)))
            if entry is not None:
                return entry
        return None

    def read(self, name: str, limit: int = IMAGE_BYTES) -> bytes:
        """The bytes of a file.

        Raises:
            ValueError: the file is larger than `limit` bytes, or damaged; names the file.
            OSError: it cannot be read.
        """
        name = self.find(name) or name
        if self._zip is None:
            return filenames.read(self.path / name, limit)
        size, contents = self._read_entry(self._entries[name], limit)
        if size > limit:
            raise ValueError(f"{name}: at most {limit} bytes are expected, got {size}")
        return contents

    def _sound_entries(self):
        entries = {}
        for entry in self._zip.infolist():
            name = entry.filename.replace("\\", "/")
            parts = name.split("/")
            if entry.is_dir():
                continue
            if ".." in parts or parts[0] == "" or ":" in parts[0]:
                self.refused.append((entry.filename, "the path leads outside the zip"))
            elif filenames.is_junk(name):
                continue
            elif name in entries:
                self.refused.append((entry.filename, "the zip holds this name twice"))
            else:
                entries[name] = entry
        return entries

    def _read_entry(self, entry, limit):
        if entry.file_size > limit:
            return entry.file_size, b""
        try:
            with self._zip.open(entry) as file:
                return entry.file_size, file.read(limit)
        except (zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError) as error:
            raise ValueError(
                f"{entry.filename}: damaged or encrypted in the zip: {error}"
            ) from None


def find(folder: Path, *names: str) -> pathlib.Path:
    """The first of `names`, in any case, that is in `folder`; `folder` itself where none is."""
    folder = pathlib.Path(os.path.expanduser(folder))
    paths = {filenames.key(p.name): p for p in folder.iterdir()} if folder.is_dir() else {}
    keys = [filenames.key(name) for name in names]
    return next((paths[key] for key in keys if key in paths), folder)


def find_file(name: str, *folders: Path) -> pathlib.Path | None:
    """The file of this name, in any case, in the first of `folders` that has one, or None."""
    paths = (find(folder, name) for folder in folders if pathlib.Path(folder).is_dir())
    return next((path for path in paths if path.is_file()), None)


def differs(path: Path, size: int, sha256: str) -> str:
    """How a file differs from the published one: a line for the user, or "" where it does not.

    The size is compared first; the hash, which reads the whole file, only where the size agrees.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        return ""
    if path.stat().st_size != size:
        return f"{path}: {size} bytes are published, got {path.stat().st_size}"
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != sha256:
        return f"{path}: SHA-256 {sha256} is published, got {digest.hexdigest()}"
    return ""
