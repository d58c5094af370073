"""Skull, neck and shoulders around the mean face, ring by ring from its border."""

from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces.head import skull, topology

JUNCTION = np.array([0.55, -0.20, -0.30])  # where the border turns from skull to neck
_NAPE = np.array([0.0, -0.34, -0.74])
NECK_CENTRE, NECK_RADII = np.array([0.0, -1.50, -0.22]), np.array([0.48, 0.47])
_SHOULDERS = ((0.55, 0.53, -1.32), (0.80, 0.64, -1.42), (1.70, 0.85, -1.72), (2.1, 0.9, -2.5))
_DOME_RINGS, _NECK_RINGS = 8, 7


class HeadPart(NamedTuple):
    """N vertices of the head and their triangles.

    Attributes:
        vertices: `[N, 3]` around the mean face.
        triangles: `[T, 3]` ids counted from 0.
        border: `[N]` ids of the face's border vertices whose displacement each vertex follows.
        follow: `[N]` how far, 1 at the border to 0.
        turning: `[N]` how far a vertex turns with the shoulders instead of the head.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    border: np.ndarray
    follow: np.ndarray
    turning: np.ndarray


def _nape(count):
    """Points `[count, 3]` from the left junction round the back to the right one."""
    angle = np.linspace(0, np.pi, count)[:, np.newaxis]
    side, back = JUNCTION * [1, 1, 1], _NAPE - JUNCTION * [0, 1, 1]
    return np.cos(angle) * side * [1, 0, 0] + side * [0, 1, 1] + np.sin(angle) * back


def dome(mean: np.ndarray, upper: np.ndarray) -> HeadPart:
    """Arcs over the skull from the `upper` border `[K]` to the nape of the `mean` face."""
    count, first, last = len(upper), mean[upper], _nape(len(upper))
    angle = np.linspace(0, np.pi, count)[:, np.newaxis]
    over = np.concatenate([np.cos(angle), 0.1 + np.sin(angle), -0.9 - 0 * angle], axis=1)
    rings, follow = [], []
    ends = [np.linalg.norm(p - skull.CENTRE, axis=1) for p in (first, last)]
    ratios = [
        r / skull.distance(_unit(p - skull.CENTRE))
        for p, r in zip((first, last), ends, strict=True)
    ]
    for t in np.linspace(0, 1, _DOME_RINGS):
        a, b = _unit(first - skull.CENTRE), _unit(last - skull.CENTRE)
        direction = _unit((1 - t) ** 2 * a + 2 * t * (1 - t) * over + t**2 * b)
        ratio = 1 + (1 - t) ** 3 * (ratios[0] - 1) + t**3 * (ratios[1] - 1)
        rings.append(skull.CENTRE + direction * (ratio * skull.distance(direction))[:, np.newaxis])
        follow.append(np.full(count, (1 - t) ** 2))
    points, border = np.concatenate(rings), np.tile(upper, _DOME_RINGS)
    triangles = topology.outward(
        topology.grid(_DOME_RINGS, count, closed=False), points, skull.CENTRE
    )
    return HeadPart(points, triangles, border, np.concatenate(follow), np.zeros(len(points)))


def neck(mean: np.ndarray, upper: np.ndarray, lower: np.ndarray) -> HeadPart:
    """A tube from the `lower` border and the nape down to the collar."""
    nape = _nape(len(upper))[1:-1]
    top = np.concatenate([mean[lower], nape])
    source = np.concatenate([lower, upper[1:-1]])
    follow = np.concatenate([np.ones(len(lower)), np.zeros(len(nape))])
    angle = np.arctan2(top[:, 0] / NECK_RADII[0], (top[:, 2] - NECK_CENTRE[2]) / NECK_RADII[1])
    bottom = np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=1)
    bottom = NECK_CENTRE + bottom * [NECK_RADII[0], 0, NECK_RADII[1]]
    steps = np.linspace(0, 1, _NECK_RINGS) ** 1.5
    rings = []
    for t in steps:
        inwards = 1 - (1 - t) ** 3  # the jaw stands over the neck
        blend = np.array([inwards, t, inwards])
        rings.append(top * (1 - blend) + bottom * blend)
    points = np.concatenate(rings)
    axis = points * [0, 1, 0] + NECK_CENTRE * [1, 0, 1]
    triangles = topology.outward(topology.grid(_NECK_RINGS, len(top), closed=True), points, axis)
    follow = np.concatenate([follow * (1 - t) ** 1.5 for t in steps])
    border, turning = np.tile(source, _NECK_RINGS), np.repeat(steps, len(top))
    return HeadPart(points, triangles, border, follow, turning)


def shoulders() -> HeadPart:
    """Four rings from the collar over the shoulders to the chest."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    rings = [
        np.stack([rx * np.sin(angle), np.full(40, y), rz * np.cos(angle) - 0.22], axis=1)
        for rx, rz, y in _SHOULDERS
    ]
    points = np.concatenate(rings)
    axis = points * [0, 1, 0] + NECK_CENTRE * [1, 0, 1] - [0, 1.0, 0]
    triangles = topology.outward(topology.grid(len(rings), 40, closed=True), points, axis)
    nowhere = np.zeros(len(points))
    return HeadPart(points, triangles, nowhere, nowhere, np.ones(len(points)))


def _unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
