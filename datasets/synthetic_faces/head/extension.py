"""The rest of the head behind the face: skull, neck and shoulders, grown from the face's border.

Designed once around the mean face and carried to a person by the affine map that fits the upper
face best; the first ring is the border itself, so no gap opens.
"""

import functools
from typing import NamedTuple

import numpy as np
import scipy.ndimage

from tf_nonlinear3dmm.face import load_skull

SKULL, NECK, CLOTH = 6, 7, 8  # triangle labels, after those of the face
CENTRE = np.array([0.0, 0.40, 0.0])  # of the skull, dm in the face frame
JUNCTION = np.array([0.55, -0.20, -0.30])  # where the border turns from skull to neck
NAPE = np.array([0.0, -0.34, -0.74])
NECK_CENTRE, NECK_RADII = np.array([0.0, -1.50, -0.22]), np.array([0.48, 0.47])
SHOULDERS = ((0.55, 0.53, -1.32), (0.80, 0.64, -1.42), (1.70, 0.85, -1.72), (2.1, 0.9, -2.5))
DOME_RINGS, NECK_RINGS = 8, 7


class Head(NamedTuple):
    """A mesh of M vertices that continues the face; made once by `design`.

    Attributes:
        rest: `[M, 3]` around the mean face.
        triangles: `[T, 3]` ids counted from 0; `labels` `[T]`.
        labels: see `triangles`.
        border: `[M]` ids of the face's border vertices whose displacement each vertex follows.
        follow: `[M]` how far, 1 at the border to 0.
        turning: `[M]` how far a vertex turns with the shoulders instead of the head.
        joined: `[M]` whether a vertex is one of the border again.
        of_skull: `[M]` whether it belongs to the skull.
        anchors: `[N]` ids of face vertices that carry the affine map.
        inverse: `[4, N]` its least-squares inverse.
    """

    rest: np.ndarray
    triangles: np.ndarray
    labels: np.ndarray
    border: np.ndarray
    follow: np.ndarray
    turning: np.ndarray
    joined: np.ndarray
    of_skull: np.ndarray
    anchors: np.ndarray
    inverse: np.ndarray


def design(population):
    """The `Head` around the mean face of a population."""
    mean = population.mean.astype(np.float64)
    loop = border_loop(population.tri)
    left = np.argmin(np.linalg.norm(mean[loop] - JUNCTION, axis=1))
    loop = np.roll(loop, -left)
    right = np.argmin(np.linalg.norm(mean[loop] - JUNCTION * [-1, 1, 1], axis=1))
    upper, lower = loop[: right + 1], np.append(loop[right:], loop[0])
    if mean[upper, 1].mean() < mean[lower, 1].mean():
        upper, lower = lower[::-1], upper[::-1]
    parts = [_dome(mean, upper), _neck(mean, upper, lower), _shoulders()]
    start = np.cumsum([0] + [len(p[0]) for p in parts])
    triangles = np.concatenate([p[1] + s for p, s in zip(parts, start, strict=False)])
    labels = np.repeat([SKULL, NECK, CLOTH], [len(p[1]) for p in parts])
    anchors = np.concatenate([upper, population.contours[17:48].astype(int)])
    homogeneous = np.concatenate([mean[anchors], np.ones([len(anchors), 1])], axis=1)
    border, follow, turning = (
        np.concatenate([np.broadcast_to(p[i], len(p[0])) for p in parts]) for i in (2, 3, 4)
    )
    rest = np.concatenate([p[0] for p in parts])
    on_border = np.linalg.norm(rest - mean[border.astype(int)], axis=1) < 1e-6
    return Head(
        rest.astype(np.float32),
        triangles.astype(np.int32),
        labels,
        border.astype(int),
        follow.astype(np.float32),
        turning.astype(np.float32),
        on_border,
        np.repeat([True, False, False], [len(p[0]) for p in parts]),
        anchors,
        np.linalg.pinv(homogeneous).astype(np.float32),
    )


def border_loop(triangles):
    """Vertex ids along the one border of a disk `[T, 3]`, in order."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = edges.astype(np.int64)
    twins = set(map(tuple, edges[:, ::-1].tolist()))
    following = {a: b for a, b in edges.tolist() if (a, b) not in twins}
    loop = [min(following)]
    while following[loop[-1]] != loop[0]:
        loop.append(following[loop[-1]])
    return np.array(loop)


def affine(neutral, head):
    """`[B, 4, 3]` affine maps from around the mean face to around faces `[B, V, 3]`."""
    return head.inverse @ neutral[:, head.anchors]


def carry(points, maps):
    """Points `[M, 3]` or `[B, M, 3]` under `affine` maps: `[B, M, 3]`."""
    return points @ maps[:, :3] + maps[:, 3:]


def grow(vertices, maps, shoulder_turn, necks, head, mean):
    """The vertices `[B, M, 3]` of heads behind faces `[B, V, 3]`.

    Args:
        vertices: of the faces with their expressions.
        maps: `affine` of the neutral faces.
        shoulder_turn: `[B]` radians about the neck, against the head.
        necks: `[B]` widths of neck and shoulders over the mean's.
        head: `Head`.
        mean: `[V, 3]` the mean face.
    """
    c, s = np.cos(shoulder_turn), np.sin(shoulder_turn)
    arms = head.rest - NECK_CENTRE.astype(np.float32)
    x = c[:, np.newaxis] * arms[:, 0] + s[:, np.newaxis] * arms[:, 2]
    z = c[:, np.newaxis] * arms[:, 2] - s[:, np.newaxis] * arms[:, 0]
    x, z = necks[:, np.newaxis] * x, necks[:, np.newaxis] * z
    turned = np.stack([x - arms[:, 0], np.zeros_like(x), z - arms[:, 2]], axis=-1)
    rest = head.rest + turned * head.turning[:, np.newaxis]
    moved = vertices[:, head.border] - carry(mean[head.border], maps)
    return (carry(rest, maps) + moved * head.follow[:, np.newaxis]).astype(np.float32)


def skull(directions):
    """Distance `[...]` from the skull's centre to its surface along unit `directions`."""
    table = _skull()
    x, y, z = np.moveaxis(np.asarray(directions), -1, 0)
    polar = np.arccos(np.clip(y, -1, 1)) * ((table.shape[0] - 1) / np.pi)
    turn = np.mod(np.arctan2(x, z) / (2 * np.pi), 1) * (table.shape[1] - 1)
    row = np.minimum(polar.astype(int), table.shape[0] - 2)
    column = np.minimum(turn.astype(int), table.shape[1] - 2)
    down, right = polar - row, turn - column
    upper = table[row, column] * (1 - right) + table[row, column + 1] * right
    lower = table[row + 1, column] * (1 - right) + table[row + 1, column + 1] * right
    return upper * (1 - down) + lower * down


@functools.cache
def _skull():
    """Distances `[33, 65]` by polar angle and turn, without ears; the last column is the first."""
    table = load_skull()
    table = np.where((table > 0) & (table < 1.3), table, 0.9)  # nose, shoulders
    flat = scipy.ndimage.grey_opening(table, (5, 7), mode="wrap")
    smooth = scipy.ndimage.gaussian_filter(flat, 0.8, mode=("nearest", "wrap"))
    return np.concatenate([smooth, smooth[:, :1]], axis=1)


def _nape(count):
    """Points `[count, 3]` from the left junction round the back to the right one."""
    angle = np.linspace(0, np.pi, count)[:, np.newaxis]
    side, back = JUNCTION * [1, 1, 1], NAPE - JUNCTION * [0, 1, 1]
    return np.cos(angle) * side * [1, 0, 0] + side * [0, 1, 1] + np.sin(angle) * back


def _dome(mean, upper):
    """Arcs over the skull from the upper border to the nape."""
    count, first, last = len(upper), mean[upper], _nape(len(upper))
    angle = np.linspace(0, np.pi, count)[:, np.newaxis]
    over = np.concatenate([np.cos(angle), 0.1 + np.sin(angle), -0.9 - 0 * angle], axis=1)
    rings, follow = [], []
    ends = [np.linalg.norm(p - CENTRE, axis=1) for p in (first, last)]
    ratios = [r / skull(_unit(p - CENTRE)) for p, r in zip((first, last), ends, strict=True)]
    for t in np.linspace(0, 1, DOME_RINGS):
        a, b = _unit(first - CENTRE), _unit(last - CENTRE)
        direction = _unit((1 - t) ** 2 * a + 2 * t * (1 - t) * over + t**2 * b)
        ratio = 1 + (1 - t) ** 3 * (ratios[0] - 1) + t**3 * (ratios[1] - 1)
        rings.append(CENTRE + direction * (ratio * skull(direction))[:, np.newaxis])
        follow.append(np.full(count, (1 - t) ** 2))
    points = np.concatenate(rings)
    triangles = outward(grid(DOME_RINGS, count, closed=False), points, CENTRE)
    border = np.tile(upper, DOME_RINGS)
    return points, triangles, border, np.concatenate(follow), np.zeros(len(points))


def _neck(mean, upper, lower):
    """A tube from the lower border and the nape down to the collar."""
    nape = _nape(len(upper))[1:-1]
    top = np.concatenate([mean[lower], nape])
    source = np.concatenate([lower, upper[1:-1]])
    follow = np.concatenate([np.ones(len(lower)), np.zeros(len(nape))])
    angle = np.arctan2(top[:, 0] / NECK_RADII[0], (top[:, 2] - NECK_CENTRE[2]) / NECK_RADII[1])
    bottom = np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=1)
    bottom = NECK_CENTRE + bottom * [NECK_RADII[0], 0, NECK_RADII[1]]
    steps = np.linspace(0, 1, NECK_RINGS) ** 1.5
    rings = []
    for t in steps:
        inwards = 1 - (1 - t) ** 3  # the jaw stands over the neck
        blend = np.array([inwards, t, inwards])
        rings.append(top * (1 - blend) + bottom * blend)
    points = np.concatenate(rings)
    axis = points * [0, 1, 0] + NECK_CENTRE * [1, 0, 1]
    triangles = outward(grid(NECK_RINGS, len(top), closed=True), points, axis)
    fade = np.concatenate([follow * (1 - t) ** 1.5 for t in steps])
    return points, triangles, np.tile(source, NECK_RINGS), fade, np.repeat(steps, len(top))


def _shoulders():
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    rings = [
        np.stack([rx * np.sin(angle), np.full(40, y), rz * np.cos(angle) - 0.22], axis=1)
        for rx, rz, y in SHOULDERS
    ]
    points = np.concatenate(rings)
    axis = points * [0, 1, 0] + NECK_CENTRE * [1, 0, 1] - [0, 1.0, 0]
    triangles = outward(grid(len(rings), 40, closed=True), points, axis)
    return points, triangles, np.zeros(len(points)), np.zeros(len(points)), np.ones(len(points))


def grid(rows, columns, closed):
    """Triangles `[T, 3]` of a grid of points in row order; `closed` joins the last column."""
    i, j = np.mgrid[: rows - 1, : columns if closed else columns - 1].reshape(2, -1)
    right = (j + 1) % columns
    a, b, c, d = i * columns + j, i * columns + right, (i + 1) * columns + j, None
    d = (i + 1) * columns + right
    return np.concatenate([np.stack([a, c, b], axis=1), np.stack([b, c, d], axis=1)])


def outward(triangles, points, inside):
    """`triangles` turned so that they are counter-clockwise seen from away from `inside`."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    inside = np.broadcast_to(inside, points.shape)[triangles].mean(axis=1)
    away = np.sum(np.cross(b - a, c - a) * ((a + b + c) / 3 - inside), axis=1) > 0
    return np.where(away[:, np.newaxis], triangles, triangles[:, [0, 2, 1]])


def _unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
