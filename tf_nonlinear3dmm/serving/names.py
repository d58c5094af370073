"""The names of a face's files: no file of one face is a file of another, on any file system."""

import os
import pathlib

from tf_nonlinear3dmm.core import json_files
from tf_nonlinear3dmm.core.filenames import key
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.face import mesh_files

ENDINGS = (".json", ".glb", ".obj", ".pts", "_overview.png")  # the .json claims the others
LONGEST = 255  # bytes of a name
ADDED = 30  # bytes at most of an ending, a face's number and a count


def of(stem: str) -> list[str]:
    """The names of all files of a face, the .json first."""
    return [*(f"{stem}{ending}" for ending in ENDINGS), *mesh_files.companions(stem)]


def owners(folder: Path) -> dict[str, tuple[str, int] | None]:
    """Files in a folder: `key` of each name -> the (photo, face) it shows, or None."""
    folder = pathlib.Path(folder)
    owned: dict[str, tuple[str, int] | None]
    owned = {key(path.name): None for path in folder.iterdir()} if folder.is_dir() else {}
    for path in folder.glob("*.json") if owned else ():
        owner = _owner(path)
        if owner:
            owned |= {key(name): owner for name in of(path.stem) if key(name) in owned}
    return owned


class Names:
    """Names for the faces of one call.

    Args:
        folder: for the files. Those in it stay, except earlier ones of the same face.
    """

    def __init__(self, folder: Path) -> None:
        self._owners, self._reserved = owners(folder), set[str]()

    def reserve(self, stem: str, photo: Path, count: int) -> list[str]:
        """The stems for `count` faces of a photo: `stem`, or the first `stem-2`, ... that is free.

        Args:
            stem: preferred; a long one is cut.
            photo: path of the photo.
            count: of its faces, at least 1.
        """
        stem, number = _cut(stem), 1
        while True:
            base = stem if number == 1 else f"{stem}-{number}"
            stems = [f"{base}_face{k}" for k in range(1, count + 1)] if count > 1 else [base]
            if all(self._is_free(s, (_absolute(photo), k)) for k, s in enumerate(stems, start=1)):
                self._reserved |= {key(name) for s in stems for name in of(s)}
                return stems
            number += 1

    def _is_free(self, stem, owner):
        keys = [key(name) for name in of(stem)]
        return not any(k in self._reserved or self._owners.get(k, owner) != owner for k in keys)


def _owner(path):
    """(photo, face) of a .json that `files.write` left, None of another."""
    try:
        about = json_files.loads(path.read_text())
        return _absolute(about["photo"]), about["face"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _absolute(photo):
    return os.path.realpath(photo)


def _cut(stem):
    contents = stem.encode(errors="surrogateescape")[: LONGEST - ADDED]
    return contents.decode(errors="ignore") if len(contents) == LONGEST - ADDED else stem
