"""Polygon meshes as linear operators: every vertex is a weighted sum of source vertices.

`PolygonMesh.operator @ source` gives its vertices, so that one cut made on the mean face serves
every person. Polygons are lists of vertex ids, counter-clockwise seen from outside.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse


class PolygonMesh(NamedTuple):
    """Polygons on linear combinations of source vertices.

    Attributes:
        operator: sparse `[V, sources]`.
        polygons: list of tuples of vertex ids.
        labels: one int per polygon.
        mirror: `[V]` vertex on the other side.
        original: `[V]` the vertex of the source mesh it stands for, or -1.
    """

    operator: scipy.sparse.csr_matrix
    polygons: list[tuple[int, ...]]
    labels: np.ndarray
    mirror: np.ndarray
    original: np.ndarray


def edges_of(polygon: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """The directed edges of a polygon."""
    return zip(polygon, polygon[1:] + polygon[:1], strict=True)


def border_loops(polygons: Iterable[Sequence[int]]) -> list[list[int]]:
    """Closed chains of the directed edges that have no partner, in the polygons' direction."""
    directed = {edge for polygon in polygons for edge in edges_of(tuple(polygon))}
    follow = {a: b for a, b in directed if (b, a) not in directed}
    loops = []
    while follow:
        start = min(follow)
        loop = [start]
        while follow[loop[-1]] != start:
            loop.append(follow[loop[-1]])
        for vertex in loop:
            del follow[vertex]
        loops.append(loop)
    return loops


def rows_to_operator(rows: Sequence[Mapping[int, float]], sources: int) -> scipy.sparse.csr_matrix:
    """Sparse matrix from a list of dicts source -> weight."""
    data = [weight for row in rows for weight in row.values()]
    columns = [column for row in rows for column in row]
    starts = np.cumsum([0] + [len(row) for row in rows])
    matrix = scipy.sparse.csr_matrix((data, columns, starts), shape=(len(rows), sources))
    matrix.sum_duplicates()
    return matrix


def keep_vertices(mesh: PolygonMesh, keep: np.ndarray) -> PolygonMesh:
    """The mesh with only the vertices of `keep` (sorted ids); polygons must not need others."""
    new_id = np.full(mesh.operator.shape[0], -1)
    new_id[keep] = np.arange(len(keep))
    polygons = [tuple(int(new_id[v]) for v in polygon) for polygon in mesh.polygons]
    mirror = new_id[mesh.mirror[keep]]
    return PolygonMesh(mesh.operator[keep], polygons, mesh.labels, mirror, mesh.original[keep])


def subdivide(mesh: PolygonMesh) -> PolygonMesh:
    """One Catmull-Clark step; vertices come in the order old, edge points, face points.

    Border edges keep to their midpoint, border vertices to the cubic B-spline of the border.
    """
    count = mesh.operator.shape[0]
    edge_id: dict[tuple[int, int], int] = {}
    edge_faces: list[list[int]] = []
    for face, polygon in enumerate(mesh.polygons):
        for a, b in edges_of(polygon):
            edge = (min(a, b), max(a, b))
            if edge not in edge_id:
                edge_id[edge] = len(edge_id)
                edge_faces.append([])
            edge_faces[edge_id[edge]].append(face)
    face_points = [{v: 1 / len(p) for v in p} for p in mesh.polygons]
    edge_points = [_edge_point(e, edge_faces[i], face_points) for e, i in edge_id.items()]
    old_points = _old_points(count, mesh.polygons, edge_id, edge_faces, face_points)
    step = rows_to_operator(old_points + edge_points + face_points, count)

    first_face = count + len(edge_id)
    polygons: list[tuple[int, ...]] = []
    labels = []
    for face, polygon in enumerate(mesh.polygons):
        for before, here, after in zip(
            polygon[-1:] + polygon[:-1], polygon, polygon[1:] + polygon[:1], strict=True
        ):
            leave = count + edge_id[min(here, after), max(here, after)]
            arrive = count + edge_id[min(before, here), max(before, here)]
            polygons.append((here, leave, first_face + face, arrive))
            labels.append(mesh.labels[face])
    mirror = _mirror_of_step(mesh, edge_id, count)
    original = np.append(mesh.original, np.full(len(mirror) - count, -1))
    return PolygonMesh((step @ mesh.operator).tocsr(), polygons, np.array(labels), mirror, original)


def _edge_point(edge, faces, face_points):
    point = {}
    if len(faces) == 1:
        return {edge[0]: 0.5, edge[1]: 0.5}
    for vertex in edge:
        point[vertex] = point.get(vertex, 0) + 0.25
    for face in faces:
        for vertex, weight in face_points[face].items():
            point[vertex] = point.get(vertex, 0) + 0.25 * weight
    return point


def _old_points(count, polygons, edge_id, edge_faces, face_points):
    faces_at = [[] for _ in range(count)]
    edges_at = [[] for _ in range(count)]
    for face, polygon in enumerate(polygons):
        for vertex in polygon:
            faces_at[vertex].append(face)
    for edge, i in edge_id.items():
        for vertex in edge:
            edges_at[vertex].append((edge, i))
    return [_old_point(v, faces_at[v], edges_at[v], edge_faces, face_points) for v in range(count)]


def _old_point(vertex, faces, edges, edge_faces, face_points):
    border = [edge for edge, i in edges if len(edge_faces[i]) == 1]
    if border:
        point = {vertex: 0.75}
        for a, b in border:
            point[a if b == vertex else b] = 0.125
        return point
    n = len(edges)
    point = {vertex: (n - 3) / n}
    for face in faces:
        for other, weight in face_points[face].items():
            point[other] = point.get(other, 0) + weight / n**2
    for (a, b), _ in edges:
        for other in (a, b):
            point[other] = point.get(other, 0) + 1 / n**2
    return point


def _mirror_of_step(mesh, edge_id, count):
    old = mesh.mirror
    edges = [count + edge_id[min(old[a], old[b]), max(old[a], old[b])] for a, b in edge_id]
    face_id = {frozenset(p): i for i, p in enumerate(mesh.polygons)}
    first = count + len(edge_id)
    faces = [first + face_id[frozenset(int(old[v]) for v in p)] for p in mesh.polygons]
    return np.concatenate([old, edges, faces]).astype(int)
