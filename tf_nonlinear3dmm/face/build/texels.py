"""Which triangle of the face lies under each texel of its UV map; plain NumPy."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.ndimage

from tf_nonlinear3dmm.core.types import Size
from tf_nonlinear3dmm.face.population import Population


class Cover(NamedTuple):
    """What lies under the texels of a map; texels off the face take the nearest one's corners.

    Attributes:
        triangle: `[H, W]` ids, -1 off the face.
        corners: `[H, W, 3]` vertex ids.
        weights: `[H, W, 3]` barycentric coordinates.
    """

    triangle: np.ndarray
    corners: np.ndarray
    weights: np.ndarray


def cover(people: Population, size: Size) -> Cover:
    """The `Cover` of a `Population`'s map of `size` (height, width), corner texels at 0 and 1."""
    points = people.uv.astype(np.float64) * [size[1] - 1, size[0] - 1]
    triangles = people.tri.astype(int)
    triangle, weights = np.full(size, -1), np.zeros([*size, 3])
    for number, corners in enumerate(points[triangles]):
        low, high = np.ceil(corners.min(axis=0)), np.floor(corners.max(axis=0))
        (left, top), (right, bottom) = low.astype(int), high.astype(int) + 1
        columns, rows = np.meshgrid(np.arange(left, right), np.arange(top, bottom))
        share = _barycentric(np.stack([columns, rows], axis=-1), corners)
        inside = share.min(axis=-1, initial=np.inf) >= -1e-9
        triangle[rows[inside], columns[inside]] = number
        weights[rows[inside], columns[inside]] = share[inside]
    nearest = tuple(
        scipy.ndimage.distance_transform_edt(
            triangle < 0, return_distances=False, return_indices=True
        )
    )
    return Cover(triangle, triangles[triangle[nearest]], weights[nearest])


def _barycentric(points, corners):
    """Coordinates `[..., 3]` of points `[..., 2]` in a triangle `[3, 2]`."""
    a, b, c = corners
    matrix = np.stack([b - a, c - a], axis=1)
    if abs(np.linalg.det(matrix)) < 1e-12:
        return np.full([*points.shape[:-1], 3], -1.0)
    two = (points - a) @ np.linalg.inv(matrix).T
    return np.concatenate([1 - two.sum(axis=-1, keepdims=True), two], axis=-1)


def interpolate(cover: Cover, values: npt.ArrayLike) -> np.ndarray:
    """Vertex values `[V, C]` at the texels: `[H, W, C]`."""
    corners = np.asarray(values, np.float64)[cover.corners]
    return np.sum(corners * cover.weights[..., np.newaxis], axis=-2)
