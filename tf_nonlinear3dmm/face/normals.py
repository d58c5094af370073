"""Vertex normals in NumPy; `rendering.lighting` has those through which gradients pass."""

import numpy as np
import trimesh


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Outward unit normals: the sum of the triangles' normals weighted by their area.

    Args:
        vertices: `[V, 3]` in any right-handed frame.
        triangles: `[T, 3]` vertex ids, counter-clockwise seen from outside.

    Returns:
        `[V, 3]`; 0 at a vertex without area around it.
    """
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    areas = np.cross(b - a, c - a)
    return trimesh.geometry.mean_vertex_normals(len(vertices), triangles, areas)
