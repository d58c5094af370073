"""Triangles of grids, and borders of meshes."""

import numpy as np


def border_loop(triangles: np.ndarray) -> np.ndarray:
    """Vertex ids along the one border of a disk `[T, 3]`, in order."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = edges.astype(np.int64)
    twins = set(map(tuple, edges[:, ::-1].tolist()))
    following = {a: b for a, b in edges.tolist() if (a, b) not in twins}
    loop = [min(following)]
    while following[loop[-1]] != loop[0]:
        loop.append(following[loop[-1]])
    return np.array(loop)


def grid(rows: int, columns: int, closed: bool) -> np.ndarray:
    """Triangles `[T, 3]` of a grid of points in row order; `closed` joins the last column."""
    i, j = np.mgrid[: rows - 1, : columns if closed else columns - 1].reshape(2, -1)
    right = (j + 1) % columns
    a, b = i * columns + j, i * columns + right
    c, d = a + columns, b + columns
    return np.concatenate([np.stack([a, c, b], axis=1), np.stack([b, c, d], axis=1)])


def outward(triangles: np.ndarray, points: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """`triangles` turned so that they are counter-clockwise seen from away from `inside`."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    inside = np.broadcast_to(inside, points.shape)[triangles].mean(axis=1)
    away = np.sum(np.cross(b - a, c - a) * ((a + b + c) / 3 - inside), axis=1) > 0
    return np.where(away[:, np.newaxis], triangles, triangles[:, [0, 2, 1]])
