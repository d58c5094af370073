"""Whether prepared data is still that of the files it was made from.

A data set's folder keeps `source.json`: a digest of the names, sizes and times of what was read.
The generator's code is told apart by the data set's version, which is part of the folder's name.
"""

import hashlib
import json
import os
import pathlib

from tf_nonlinear3dmm.core import array_files, filenames, json_files
from tf_nonlinear3dmm.core.types import Path

FILE = "source.json"


def fingerprint(path: Path | None, face_model: Path) -> dict[str, str]:
    """What a data set is made from, as a dict of name -> digest; what is not there is left out.

    Args:
        path: the user's folder or zip, or None for generated data.
        face_model: name or path of the face model.
    """
    paths = {"files": path, "face model": os.path.expanduser(face_model)}
    return {name: _digest(pathlib.Path(p)) for name, p in paths.items() if p and os.path.exists(p)}


def keep(folder: Path, digests: dict[str, str]) -> None:
    """Writes the fingerprint beside the data set in `folder`."""
    array_files.write_text(pathlib.Path(folder) / FILE, json.dumps(digests, indent=1) + "\n")


def changes(folder: Path, digests: dict[str, str]) -> list[str]:
    """Names of what differs from the fingerprint of the data set in `folder`.

    Files that were removed since then, or data from before there were fingerprints, do not count.
    """
    try:
        stored = json_files.loads((pathlib.Path(folder) / FILE).read_bytes())
    except (OSError, ValueError):
        return []
    return [name for name in digests if stored.get(name, digests[name]) != digests[name]]


def _digest(path):
    names = filenames.walk(path)[0] if path.is_dir() else ["."]
    lines = []
    for name in names:
        file = path / name
        state = file.stat() if file.exists() else None  # of a link that leads nowhere
        lines.append((name, *((state.st_size, state.st_mtime_ns) if state else ())))
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()
