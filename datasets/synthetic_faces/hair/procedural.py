"""Hair and scarves without a mesh of their own: a surface over the skull, cut at its edge.

A column of `scalp_grid` follows the skull to its equator and hangs straight down from there.
"""

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces.drawing.translucent import TranslucentSurface
from tf_nonlinear3dmm.data.builders.synthetic_faces.hair import scalp_grid
from tf_nonlinear3dmm.data.builders.synthetic_faces.hair.scalp_grid import COLUMNS, ROWS, TEXELS
from tf_nonlinear3dmm.data.builders.synthetic_faces.hair.styles import CLOTH, Hairstyle
from tf_nonlinear3dmm.data.builders.synthetic_faces.skin.noise import TILE, NoiseTiles

_EQUATOR = 98.0  # degrees from the crown where hair leaves the skull
# Edge of the scalp: degrees from the crown, at degrees of turn from the front.
_TURNS = (0, 30, 50, 64, 80, 100, 125, 150, 180)
_SCALP = (71, 75, 84, 92, 99, 103, 112, 115, 114)
FALL = 0.0135  # dm of hanging that take as many rows as a degree


def surface(style: Hairstyle, tiles: NoiseTiles) -> TranslucentSurface:
    """The `TranslucentSurface` of hair, a scarf or a hood around the mean face."""
    points, cloth = vertices(style), style.kind in CLOTH
    texture = scalp_grid.woven(style, 60) if cloth else _strands(style, tiles)
    colour = style.cloth if cloth else style.colour
    return scalp_grid.surface(points, texture, colour, 0.0 if cloth else 0.18)


def _strands(style, tiles):
    """A texture `[*TEXELS, 2]` of strands that thin out towards the edge."""
    row = np.linspace(0, 1, TEXELS[0], dtype=np.float32)[:, np.newaxis]
    rows = (row[:, 0] * ((1 + 1.2 * style.hang) * 220)).astype(int) + style.seed % TILE
    streaks = tiles.long_streaks[
        (rows % TILE)[:, np.newaxis], np.arange(TEXELS[1]) * TILE // TEXELS[1]
    ]
    roots = 0.72 + 0.28 * np.minimum(3 * row, 1)
    light = np.clip((1 + 0.2 * streaks) * roots, 0.3, 1.7)
    cover = np.clip(1.6 + 0.6 * streaks - 7 * np.maximum(row - 0.8, 0), 0, 1)
    return np.stack([light, cover], axis=-1).astype(np.float32)


def vertices(style: Hairstyle) -> np.ndarray:
    """Vertices `[ROWS * COLUMNS, 3]` around the mean face."""
    random = np.random.default_rng(style.seed)
    turn = np.linspace(-180, 180, COLUMNS, endpoint=False)  # the seam is at the back
    edge, hang = _edge(style, turn, random)
    rows = np.linspace(0, 1, ROWS)[:, np.newaxis]
    angle = rows * (edge + hang / FALL)
    on_skull = np.minimum(angle, np.maximum(edge, 1e-3))
    falls = (angle - on_skull) * FALL
    points = scalp_grid.points(turn, on_skull, _thickness(style, turn, rows, random))
    outwards = scalp_grid.directions(turn, np.full(COLUMNS, 90.0)) * [1, 0, 1]
    ears = np.exp(-(((np.abs(turn) - 88) / 22) ** 2)) * (hang > 0.1)  # hanging hair covers ears
    below = np.clip(falls / 0.25, 0, 1) * (2 - np.clip(falls / 0.8, 0, 1)) / 2
    away = style.flare * np.clip(falls, 0, 1) + 0.16 * ears * below
    points = points + outwards * away[..., np.newaxis]
    points[..., 1] -= falls
    points[..., 0] += style.lean * falls
    return points.reshape(-1, 3).astype(np.float32)


def _edge(style, turn, random):
    """Degrees from the crown to the edge on the skull, and dm of hanging below it, per column."""
    size = np.abs(turn)
    edge = np.interp(size, _TURNS, _SCALP)
    forehead = np.clip((62 - size) / 14, 0, 1)
    edge = edge + forehead * style.front
    if style.kind in ("short", "long", "bob", "curly"):  # swept from the parting
        edge = edge + forehead * 5 * np.sign(style.part) * np.sin(np.radians(turn - style.part))
    rough = random.normal(size=COLUMNS)
    smooth = np.convolve(np.tile(random.normal(size=COLUMNS), 3), np.ones(5) / 5, "same")
    edge = edge + style.ragged * (0.35 * rough + smooth[COLUMNS : 2 * COLUMNS])
    opens = style.opens + 3 * rough * (style.ragged > 0)
    hanging = np.clip((size - opens) / 8, 0, 1)
    edge = edge + hanging * np.maximum(_EQUATOR - edge, 0)
    length = style.hang * hanging * (1 + 0.04 * style.ragged * 0.3 * rough)
    return edge, np.maximum(length, 0)


def _thickness(style, turn, rows, random):
    """dm above the skull, `[ROWS, COLUMNS]`: thin at the edge of the forehead and nape."""
    edge_fade = 1 - np.clip((rows - 0.55) / 0.45, 0, 1) ** 2 * 0.75
    if style.hang > 0.3 or style.kind in CLOTH or style.front > 10:
        edge_fade = 1 - 0.25 * np.clip((rows - 0.7) / 0.3, 0, 1)
    bumps = random.normal(size=(ROWS, COLUMNS))
    bumps = (bumps + np.roll(bumps, 1, 1) + np.roll(bumps, -1, 1)) / 1.7
    part = 0.35 * np.exp(-(((turn - style.part) / 7) ** 2)) * (np.abs(style.part) > 0)
    part = part * (rows > 0.2) * (style.kind not in CLOTH)
    return 0.03 + style.thickness * edge_fade * (1 - part) + style.wave * bumps
