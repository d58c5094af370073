"""A grid over the skull: columns run from the crown at equal turns about it.

Hair without a mesh, scarves and hats are such grids, cut at their edges.
"""

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces.drawing import translucent
from tf_nonlinear3dmm.data.builders.synthetic_faces.drawing.translucent import TranslucentSurface
from tf_nonlinear3dmm.data.builders.synthetic_faces.hair.styles import Hairstyle
from tf_nonlinear3dmm.data.builders.synthetic_faces.head import skull, topology

COLUMNS, ROWS = 96, 16
CROWN = np.array([0.0, 0.94, -0.34]) / np.hypot(0.94, 0.34)
_FORWARD = np.array([0.0, 0.34, 0.94]) / np.hypot(0.94, 0.34)
TRIANGLES = topology.grid(ROWS, COLUMNS, closed=True)[:, ::-1].astype(np.int32)
TEXELS = (128, 256)


def points(turn: np.ndarray, angle: np.ndarray, thick: float | np.ndarray) -> np.ndarray:
    """Points `[ROWS, COLUMNS, 3]` at `angle` degrees from the crown, `thick` above the skull."""
    direction = directions(turn, angle)
    return skull.CENTRE + direction * (skull.distance(direction) + thick)[..., np.newaxis]


def directions(turn: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Unit vectors `[..., 3]` at degrees of turn from the front and of angle from the crown."""
    theta, phi = np.radians(angle)[..., np.newaxis], np.radians(turn)[..., np.newaxis]
    around = np.cos(phi) * _FORWARD + np.sin(phi) * np.array([1.0, 0.0, 0.0])
    return np.cos(theta) * CROWN + np.sin(theta) * around


def surface(
    points: np.ndarray, texture: np.ndarray, colour: np.ndarray, gloss: float
) -> TranslucentSurface:
    """The `TranslucentSurface` with vertices `points` `[ROWS * COLUMNS, 3]`."""
    turn, row = np.meshgrid(np.arange(COLUMNS) / COLUMNS, np.linspace(0, 1, ROWS))
    uv = np.stack([turn.ravel(), row.ravel()], axis=1)
    normals = translucent.smooth_normals(points, TRIANGLES)
    normals[:COLUMNS] = CROWN  # the first row is one point
    return TranslucentSurface(points, normals, TRIANGLES, uv, texture, colour, gloss, 9.0, True)


def woven(style: Hairstyle, ribs: int) -> np.ndarray:
    """A texture `[*TEXELS, 2]` of cloth, ribbed along or across."""
    row, turn = np.mgrid[: TEXELS[0], : TEXELS[1]].astype(np.float32)
    along = turn / TEXELS[1] if style.seed % 2 else row / TEXELS[0]
    light = 1 + 0.10 * np.sin(2 * np.pi * ribs * along)
    return np.stack([light, np.ones_like(light)], axis=-1)
