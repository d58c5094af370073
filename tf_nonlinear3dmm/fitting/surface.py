"""The surface that a scan's points lie on: a plane through the neighbours of each."""

from typing import NamedTuple

import numpy as np
import scipy.spatial
import trimesh

POINTS = 60_000  # of a scan at most; so many are sampled on triangles
NEIGHBOURS = 12  # whose plane stands for the surface at a point
SCATTERED = 4.0  # times the median spacing: points that far apart are no surface
FACING = 0.8  # cosine of the largest angle between normals of one place


class Surface(NamedTuple):
    """Points in space, and the surface that they lie on.

    Attributes:
        tree: k-d tree of `N` points.
        centres: `[N, 3]`, the mean of each point's neighbours.
        normals: `[N, 3]` unit vectors of either sign.
        spacing: `[N]`, mean distance of the neighbours; 0 of a point that is far from all others.
    """

    tree: scipy.spatial.cKDTree
    centres: np.ndarray
    normals: np.ndarray
    spacing: np.ndarray


class Pairs(NamedTuple):
    """What `K` places have of a `Surface`.

    Attributes:
        normals: `[K, 3]` unit vectors of the surface where it is nearest.
        distance: `[K]` along them, from the places to the surface.
        lies: `[K]` bool: whether the surface is there: not past its border, and not turned away.
    """

    normals: np.ndarray
    distance: np.ndarray
    lies: np.ndarray


def of_points(points: np.ndarray) -> Surface:
    """The `Surface` of `[N, 3]` points; N is at least `NEIGHBOURS`."""
    tree = scipy.spatial.cKDTree(points)
    distance, neighbours = tree.query(points, NEIGHBOURS)
    around = points[neighbours]
    centres = around.mean(axis=1)
    around = around - centres[:, np.newaxis]
    _, vectors = np.linalg.eigh(np.einsum("nki,nkj->nij", around, around))
    spacing = distance.mean(axis=1)
    spacing = np.where(spacing > SCATTERED * np.median(spacing), 0, spacing)
    return Surface(tree, centres, vectors[..., 0], spacing)


def sample(
    points: np.ndarray, triangles: np.ndarray | None, centre: np.ndarray, radius: float
) -> np.ndarray:
    """At most `POINTS` points `[N, 3]` of a scan within `radius` of `centre`.

    Args:
        points: `[N, 3]`.
        triangles: `[T, 3]`, on which points are spread evenly; None: some of `points`.
        centre: `[3]`.
        radius: in the unit of `points`.
    """
    random = np.random.default_rng(0)
    inside = np.linalg.norm(points - centre, axis=-1) < radius
    if triangles is None:
        return random.permutation(points[inside])[:POINTS]
    around = trimesh.Trimesh(points, triangles[inside[triangles].any(axis=1)], process=False)
    return trimesh.sample.sample_surface(around, POINTS, seed=random)[0]


def pairs(surface: Surface, places: np.ndarray, normals: np.ndarray) -> Pairs:
    """The `Pairs` of places `[K, 3]` with unit `normals` `[K, 3]`."""
    _, nearest = surface.tree.query(places)
    across = surface.normals[nearest]
    distance = np.sum(across * (surface.centres[nearest] - places), axis=-1)
    offset = surface.tree.data[nearest] - places
    beside = np.linalg.norm(
        offset - across * np.sum(across * offset, axis=-1, keepdims=True), axis=-1
    )
    facing = np.abs(np.sum(across * normals, axis=-1)) > FACING
    return Pairs(across, distance, facing & (beside < surface.spacing[nearest]))
