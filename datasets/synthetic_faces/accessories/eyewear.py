"""Spectacles: two rims, a bridge, two temples and lenses, as ribbons in front of the eyes."""

from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces.drawing import translucent
from tf_nonlinear3dmm.data.builders.synthetic_faces.drawing.translucent import TranslucentSurface
from tf_nonlinear3dmm.data.builders.synthetic_faces.head import topology

POINTS = 24  # around a rim
_RIM, _LENS = 0, 1
_SUNGLASSES = 0.33  # of those who wear any
_SHAPES = {  # half width and height, squareness, taper: lower (upper) and upper bounds, dm
    "oblong": ((0.22, 0.27), (0.11, 0.15), (2.5, 6.0), (0.0, 0.10)),
    "round": ((0.20, 0.24), (0.19, 0.23), (1.9, 2.2), (0.0, 0.0)),
    "square": ((0.24, 0.29), (0.17, 0.22), (3.0, 6.0), (0.05, 0.20)),
    "aviator": ((0.26, 0.31), (0.20, 0.25), (2.2, 2.8), (0.20, 0.32)),
    "large": ((0.28, 0.33), (0.23, 0.28), (2.2, 3.5), (0.0, 0.15)),
}
CHANCE = {True: (0.15, 0.12, 0.30, 0.25, 0.18), False: (0.40, 0.15, 0.28, 0.09, 0.08)}


class Glasses(NamedTuple):
    """A pair of glasses, lengths in dm.

    Attributes:
        worn: whether there are any.
        width: half that of a lens.
        height: half that of a lens.
        squareness: exponent of its outline; 2 is an ellipse.
        taper: how much narrower it is below than in the middle.
        rim: width of the rim.
        colour: `[3]` of the frame.
        lens: `[3]` colour of the lenses.
        tint: opacity of the lenses.
    """

    worn: bool
    width: float
    height: float
    squareness: float
    taper: float
    rim: float
    colour: np.ndarray
    lens: np.ndarray
    tint: float


def sample(random: np.random.Generator, years: float = 0.0) -> Glasses:
    """Draws `Glasses`; most people wear none. `years`: 0 at thirty to 1 in old age."""
    worn = random.uniform() < 0.12 + 0.14 * years
    sun = random.uniform() < _SUNGLASSES * (1 - 0.6 * years)
    name = list(_SHAPES)[random.choice(len(_SHAPES), p=CHANCE[bool(sun)])]
    width, height, squareness, taper = (random.uniform(*bounds) for bounds in _SHAPES[name])
    grey = random.uniform(0.02, 0.3) if random.uniform() < 0.7 else random.uniform(0.3, 0.8)
    colour = np.clip(grey + random.normal(0, 0.05, size=3) * (random.uniform() < 0.5), 0, 1)
    return Glasses(
        worn=bool(worn),
        width=width,
        height=height,
        squareness=squareness,
        taper=taper,
        rim=random.uniform(0.010, 0.042),
        colour=colour,
        lens=np.clip(random.uniform(0.02, 0.12) + random.normal(0, 0.03, size=3), 0, 1),
        tint=random.uniform(0.75, 0.97) if sun else random.uniform(0.0, 0.12),
    )


def fit(glasses: Glasses, landmarks: np.ndarray) -> list[TranslucentSurface]:
    """The surfaces of the frame and of the lenses on a neutral face with `landmarks` `[68, 3]`."""
    surfaces, start = [], 0
    points = vertices(glasses, landmarks)
    frame, lens = [], []
    for rows, columns, closed, label in _pieces():
        part = topology.grid(rows, columns, closed) + start
        (frame if label == _RIM else lens).append(part)
        start += rows * columns
    middle, half = landmarks[[36, 45], 1].mean(), max(glasses.height, 1e-3)
    down = np.clip(0.5 - 0.5 * (points[:, 1] - middle) / half, 0, 1)
    uv = np.stack([np.full_like(down, 0.5), down], axis=1)
    shade = np.linspace(1, 0.8, 8, dtype=np.float32) * np.float32(glasses.tint)
    glass = np.stack([np.ones_like(shade), shade], axis=-1)[:, np.newaxis]
    solid = np.ones([1, 1, 2], np.float32)
    for pieces, texture, colour, gloss in (
        (frame, solid, glasses.colour, 0.5),
        (lens, glass, glasses.lens, 0.6),
    ):
        triangles = np.concatenate(pieces)
        normals = translucent.smooth_normals(points, triangles)
        surfaces.append(
            TranslucentSurface(points, normals, triangles, uv, texture, colour, gloss, 40.0, False)
        )
    return surfaces


def _pieces():
    """(rows, columns, closed, label) of every ribbon in turn."""
    rims = [(2, POINTS, True, _RIM)] * 2
    return [*rims, (2, 6, False, _RIM), *[(2, 6, False, _RIM)] * 2, *[(2, POINTS, True, _LENS)] * 2]


def vertices(glasses: Glasses, landmarks: np.ndarray) -> np.ndarray:
    """Vertices `[M, 3]` of all ribbons on a neutral face with `landmarks` `[68, 3]`."""
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
    outline[:, 0] *= 1 + glasses.taper * np.minimum(outline[:, 1], 0)
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
