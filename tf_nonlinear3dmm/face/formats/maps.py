"""UV maps of converted faces: the source's own, the paper's cylinder, or a relaxed one."""

import numpy as np
import scipy.sparse
import scipy.spatial

from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.face.build import polygons, relaxation

_RELAXED_REACH = 0.06  # dm of surface to relax around a fold
_RIM_POWER = 4  # of the superellipse |x|^p + |y|^p = 1: rounder than a square, fuller than a circle


def oriented(uv: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """The source's map `[V, 2]` in [0, 1], turned so that u grows with x and v against y."""
    uv = np.array(uv, np.float64)
    low, high = uv.min(axis=0), uv.max(axis=0)
    if low.min() < 0 or high.max() > 1:
        uv = (uv - low) / np.maximum(high - low, 1e-30)
    if _correlation(uv[:, 0], mean[:, 0]) < 0:
        uv[:, 0] = 1 - uv[:, 0]
    if _correlation(uv[:, 1], mean[:, 1]) > 0:
        uv[:, 1] = 1 - uv[:, 1]
    return uv


def _correlation(a, b):
    return np.sum((a - a.mean()) * (b - b.mean()))


def cylinder(mean: np.ndarray) -> np.ndarray:
    """The paper's map of `[V, 3]` millimetres: angle and height about the middle of the box."""
    return relaxation.to_unit(relaxation.cylinder(mean, _middle(mean)))


def relaxed(mean: np.ndarray, triangles: np.ndarray, path: Path) -> np.ndarray:
    """Angle and elevation where they do not fold, Tutte's map where they do.

    Holes are closed for the purpose. If even the rim folds, as under a neck, the whole face is
    spread inside a rounded square instead; that cannot fold.

    Args:
        mean: `[V, 3]` millimetres; triangles: `[T, 3]`, counter-clockwise seen from outside.
        path: named in errors.

    Returns:
        `[V, 2]` float32.
    """
    count = len(mean)
    used = np.unique(triangles)
    points, closed = _close_holes(mean / 100, triangles, path)  # dm, as the relaxation wants
    mirror = _mirror(points)
    plane = relaxation.elevation(points, _middle(points))
    edges = np.linalg.norm(points[closed[:, 0]] - points[closed[:, 1]], axis=1)
    rings = int(np.clip(np.round(_RELAXED_REACH / np.median(edges)), 2, 12))
    no_seeds = np.zeros(len(closed), bool)
    free = relaxation.bad_vertices(plane, points, closed, no_seeds, rings)
    result = relaxation.relax(plane, points, closed, free, mirror=mirror)
    if relaxation.flipped(result[:count], triangles):
        free[closed] = True
        free[relaxation.border_vertices(closed)] = False
        result = relaxation.relax(_rim(points, closed), points, closed, free, mirror=mirror)
    result[np.setdiff1d(np.arange(count), used)] = result[used].mean(axis=0)
    return relaxation.to_unit(result[:count])


def _middle(points):
    return (points.min(axis=0) + points.max(axis=0)) / 2


def _mirror(points):
    """`[V]` partners if the face is symmetric vertex by vertex, else None."""
    reflected = points * [-1, 1, 1] + [2 * _middle(points)[0], 0, 0]
    partner = scipy.spatial.cKDTree(points).query(reflected)[1]
    return partner if np.array_equal(partner[partner], np.arange(len(points))) else None


def _loops(triangles):
    return polygons.border_loops([tuple(map(int, triangle)) for triangle in triangles])


def _close_holes(points, triangles, path):
    """Every border but the longest gets a vertex in its middle and a fan of triangles."""
    edges = triangles[:, [0, 1, 1, 2]].reshape(-1, 2)
    graph = scipy.sparse.coo_matrix((np.ones(len(edges)), edges.T), shape=[len(points)] * 2)
    _, part = scipy.sparse.csgraph.connected_components(graph, directed=False)
    pieces = len(np.unique(part[triangles[:, 0]]))
    loops = _loops(triangles)
    if pieces != 1 or not loops:
        raise ValueError(
            f"{path}: a relaxed map needs one piece with a border, "
            f"got {pieces} pieces and {len(loops)} borders"
        )
    lengths = [np.linalg.norm(points[p] - points[np.roll(p, 1)], axis=1).sum() for p in loops]
    del loops[int(np.argmax(lengths))]
    fans = []
    for k, loop in enumerate(loops):
        centre = len(points) + k
        fans += [(b, a, centre) for a, b in zip(loop, np.roll(loop, -1), strict=True)]
    middles = [points[loop].mean(axis=0) for loop in loops]
    if not loops:
        return points, triangles
    return np.concatenate([points, middles]), np.concatenate([triangles, fans])


def _rim(points, triangles):
    """The border spread over a superellipse by its length, from the top on; the rest anywhere."""
    (loop,) = _loops(triangles)
    middle = (points[loop, 0].min() + points[loop, 0].max()) / 2
    top = int(np.argmax(points[loop, 1] - np.abs(points[loop, 0] - middle)))
    loop = loop[top:] + loop[:top]
    steps = np.linalg.norm(points[loop] - points[np.roll(loop, -1)], axis=1)
    done = np.concatenate([[0], np.cumsum(steps)[:-1]]) / steps.sum()
    angle = np.linspace(0, 2 * np.pi, 4001) + np.pi / 2
    curve = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    curve /= np.linalg.norm(curve, ord=_RIM_POWER, axis=1, keepdims=True)
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    plane = np.zeros([len(points), 2])
    for axis in (0, 1):
        plane[loop, axis] = np.interp(done, along / along[-1], curve[:, axis])
    return plane
