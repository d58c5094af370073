"""The names of a face's files: no file of one face is a file of another, on any file system."""

import os
import pathlib

from tf_nonlinear3dmm.core import json_files
from tf_nonlinear3dmm.core.filenames import key
from tf_nonlinear3dmm.face import mesh_files

ENDINGS = (".json", ".glb", ".obj", ".pts", "_overview.png")  # the .json claims the others
LONGEST = 255  # bytes of a name
ADDED = 30  # of which an ending, a face's number and a count take at most so many


def of(stem):
    """The names of all files of a face, the .json first."""
    return [*(f"{stem}{ending}" for ending in ENDINGS), *mesh_files.companions(stem)]


def owners(folder):
    """What lies in a folder: `key` of each name -> (photo, face) it was made from, or None."""
    folder = pathlib.Path(folder)
    owned = {key(path.name): None for path in folder.iterdir()} if folder.is_dir() else {}
    for path in folder.glob("*.json") if owned else ():
        owner = _owner(path)
        if owner:
            owned |= {key(name): owner for name in of(path.stem) if key(name) in owned}
    return owned


class Names:
    """Names for the faces of one call.

    Args:
        folder: where the files go. What lies there stays, but for earlier files of the same face.
    """

    def __init__(self, folder):
        self._there, self._taken = owners(folder), set()

    def reserve(self, stem, photo, count):
        """The stems for `count` faces of a photo: `stem`, or the first `stem-2`, ... that is free.

        Args:
            stem: wanted; a long one is cut.
            photo: path of the photo.
            count: of its faces, at least 1.
        """
        stem, number = _cut(stem), 1
        while True:
            base = stem if number == 1 else f"{stem}-{number}"
            stems = [f"{base}_face{k}" for k in range(1, count + 1)] if count > 1 else [base]
            if all(self._is_free(s, (_place(photo), k)) for k, s in enumerate(stems, start=1)):
                self._taken |= {key(name) for s in stems for name in of(s)}
                return stems
            number += 1

    def _is_free(self, stem, owner):
        keys = [key(name) for name in of(stem)]
        return not any(k in self._taken or self._there.get(k, owner) != owner for k in keys)


def _owner(path):
    """(photo, face) of a .json that `files.write` left, None of another."""
    try:
        about = json_files.loads(path.read_text())
        return _place(about["photo"]), about["face"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _place(photo):
    return os.path.realpath(photo)


def _cut(stem):
    contents = stem.encode(errors="surrogateescape")[: LONGEST - ADDED]
    return contents.decode(errors="ignore") if len(contents) == LONGEST - ADDED else stem
