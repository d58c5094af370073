"""The names of results: no file of one face, person or clip is that of another, on any file system.

A .json claims the other files of its set: it says whose they are.
"""

import os
import pathlib
from collections.abc import Callable

from tf_nonlinear3dmm.core import json_files
from tf_nonlinear3dmm.core.filenames import key
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.face import mesh_files

ENDINGS = (".json", ".glb", ".obj", ".pts", "_overview.png")
CLIP_ENDINGS = ("_track.json", "_track.npz", "_overlay.mp4", "_meshes")
LONGEST = 255  # bytes of a name
ADDED = 30  # bytes at most of an ending, a face's number and a count
PERSON = "person"  # beside the numbers of faces: whom all photos of a call show
Owner = tuple[str, int | str]  # path of the photo or clip, and what of it


def of(stem: str) -> list[str]:
    """The names of all files of a face or a person, the .json first."""
    return [*(f"{stem}{ending}" for ending in ENDINGS), *mesh_files.companions(stem)]


def of_clip(stem: str) -> list[str]:
    """The names of all files of a clip, the .json first."""
    return [*(f"{stem}{ending}" for ending in CLIP_ENDINGS), *of(f"{stem}_{PERSON}")]


def owners(folder: Path) -> dict[str, Owner | None]:
    """What is in a folder: `key` of each name -> whose it is, or None."""
    folder = pathlib.Path(folder)
    owned: dict[str, Owner | None]
    owned = {key(path.name): None for path in folder.iterdir()} if folder.is_dir() else {}
    for path in folder.glob("*.json") if owned else ():
        owned |= {key(n): owner for n, owner in _claims(path).items() if key(n) in owned}
    return owned


class Names:
    """Names for the results of one call.

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

        def stems(base):
            return [f"{base}_face{k}" for k in range(1, count + 1)] if count > 1 else [base]

        def claims(base):
            sets = enumerate(stems(base), start=1)
            return {name: (_absolute(photo), k) for k, s in sets for name in of(s)}

        return stems(self._first(stem, claims))

    def reserve_person(self, stem: str, photo: Path) -> str:
        """The stem, likewise, for the person whom all photos show; the first is at `photo`."""
        owner = (_absolute(photo), PERSON)
        return self._first(f"{_cut(stem)}_{PERSON}", lambda base: dict.fromkeys(of(base), owner))

    def reserve_clip(self, stem: str, clip: Path) -> str:
        """The stem, likewise, for what a clip gives."""
        owner = (_absolute(clip), PERSON)
        return self._first(stem, lambda base: dict.fromkeys(of_clip(base), owner))

    def _first(self, stem: str, claims: Callable[[str], dict[str, Owner]]) -> str:
        """`stem`, or the first `stem-2`, ... of which nobody else has one of the claimed names."""
        stem, number = _cut(stem), 1
        while True:
            base = stem if number == 1 else f"{stem}-{number}"
            owners = {key(name): owner for name, owner in claims(base).items()}
            if all(self._is_free(name, owner) for name, owner in owners.items()):
                self._reserved |= owners.keys()
                return base
            number += 1

    def _is_free(self, name, owner):
        return name not in self._reserved and self._owners.get(name, owner) == owner


def _claims(path):
    """Name -> owner of the files that a .json of ours claims; empty of another."""
    try:
        about = json_files.loads(path.read_bytes())
        if "clip" in about:
            names = of_clip(path.name.removesuffix(CLIP_ENDINGS[0]))
            return dict.fromkeys(names, (_absolute(about["clip"]), PERSON))
        return dict.fromkeys(of(path.stem), (_absolute(about["photo"]), about["face"]))
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _absolute(photo):
    return os.path.realpath(photo)


def _cut(stem):
    """A stem that is short enough, and no name of a folder as `.` and `..` are."""
    stem = stem if stem.strip(".") else f"_{stem}"
    contents = stem.encode(errors="surrogateescape")[: LONGEST - ADDED]
    return contents.decode(errors="ignore") if len(contents) == LONGEST - ADDED else stem
