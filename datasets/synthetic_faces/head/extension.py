"""The rest of the head behind the face: skull, neck and shoulders, grown from the face's border.

Designed once around the mean face and carried to a person by the affine map that fits the upper
face best; the first ring is the border itself, so no gap opens.
"""

from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces.head import parts as head_parts
from tf_nonlinear3dmm.data.builders.synthetic_faces.head import topology
from tf_nonlinear3dmm.face import Population

SKULL, NECK, CLOTH = 6, 7, 8  # triangle labels, after those of the face


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


def design(population: Population) -> Head:
    """The `Head` around the mean face of a population."""
    mean = population.mean.astype(np.float64)
    loop = topology.border_loop(population.tri)
    left = np.argmin(np.linalg.norm(mean[loop] - head_parts.JUNCTION, axis=1))
    loop = np.roll(loop, -left)
    right = np.argmin(np.linalg.norm(mean[loop] - head_parts.JUNCTION * [-1, 1, 1], axis=1))
    upper, lower = loop[: right + 1], np.append(loop[right:], loop[0])
    if mean[upper, 1].mean() < mean[lower, 1].mean():
        upper, lower = lower[::-1], upper[::-1]
    parts = [
        head_parts.dome(mean, upper),
        head_parts.neck(mean, upper, lower),
        head_parts.shoulders(),
    ]
    counts = [len(part.vertices) for part in parts]
    start = np.cumsum([0, *counts[:-1]])
    triangles = np.concatenate([part.triangles + s for part, s in zip(parts, start, strict=True)])
    labels = np.repeat([SKULL, NECK, CLOTH], [len(part.triangles) for part in parts])
    anchors = np.concatenate([upper, population.contours[17:48].astype(int)])
    homogeneous = np.concatenate([mean[anchors], np.ones([len(anchors), 1])], axis=1)
    rest, _, border, follow, turning = map(np.concatenate, zip(*parts, strict=True))
    on_border = np.linalg.norm(rest - mean[border.astype(int)], axis=1) < 1e-6
    return Head(
        rest.astype(np.float32),
        triangles.astype(np.int32),
        labels,
        border.astype(int),
        follow.astype(np.float32),
        turning.astype(np.float32),
        on_border,
        np.repeat([True, False, False], counts),
        anchors,
        np.linalg.pinv(homogeneous).astype(np.float32),
    )


def affine(neutral: np.ndarray, head: Head) -> np.ndarray:
    """`[B, 4, 3]` affine maps from around the mean face to around faces `[B, V, 3]`."""
    return head.inverse @ neutral[:, head.anchors]


def carry(points: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Points `[M, 3]` or `[B, M, 3]` under `affine` maps: `[B, M, 3]`."""
    return points @ maps[:, :3] + maps[:, 3:]


def grow(
    vertices: np.ndarray,
    maps: np.ndarray,
    shoulder_turn: np.ndarray,
    necks: np.ndarray,
    head: Head,
    mean: np.ndarray,
) -> np.ndarray:
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
    arms = head.rest - head_parts.NECK_CENTRE.astype(np.float32)
    x = c[:, np.newaxis] * arms[:, 0] + s[:, np.newaxis] * arms[:, 2]
    z = c[:, np.newaxis] * arms[:, 2] - s[:, np.newaxis] * arms[:, 0]
    x, z = necks[:, np.newaxis] * x, necks[:, np.newaxis] * z
    turned = np.stack([x - arms[:, 0], np.zeros_like(x), z - arms[:, 2]], axis=-1)
    rest = head.rest + turned * head.turning[:, np.newaxis]
    moved = vertices[:, head.border] - carry(mean[head.border], maps)
    return (carry(rest, maps) + moved * head.follow[:, np.newaxis]).astype(np.float32)
