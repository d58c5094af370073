"""Which loader understands a path, by its first bytes and keys, never by its name."""

import pathlib
import zipfile
from collections.abc import Callable

from tf_nonlinear3dmm.core import filenames
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.face.formats import bfm2009, bfm_h5, eos, ict, matlab, original, packed, raw

_KNOWN = (
    "BFM 2009 (.mat), BFM 2017 or 2019 (.h5), ICT-FaceKit (folder FaceXModel), eos (.bin), "
    "the paper's 3DMM_definition (folder of .dat) or a packed .npz"
)


def recognise(path: Path) -> Callable[[Path], raw.RawFace]:
    """The loader `load(path) -> RawFace` for a file or folder.

    Raises:
        FileNotFoundError: there is nothing at `path`.
        ValueError: nothing that is known; the line says what it looks like.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        return _of_folder(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such face model")
    with path.open("rb") as file:
        head = file.read(512)
    if head[:1] == b"\x80":
        raise ValueError(f"{path}: is a pickle; it is not read, because reading one can run code")
    if head[:10] == b"MATLAB 7.3":
        raise ValueError(f"{path}: is a MATLAB 7.3 file; save it again with `save -v7`")
    if head[:4] == b"\x89HDF":
        return bfm_h5.load
    if head[:10] == b"MATLAB 5.0":
        return _of_matlab(path)
    if zipfile.is_zipfile(path):
        return packed.load
    if eos.looks_like(head):
        return eos.load
    raise ValueError(f"{path}: not a face model that is known; known are {_KNOWN}")


def _of_folder(folder):
    for place in (folder, folder / "FaceXModel", folder / "3DMM_definition"):
        if (place / ict.NEUTRAL).is_file():
            return lambda _: ict.load(place)
        if (place / original.TRIANGLES).is_file():
            return lambda _: original.load(place)
    for file in filenames.glob(folder, "*.mat"):
        if bfm2009.kind(matlab.names(file)) is not None:
            return lambda _: bfm2009.load(file)
    raise ValueError(f"{folder}: holds no face model that is known; known are {_KNOWN}")


def _of_matlab(path):
    names = matlab.names(path)
    if bfm2009.kind(names) is None:
        raise ValueError(
            f"{path}: not a face model that is known; its keys are {', '.join(sorted(names))}; a "
            "BFM 2009 file has shapeMU, shapePC, shapeEV and tl"
        )
    return bfm2009.load
