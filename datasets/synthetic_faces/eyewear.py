"""Spectacles: two rims, a bridge, two temples and lenses, as ribbons in front of the eyes."""

from typing import NamedTuple

import numpy as np

from datasets.synthetic_faces import head

POINTS = 24  # around a rim
RIM, LENS = 0, 1


class Glasses(NamedTuple):
    """A pair of glasses, lengths in dm.

    Attributes:
        worn: whether there are any.
        width, height: half sizes of a lens.
        squareness: exponent of its outline; 2 is an ellipse.
        rim: width of the rim.
        colour: `[3]` of the frame.
        lens: `[3]` colour of the lenses.
        tint: opacity of the lenses.
    """

    worn: bool
    width: float
    height: float
    squareness: float
    rim: float
    colour: np.ndarray
    lens: np.ndarray
    tint: float


def sample(random):
    """Draws `Glasses`; most people wear none."""
    worn = random.uniform() < 0.17
    sun = random.uniform() < 0.3
    grey = random.uniform(0.02, 0.3) if random.uniform() < 0.7 else random.uniform(0.3, 0.8)
    colour = np.clip(grey + random.normal(0, 0.05, size=3) * (random.uniform() < 0.5), 0, 1)
    return Glasses(
        worn=bool(worn),
        width=random.uniform(0.22, 0.27),
        height=random.uniform(0.12, 0.22),
        squareness=random.uniform(2, 5),
        rim=random.uniform(0.012, 0.045),
        colour=colour,
        lens=np.clip(random.uniform(0.02, 0.12) + random.normal(0, 0.03, size=3), 0, 1),
        tint=random.uniform(0.75, 0.97) if sun else random.uniform(0.0, 0.12),
    )


def topology():
    """Triangles `[T, 3]` of all ribbons, both sides, and their labels `[T]` `RIM` or `LENS`."""
    triangles, labels, start = [], [], 0
    for rows, columns, closed, label in _pieces():
        part = head.grid(rows, columns, closed) + start
        triangles += [part, part[:, ::-1]]
        labels += [label] * (2 * len(part))
        start += rows * columns
    return np.concatenate(triangles).astype(np.int32), np.array(labels)


def _pieces():
    """(rows, columns, closed, label) of every ribbon in turn."""
    rims = [(2, POINTS, True, RIM)] * 2
    return [*rims, (2, 6, False, RIM), *[(2, 6, False, RIM)] * 2, *[(2, POINTS, True, LENS)] * 2]


def count():
    """How many vertices `surface` gives."""
    return sum(rows * columns for rows, columns, _, _ in _pieces())


def surface(glasses, landmarks):
    """Vertices `[M, 3]` on a neutral face with `landmarks` `[68, 3]`; one point if none is worn."""
    if not glasses.worn:
        return np.tile(landmarks[27] - [0, 0, 1], (count(), 1)).astype(np.float32)
    eyes = np.stack([landmarks[42:48].mean(axis=0), landmarks[36:42].mean(axis=0)])
    front = max(landmarks[27, 2] + 0.01, eyes[:, 2].mean() + 0.10)
    angle = np.linspace(0, 2 * np.pi, POINTS, endpoint=False)
    power = 2 / glasses.squareness
    outline = np.stack(
        [
            np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power,
            np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power,
        ],
        axis=1,
    )
    size, parts, lenses = np.array([glasses.width, glasses.height]), [], []
    for eye in eyes:
        middle = eye[:2] * [1.02, 1.0] - [0, 0.02]
        inner, outer = middle + outline * (size - glasses.rim), middle + outline * size
        parts += [_bend(outer, front), _bend(inner, front)]
        lenses += [_bend(inner, front), _bend(np.tile(middle, (POINTS, 1)), front)]
    span = np.linspace(-1, 1, 6)
    gap = abs(eyes[0, 0]) * 1.02 - glasses.width + 0.5 * glasses.rim
    rise = eyes[:, 1].mean() + 0.02 + 0.03 * (1 - span**2)
    bridge = np.stack([span * gap, rise], axis=1)
    thin = [0, max(0.6 * glasses.rim, 0.012)]
    parts += [_bend(bridge + thin, front + 0.01), _bend(bridge - thin, front + 0.01)]
    for side, ear in ((1, landmarks[16]), (-1, landmarks[0])):
        hinge = _bend(np.array([[side * (eyes[0, 0] * 1.02 + glasses.width), eyes[0, 1]]]), front)[
            0
        ]
        end = np.array([ear[0] + side * 0.06, ear[1] + 0.06, ear[2] - 0.35])
        t = np.linspace(0, 1, 6)[:, np.newaxis]
        arm = hinge * (1 - t) + end * t + np.array([side * 0.05, 0, 0]) * np.sin(np.pi * t)
        parts += [arm + [0, thin[1], 0], arm - [0, thin[1], 0]]
    return np.concatenate(parts + lenses).astype(np.float32)


def _bend(points, front):
    """Points `[N, 2]` on the curved plane of the lenses: `[N, 3]`."""
    return np.concatenate([points, front - 0.22 * points[:, :1] ** 2], axis=1)
