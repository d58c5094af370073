"""Cuts of hair that have a mesh: bound to the face, and varied for every person."""

from typing import NamedTuple

import numpy as np
import scipy.spatial

from tf_nonlinear3dmm.data.builders.synthetic_faces import head, sheets, shell
from tf_nonlinear3dmm.face import HairMesh, load_hair

NEAREST = 6  # vertices of the face that a vertex follows
FOLLOWS = 0.45  # dm from the face at which it follows a third


class Wig(NamedTuple):
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


def load(mean):
    """Name -> `Wig`, all of the asset, bound to the `mean` `[V, 3]` face."""
    tree = scipy.spatial.cKDTree(mean)
    wigs = {}
    for name, mesh in load_hair().items():
        distance, near = tree.query(mesh.vertices, NEAREST)
        follow = np.exp(-((distance / FOLLOWS) ** 2)) / NEAREST
        wigs[name] = Wig(
            mesh, sheets.smooth_normals(mesh.vertices, mesh.triangles), near, follow.astype("f4")
        )
    return wigs


def sheet(wig, style, moved, mirror, noise):
    """A person's own `sheets.Sheet` around the mean face.

    Args:
        wig: `Wig`.
        style: `hair.Style`.
        moved: `[V, 3]` displacement of the face, beyond what carries the head.
        mirror: `[V]` vertex on the other side of the face.
        noise: `albedo.Noise`.
    """
    near = mirror[wig.near] if style.mirrored else wig.near
    side = np.float32([-1, 1, 1] if style.mirrored else [1, 1, 1])
    points = _vary(wig.mesh.vertices, style) * side
    points = points + np.einsum("nk,nkd->nd", wig.follow, moved[near])
    if style.hat:
        points = _press(points)
    texture = wig.mesh.texture.copy()
    height, width, _ = texture.shape
    start = style.seed % (noise.locks.shape[0] - height)
    streaks = 1 + 0.13 * noise.locks[start : start + height, :width]
    texture[..., 0] = (1 + style.contrast * (texture[..., 0] - 1)) * streaks
    normals = wig.normals * side
    return sheets.Sheet(
        points, normals, wig.mesh.triangles, wig.mesh.uv, texture, style.colour, 0.15, 9.0, True
    )


def _vary(vertices, style):
    """Vertices `[N, 3]` with a style's volume, length, tilt, lean and waves."""
    arms = vertices - head.CENTRE.astype(np.float32)
    c, s = np.cos(np.radians(style.tilt)), np.sin(np.radians(style.tilt))
    x, y, z = arms.T
    y, z = c * y - s * z, c * z + s * y
    x, y, z = style.volume * x, style.volume * y, style.volume * z
    falls = np.maximum(-0.45 - y, 0)
    y = y - (style.length - 1) * falls
    out = style.wave * np.sin(11 * y + 5 * z + style.seed % 7) * np.clip(3 * falls, 0, 1)
    x = x + style.lean * falls + out * np.sign(x)
    return np.stack([x, y, z + out], axis=1) + head.CENTRE.astype(np.float32)


def _press(points):
    """Points `[N, 3]`, those above the ears pressed on the skull, as under a hat."""
    arms = points - head.CENTRE
    length = np.linalg.norm(arms, axis=1, keepdims=True)
    direction = arms / length
    high = np.clip((direction @ shell.CROWN + 0.22) / 0.12, 0, 1)[:, np.newaxis]
    low = np.minimum(length, head.skull(direction)[:, np.newaxis] + 0.05)
    return head.CENTRE + direction * (length + high * (low - length))
