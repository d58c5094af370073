"""UV maps: closed-form cylinders, and a relaxation of the parts where they fold.

Plane coordinates here are right-handed like the face seen from the front (x right, y up), so that a
triangle that lies the right way has positive area. `to_unit` gives the stored map, v down.
"""

import numpy as np
import numpy.typing as npt
import scipy.sparse
import scipy.sparse.linalg

_ROUNDS = 40
_EXPONENT = 0.25


def cylinder(points: np.ndarray, centre: npt.ArrayLike) -> np.ndarray:
    """The paper's map: angle about the vertical axis through `centre` (x, y, z), and height."""
    x, y, z = (points - centre).T
    radius = np.median(np.hypot(x, z))
    return np.stack([radius * np.arctan2(x, z), y], axis=1)


def elevation(points: np.ndarray, centre: npt.ArrayLike) -> np.ndarray:
    """Angle about the vertical axis and angle of elevation, in face units; one-to-one at the rim.

    0.75 and 0.80 are the radii in dm of the embedded face; other faces are scaled to it.
    """
    x, y, z = (points - centre).T
    return np.stack([0.75 * np.arctan2(x, z), 0.80 * np.arctan2(y, np.hypot(x, z))], axis=1)


def to_unit(plane: np.ndarray) -> np.ndarray:
    """`[V, 2]` plane coordinates -> UV in [0, 1], u symmetric about the middle, v down, float32."""
    half_width = np.abs(plane[:, 0]).max()
    low, high = plane[:, 1].min(), plane[:, 1].max()
    u = 0.5 + plane[:, 0] / (2 * half_width)
    v = (high - plane[:, 1]) / (high - low)
    return np.stack([u, v], axis=1).astype(np.float32)


def signed_areas(plane: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Signed area of each triangle, positive if counter-clockwise with y up; `[T]`."""
    a, b, c = (plane[triangles[:, i]].astype(np.float64) for i in range(3))
    cross = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    return cross / 2


def areas(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Area of each triangle in space, `[T]`."""
    a, b, c = (points[triangles[:, i]] for i in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


def flipped(plane: np.ndarray, triangles: np.ndarray) -> int:
    """How many triangles are flipped or empty in the float32 UV map."""
    uv = to_unit(plane)
    return int(np.sum(signed_areas(uv * [1, -1], triangles) <= 0))


def bad_vertices(
    plane: np.ndarray, points: np.ndarray, triangles: np.ndarray, seeds: np.ndarray, rings: int
) -> np.ndarray:
    """Vertices to relax: those of small, flipped or `seeds` triangles and `rings` around them.

    Args:
        plane: `[V, 2]`; points: `[V, 3]`; triangles: `[T, 3]`.
        seeds: `[T]` bool, triangles to relax in any case.
        rings: how often the set grows by its neighbours; the border of the mesh stays out.

    Returns:
        `[V]` bool.
    """
    small = signed_areas(plane, triangles) < 0.15 * areas(points, triangles)
    free = np.zeros(len(plane), bool)
    free[triangles[seeds | small]] = True
    free = _grown(free, triangles, 2 * rings)
    free = ~_grown(~free, triangles, rings)  # fills bays, whose corners would fold
    border = border_vertices(triangles)
    free[border] = False
    used = np.zeros(len(plane), bool)
    used[triangles] = True
    return used & ~_connected(~free, border, triangles)


def _grown(mask, triangles, rings):
    for _ in range(rings):
        mask = mask.copy()
        mask[triangles[mask[triangles].any(axis=1)]] = True
    return mask


def _connected(mask, start, triangles):
    """The vertices of `mask` that a path along edges within it joins to `start`; `[V]` bool."""
    edges = triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    edges = edges[mask[edges].all(axis=1)]
    graph = scipy.sparse.coo_matrix((np.ones(len(edges)), edges.T), shape=[len(mask)] * 2)
    _, part = scipy.sparse.csgraph.connected_components(graph, directed=False)
    return mask & np.isin(part, part[start])


def border_vertices(triangles: np.ndarray) -> np.ndarray:
    """Ids of the vertices on edges that only one triangle has."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    unique, counts = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    return np.unique(unique[counts == 1])


def relax(
    plane: np.ndarray,
    points: np.ndarray,
    triangles: np.ndarray,
    free: np.ndarray,
    gain: np.ndarray | None = None,
    mirror: np.ndarray | None = None,
) -> np.ndarray:
    """Spreads the free vertices so that no triangle folds and stretch is small.

    Tutte's map, then stretch-reducing weights (Yoshizawa, Belyaev, Seidel 2004); the best round
    without a flipped triangle wins, or the one with the fewest.

    Args:
        plane: `[V, 2]`, where the fixed vertices stay.
        points: `[V, 3]`, the shape whose stretch counts.
        triangles: `[T, 3]`.
        free: `[V]` bool.
        gain: `[V]`, above 1 where more texels are wanted.
        mirror: `[V]` vertex ids; the result is then symmetric to the last bit.

    Returns:
        `[V, 2]`.
    """
    if not free.any():
        return plane
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = np.unique(np.concatenate([edges, edges[:, ::-1]]), axis=0)
    edges = edges[free[edges[:, 0]]]
    weights = np.ones(len(edges))
    gain = np.ones(len(plane)) if gain is None else gain
    best, best_key = plane, (np.inf, np.inf)
    for _ in range(_ROUNDS):
        candidate = _symmetric(_solve(plane, edges, weights, free), mirror)
        stretch, total = _stretch(candidate, points, triangles, gain)
        key = (flipped(candidate, triangles), total)
        if key < best_key:
            best, best_key = candidate, key
        middle = np.median(stretch[free])
        weights = weights / np.clip(stretch / middle, 0.2, 20)[edges[:, 1]] ** _EXPONENT
    return best


def _solve(plane, edges, weights, free):
    """Each free vertex at the weighted mean of its neighbours."""
    count = len(plane)
    matrix = scipy.sparse.csr_matrix((weights, edges.T), shape=(count, count))
    totals = np.asarray(matrix.sum(axis=1)).ravel()[free]
    average = scipy.sparse.diags(1 / totals) @ matrix[free]
    system = scipy.sparse.eye(free.sum()) - average[:, free]
    right = average[:, ~free] @ plane[~free]
    result = plane.copy()
    result[free] = scipy.sparse.linalg.splu(system.tocsc()).solve(right)
    return result


def _symmetric(plane, mirror):
    if mirror is None:
        return plane
    result = (plane + plane[mirror] * [-1, 1]) / 2
    result[mirror == np.arange(len(mirror)), 0] = 0
    return result


def _stretch(plane, points, triangles, gain):
    """L2 stretch of each vertex `[V]` times its gain, and the whole map's."""
    p, q = plane[triangles], points[triangles]
    area = signed_areas(plane, triangles)
    safe = np.where(np.abs(area) > 1e-12, area, 1e-12)
    to_s = np.stack([p[:, i - 2, 1] - p[:, i - 1, 1] for i in range(3)], axis=1)
    to_t = np.stack([p[:, i - 1, 0] - p[:, i - 2, 0] for i in range(3)], axis=1)
    along_s = np.einsum("ti,tik->tk", to_s, q) / (2 * safe[:, None])
    along_t = np.einsum("ti,tik->tk", to_t, q) / (2 * safe[:, None])
    squared = (np.sum(along_s**2, axis=1) + np.sum(along_t**2, axis=1)) / 2
    squared = squared * gain[triangles].mean(axis=1) ** 2
    size = areas(points, triangles)
    top, bottom = np.zeros(len(plane)), np.zeros(len(plane))
    for corner in range(3):
        np.add.at(top, triangles[:, corner], size * squared)
        np.add.at(bottom, triangles[:, corner], size)
    bottom = np.maximum(bottom, 1e-12)
    return np.sqrt(top / bottom), float(np.sum(size * np.minimum(squared, 1e6)) / size.sum())
