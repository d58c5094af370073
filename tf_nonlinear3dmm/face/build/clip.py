"""Cuts the head behind the ears and at the hairline, makes triangles, zips the eyes to the lids.

Everything is decided on the mean face in absolute coordinates (dm) and kept as weights.
"""

import numpy as np
import scipy.sparse

from tf_nonlinear3dmm.face.build.polygons import (
    PolygonMesh,
    border_loops,
    edges_of,
    keep_vertices,
    rows_to_operator,
)
from tf_nonlinear3dmm.face.build.region import LEFT_EYE, RIGHT_EYE, SKIN

_SNAP = 0.12  # a vertex closer to the cut than this part of an edge is not cut off
_STITCHES = {LEFT_EYE: 4, RIGHT_EYE: 5}


def inside(points: np.ndarray) -> np.ndarray:
    """Signed distance in dm to the rounded border of the face, positive within; `[N]`."""
    _, y, z = points.T
    behind_ear = z - 0.14
    (y0, z0), (y1, z1) = (7.52, 0.14), (8.08, 1.12)
    hairline = ((z - z0) * (y1 - y0) - (y - y0) * (z1 - z0)) / np.hypot(y1 - y0, z1 - z0)
    neck = ((y - 6.92) + 1.05 * (z - 0.14)) / np.sqrt(1 + 1.05**2)
    return _smooth_minimum(_smooth_minimum(behind_ear, hairline), neck)


def _smooth_minimum(a, b, width=0.10):
    h = np.clip(0.5 + (b - a) / (2 * width), 0, 1)
    return b * (1 - h) + a * h - width * h * (1 - h)


def clip(mesh: PolygonMesh, points: np.ndarray) -> PolygonMesh:
    """Cuts the skin polygons at `inside` = 0, with new vertices on the crossed edges."""
    value = inside(points)
    value = (value + value[mesh.mirror]) / 2
    skin = [p for p, label in zip(mesh.polygons, mesh.labels, strict=True) if label == SKIN]
    value = _snap(value, skin)
    count = len(value)
    crossing, polygons, labels = {}, [], []
    for polygon, label in zip(mesh.polygons, mesh.labels, strict=True):
        if label == SKIN:
            polygon = _clip_polygon(polygon, value, crossing, count)
        if len(polygon) >= 3:
            polygons.append(polygon)
            labels.append(label)
    rows = []
    for a, b in crossing:
        t = value[a] / (value[a] - value[b])
        rows.append({a: 1 - t, b: t})
    cut = rows_to_operator(rows, count) @ mesh.operator
    of_edge = {edge: count + i for i, edge in enumerate(crossing)}
    flip = mesh.mirror
    cut_mirror = [of_edge[int(flip[a]), int(flip[b])] for a, b in crossing]
    result = PolygonMesh(
        scipy.sparse.vstack([mesh.operator, cut]).tocsr(),
        polygons,
        np.array(labels),
        np.concatenate([mesh.mirror, cut_mirror]).astype(int),
        np.append(mesh.original, np.full(len(cut_mirror), -1)),
    )
    return keep_vertices(result, np.unique(np.concatenate([np.array(p) for p in polygons])))


def _snap(value, polygons):
    snapped = value.copy()
    for polygon in polygons:
        for edge in edges_of(polygon):
            for a, b in (edge, edge[::-1]):
                if value[a] > 0 > value[b] and -value[b] < _SNAP * (value[a] - value[b]):
                    snapped[b] = 0
    return snapped


def _clip_polygon(polygon, value, crossing, count):
    kept = []
    for a, b in edges_of(polygon):
        if value[a] >= 0:
            kept.append(a)
        if value[a] * value[b] < 0:
            edge = (a, b) if value[a] > 0 else (b, a)  # from inside to outside
            kept.append(count + crossing.setdefault(edge, len(crossing)))
    outside_touched = all(value[v] <= 0 for v in polygon)
    return () if outside_touched else tuple(kept)


def triangulate(mesh: PolygonMesh, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles `[T, 3]` and labels `[T]`: shortest diagonals on the left half, then its mirror."""
    triangles, labels = [], []
    middle = 1e-9
    for polygon, label in zip(mesh.polygons, mesh.labels, strict=True):
        if points[list(polygon), 0].mean() > middle:
            fan = _cut_ears(polygon, points)
            triangles += fan
            labels += [label] * len(fan)
        elif points[list(polygon), 0].mean() > -middle:
            raise ValueError(f"polygon {polygon} lies across the middle of the face")
    triangles, labels = np.array(triangles), np.array(labels)
    flipped = mesh.mirror[triangles][:, ::-1]
    other = np.where(labels == LEFT_EYE, RIGHT_EYE, labels)
    return np.concatenate([triangles, flipped]), np.concatenate([labels, other])


def _cut_ears(polygon, points):
    """Triangles of a polygon; the shortest diagonal that cuts off one corner goes first."""
    ring, triangles = list(polygon), []
    while len(ring) > 3:
        n = len(ring)
        lengths = [
            np.linalg.norm(points[ring[i - 1]] - points[ring[(i + 1) % n]]) for i in range(n)
        ]
        ear = int(np.argmin(np.round(lengths, 9)))
        triangles.append((ring[ear - 1], ring[ear], ring[(ear + 1) % n]))
        del ring[ear]
    return [*triangles, tuple(ring)]


def zip_eyes(
    triangles: np.ndarray, labels: np.ndarray, points: np.ndarray, mirror: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Closes the slit between each eye cap and its lids with a strip of triangles.

    Returns:
        `triangles`, `labels` with the strips (labels 4 left, 5 right) appended.
    """
    cap = triangles[labels == LEFT_EYE]
    inner = border_loops([tuple(map(int, t)) for t in cap])[0]
    centre = points[inner].mean(axis=0)
    skin = triangles[labels == SKIN]
    loops = border_loops([tuple(map(int, t)) for t in skin])
    lids = min(loops, key=lambda loop: np.linalg.norm(points[loop].mean(axis=0) - centre))
    strip = _merge_by_angle(inner, lids[::-1], points, centre)
    right = mirror[strip][:, ::-1]
    counts = [_STITCHES[LEFT_EYE]] * len(strip) + [_STITCHES[RIGHT_EYE]] * len(strip)
    return np.concatenate([triangles, strip, right]), np.concatenate([labels, counts])


def _merge_by_angle(inner, outer, points, centre):
    """Triangles between two loops, both counter-clockwise about `centre` seen from the front."""

    def unrolled(loop, start_angle=None):
        offset = points[loop] - centre
        angle = np.arctan2(offset[:, 1], offset[:, 0])
        start = 0
        if start_angle is not None:
            start = int(np.argmin(np.abs(np.angle(np.exp(1j * (angle - start_angle))))))
        order = np.roll(np.arange(len(loop)), -start)
        angle = np.unwrap(np.concatenate([angle[order], angle[order[:1]]]))
        if start_angle is not None:
            angle += 2 * np.pi * np.round((start_angle - angle[0]) / (2 * np.pi))
        return [loop[i] for i in order] + [loop[order[0]]], angle

    inner, inner_angle = unrolled(inner)
    outer, outer_angle = unrolled(outer, inner_angle[0])
    i = o = 0
    strip = []
    while i < len(inner) - 1 or o < len(outer) - 1:
        step_outer = i == len(inner) - 1 or (
            o < len(outer) - 1 and outer_angle[o + 1] < inner_angle[i + 1]
        )
        if step_outer:
            strip.append((inner[i], outer[o], outer[o + 1]))
            o += 1
        else:
            strip.append((inner[i], outer[o], inner[i + 1]))
            i += 1
    return np.array(strip)
