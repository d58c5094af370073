"""Cuts of hair that have a mesh: bound to the face, and varied for every person."""

from typing import NamedTuple

import numpy as np
import scipy.spatial

from tf_nonlinear3dmm.data.builders.synthetic_faces.drawing import translucent
from tf_nonlinear3dmm.data.builders.synthetic_faces.drawing.translucent import TranslucentSurface
from tf_nonlinear3dmm.data.builders.synthetic_faces.hair import scalp_grid
from tf_nonlinear3dmm.data.builders.synthetic_faces.hair.styles import Hairstyle
from tf_nonlinear3dmm.data.builders.synthetic_faces.head import skull
from tf_nonlinear3dmm.data.builders.synthetic_faces.skin.noise import NoiseTiles
from tf_nonlinear3dmm.face import HairMesh, load_hair

NEAREST = 6  # vertices of the face that a vertex follows
_FOLLOWS = 0.45  # dm from the face at which it follows a third


class BoundHair(NamedTuple):
    """A mesh of hair around the mean face, bound to it.

    Attributes:
        mesh: `HairMesh`.
        normals: `[N, 3]` outwards.
        near: `[N, NEAREST]` vertices of the face whose displacement each vertex follows.
        follow: `[N, NEAREST]` how far.
    """

    mesh: HairMesh
    normals: np.ndarray
    near: np.ndarray
    follow: np.ndarray


def load(mean: np.ndarray) -> dict[str, BoundHair]:
    """Name -> `BoundHair`, all of the asset, bound to the `mean` `[V, 3]` face."""
    tree = scipy.spatial.cKDTree(mean)
    bound = {}
    for name, mesh in load_hair().items():
        distance, near = tree.query(mesh.vertices, NEAREST)
        follow = np.exp(-((distance / _FOLLOWS) ** 2)) / NEAREST
        bound[name] = BoundHair(
            mesh,
            translucent.smooth_normals(mesh.vertices, mesh.triangles),
            near,
            follow.astype("f4"),
        )
    return bound


def surface(
    hair: BoundHair, style: Hairstyle, moved: np.ndarray, mirror: np.ndarray, tiles: NoiseTiles
) -> TranslucentSurface:
    """A person's own `TranslucentSurface` around the mean face.

    Args:
        hair: `BoundHair`.
        style: `Hairstyle`.
        moved: `[V, 3]` displacement of the face, beyond what carries the head.
        mirror: `[V]` vertex on the other side of the face.
        tiles: `NoiseTiles`.
    """
    near = mirror[hair.near] if style.mirrored else hair.near
    side = np.float32([-1, 1, 1] if style.mirrored else [1, 1, 1])
    points = _vary(hair.mesh.vertices, style) * side
    points = points + np.einsum("nk,nkd->nd", hair.follow, moved[near])
    if style.hat:
        points = _press(points)
    texture = hair.mesh.texture.copy()
    height, width, _ = texture.shape
    start = style.seed % (tiles.long_streaks.shape[0] - height)
    streaks = 1 + 0.13 * tiles.long_streaks[start : start + height, :width]
    texture[..., 0] = (1 + style.contrast * (texture[..., 0] - 1)) * streaks
    normals = hair.normals * side
    return TranslucentSurface(
        points, normals, hair.mesh.triangles, hair.mesh.uv, texture, style.colour, 0.15, 9.0, True
    )


def _vary(vertices, style):
    """Vertices `[N, 3]` with a style's volume, length, tilt, lean and waves."""
    arms = vertices - skull.CENTRE.astype(np.float32)
    c, s = np.cos(np.radians(style.tilt)), np.sin(np.radians(style.tilt))
    x, y, z = arms.T
    y, z = c * y - s * z, c * z + s * y
    x, y, z = style.volume * x, style.volume * y, style.volume * z
    falls = np.maximum(-0.45 - y, 0)
    y = y - (style.length - 1) * falls
    out = style.wave * np.sin(11 * y + 5 * z + style.seed % 7) * np.clip(3 * falls, 0, 1)
    x = x + style.lean * falls + out * np.sign(x)
    return np.stack([x, y, z + out], axis=1) + skull.CENTRE.astype(np.float32)


def _press(points):
    """Points `[N, 3]`, those above the ears pressed on the skull, as under a hat."""
    arms = points - skull.CENTRE
    length = np.linalg.norm(arms, axis=1, keepdims=True)
    direction = arms / length
    high = np.clip((direction @ scalp_grid.CROWN + 0.22) / 0.12, 0, 1)[:, np.newaxis]
    low = np.minimum(length, skull.distance(direction)[:, np.newaxis] + 0.05)
    return skull.CENTRE + direction * (length + high * (low - length))
