"""Meshes of hair around the mean of the embedded face, and the shape of its skull: assets/hair.npz.

Keys: `names` [10]; for each `<name>_vertices` [N, 3] int16 in `QUANTUM`, `<name>_uv` [N, 2] uint16
over [0, 1], `<name>_triangles` [T, 3] uint16, `<name>_texture` [256, 256, 2] uint8, lightness (128
on average) and cover; `skull` [33, 64] float16.
"""

import functools
import pathlib
from typing import NamedTuple

import numpy as np

ASSET = pathlib.Path(__file__).parents[1] / "assets" / "hair.npz"
QUANTUM = 1e-3  # dm


class HairMesh(NamedTuple):
    """One cut of hair, all arrays float32 but for the triangles.

    Attributes:
        vertices: `[N, 3]` dm in the frame of the face.
        uv: `[N, 2]` in [0, 1], v down.
        triangles: `[T, 3]` int32.
        texture: `[256, 256, 2]` lightness against the mean, and cover in [0, 1].
    """

    vertices: np.ndarray
    uv: np.ndarray
    triangles: np.ndarray
    texture: np.ndarray


def load_hair() -> dict[str, HairMesh]:
    """Name -> `HairMesh`."""
    arrays = _arrays()
    return {
        name: HairMesh(
            (arrays[f"{name}_vertices"] * QUANTUM).astype(np.float32),
            (arrays[f"{name}_uv"] / 65535).astype(np.float32),
            arrays[f"{name}_triangles"].astype(np.int32),
            arrays[f"{name}_texture"] / np.array([128, 255], np.float32),
        )
        for name in map(str, arrays["names"])
    }


def load_skull() -> np.ndarray:
    """Distances `[33, 64]` in dm from (0, 0.4, 0) to the skin, 0 where there is none.

    Rows are polar angles from +y to -y, columns turns from +z towards +x.
    """
    return _arrays()["skull"].astype(np.float64)


@functools.cache
def _arrays():
    with ASSET.open("rb") as source, np.load(source, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
