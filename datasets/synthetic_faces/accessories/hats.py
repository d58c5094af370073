"""Beanies, caps and brimmed hats."""

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces.drawing import translucent
from tf_nonlinear3dmm.data.builders.synthetic_faces.drawing.translucent import TranslucentSurface
from tf_nonlinear3dmm.data.builders.synthetic_faces.hair import scalp_grid
from tf_nonlinear3dmm.data.builders.synthetic_faces.hair.scalp_grid import COLUMNS, ROWS
from tf_nonlinear3dmm.data.builders.synthetic_faces.hair.styles import Hairstyle
from tf_nonlinear3dmm.data.builders.synthetic_faces.head import topology


def surfaces(style: Hairstyle) -> list[TranslucentSurface]:
    """The translucent surfaces of a hat around the mean face: its crown, and a visor or brim."""
    turn = np.linspace(-180, 180, COLUMNS, endpoint=False)
    size = np.abs(turn)
    front = style.brow
    edges = np.interp(size, (0, 50, 90, 130, 180), (front, front + 3, 101, 108, 112))
    thick = {"beanie": 0.10, "cap": 0.13, "brim": 0.16}[style.hat] * style.volume
    rows = np.linspace(0, 1, ROWS)[:, np.newaxis]
    tall = thick * (1 + (style.hat != "beanie") * np.clip(1.2 - rows, 0, 1))
    points = scalp_grid.points(turn, rows * edges, tall + 0.02)
    cloth = scalp_grid.woven(style, 24)
    parts = [scalp_grid.surface(points.reshape(-1, 3), cloth, style.cloth, 0.03)]
    if style.hat != "beanie":
        parts.append(_brim(points[-1], turn, style))
    return parts


def _brim(rim, turn, style):
    """What stands off from the `rim` `[COLUMNS, 3]` of a hat: to the front, or all around."""
    around = rim - rim.mean(axis=0)
    around = around / np.linalg.norm(around, axis=1, keepdims=True)
    front = np.cos(np.radians(np.clip(1.4 * turn, -90, 90)))
    long = 0.6 * np.sqrt(front) if style.hat == "cap" else np.full(COLUMNS, 0.35)
    out = np.linspace(0, 1, 4)[:, np.newaxis, np.newaxis] * long[:, np.newaxis]
    drop = np.array([0, -0.30 if style.hat == "cap" else -0.12, 0]) * out
    around = around * [1, 0, 1]
    points = (rim + out * around + drop + [0, 0.01, 0]).reshape(-1, 3)
    triangles = topology.grid(4, COLUMNS, closed=True)[:, ::-1].astype(np.int32)
    uv = np.zeros([len(points), 2])
    normals = translucent.smooth_normals(points, triangles)
    plain = np.ones([1, 1, 2], np.float32)
    return TranslucentSurface(points, normals, triangles, uv, plain, style.cloth, 0.03, 9.0, True)
