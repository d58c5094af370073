"""Single strands of hair: a fringe on the forehead, others beside and over the cheeks."""

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces.drawing.translucent import TranslucentSurface
from tf_nonlinear3dmm.data.builders.synthetic_faces.hair import procedural, scalp_grid
from tf_nonlinear3dmm.data.builders.synthetic_faces.hair.styles import Hairstyle
from tf_nonlinear3dmm.data.builders.synthetic_faces.head import skull, topology
from tf_nonlinear3dmm.data.builders.synthetic_faces.skin.noise import NoiseTiles

ROWS = 13  # of points along a strand, two in each
TEXELS = (64, 256)


def make_texture(tiles: NoiseTiles) -> np.ndarray:
    """`[*TEXELS, 2]`: streaks along the strands, which thin out towards their tips."""
    light = tiles.long_streaks[::4, : TEXELS[1]][: TEXELS[0]]
    row = np.linspace(0, 1, len(light), dtype=np.float32)[:, np.newaxis]
    cover = np.clip(1.9 + 0.8 * light - 2.1 * row, 0, 1) * np.clip(row * 6, 0, 1)
    return np.stack([np.clip(1 + 0.25 * light, 0.4, 1.8), cover], axis=-1).astype(np.float32)


def surface(style: Hairstyle, texture: np.ndarray) -> TranslucentSurface | None:
    """The `TranslucentSurface` of a style's strands around the mean face; None if it has none."""
    random = np.random.default_rng([style.seed, 1])
    groups = [_fringe(style, random)] if style.fringe else []
    groups += [_hanging(style, random)] if style.strands else []
    if not groups:
        return None
    turn, angle, fall, lift, width = (np.concatenate(part) for part in zip(*groups, strict=True))
    direction = scalp_grid.directions(turn, angle)
    centre = skull.CENTRE + direction * (skull.distance(direction) + lift)[..., np.newaxis]
    centre[..., 1] -= fall
    centre[..., 0] += 0.02 * np.sin(6 * fall + turn[:, :1]) * np.sign(turn) * (fall > 0)
    along = np.gradient(centre, axis=1)
    across = np.cross(along, direction)
    across /= np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-6)
    narrow = width[:, np.newaxis] * np.linspace(1, 0.45, ROWS)
    sides = across * narrow[..., np.newaxis]
    points = np.stack([centre - sides, centre + sides], axis=2).reshape(-1, 3)
    count = len(turn)
    one = topology.grid(ROWS, 2, closed=False)
    triangles = (one + 2 * ROWS * np.arange(count)[:, np.newaxis, np.newaxis]).reshape(-1, 3)
    start = random.uniform(0, 0.95, size=(count, 1, 1)) + [0, 0.05]
    down = np.linspace(0, 1, ROWS)[np.newaxis, :, np.newaxis]
    uv = np.stack(np.broadcast_arrays(start, down), axis=-1).reshape(-1, 2)
    normals = np.repeat(direction, 2, axis=1).reshape(-1, 3)
    return TranslucentSurface(
        points, normals, triangles, uv, texture, style.colour, 0.2, 9.0, False
    )


def _fringe(style, random):
    """Turn, angle, fall, lift `[K, ROWS]` and width `[K]` of strands that lie on the forehead."""
    count = style.fringe
    steps = np.linspace(0, 1, ROWS)
    first = random.uniform(-58, 58, size=(count, 1))
    swept = np.sign(style.part) * 14 + random.normal(0, 5, size=(count, 1))
    turn = first * (0.7 + 0.3 * steps) + swept * steps**1.5
    end = style.reach - 0.12 * np.abs(first - style.part) + random.normal(0, 3.5, size=(count, 1))
    angle = 34 + (end - 34) * steps
    lift = 0.16 - 0.10 * steps**2 + random.uniform(0, 0.04, size=(count, 1))
    return turn, angle, np.zeros_like(turn), lift, random.uniform(0.03, 0.075, size=count)


def _hanging(style, random):
    """The same of strands that leave the temples and hang down."""
    count = style.strands
    steps = np.linspace(0, 1, ROWS)
    side = random.choice([-1, 1], size=(count, 1))
    first = side * random.uniform(40, 82, size=(count, 1))
    turn = first + side * 6 * steps + 0 * steps
    path = 45 + steps * random.uniform(60, 140, size=(count, 1))
    edge = random.uniform(84, 96, size=(count, 1))
    angle = np.minimum(path, edge)
    fall = (path - angle) * procedural.FALL * 1.1
    lift = 0.12 + 0.03 * np.clip(fall, 0, 1) + random.uniform(0, 0.06, size=(count, 1))
    return turn, angle, fall, lift, random.uniform(0.03, 0.07, size=count)
