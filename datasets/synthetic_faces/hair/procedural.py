"""Hair, caps and scarves without a mesh of their own: a shell over the skull, cut at its edge.

Columns of a grid run from the crown to the edge at equal turns about the crown; a column follows
the skull to its equator and hangs straight down from there.
"""

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces import albedo, hair, head, sheets

COLUMNS, ROWS = 96, 16
CROWN = np.array([0.0, 0.94, -0.34]) / np.hypot(0.94, 0.34)
FORWARD = np.array([0.0, 0.34, 0.94]) / np.hypot(0.94, 0.34)
EQUATOR = 98.0  # degrees from the crown where hair leaves the skull
# Edge of the scalp: degrees from the crown, at degrees of turn from the front.
TURNS = (0, 30, 50, 64, 80, 100, 125, 150, 180)
SCALP = (71, 75, 84, 92, 99, 103, 112, 115, 114)
FALL = 0.0135  # dm of hanging that take as many rows as a degree
TRIANGLES = head.grid(ROWS, COLUMNS, closed=True)[:, ::-1].astype(np.int32)
TEXELS = (128, 256)


def sheet(style, noise):
    """The `sheets.Sheet` of a shell of hair, or of a scarf or hood, around the mean face."""
    points, cloth = surface(style), style.kind in hair.CLOTH
    texture = woven(style, 60) if cloth else _strands(style, noise)
    colour = style.cloth if cloth else style.colour
    return _sheet(points, texture, colour, 0.0 if cloth else 0.18)


def hat(style):
    """The sheets of a hat around the mean face: its crown, and a visor or brim."""
    turn = np.linspace(-180, 180, COLUMNS, endpoint=False)
    size = np.abs(turn)
    front = style.brow
    edges = np.interp(size, (0, 50, 90, 130, 180), (front, front + 3, 101, 108, 112))
    thick = {"beanie": 0.10, "cap": 0.13, "brim": 0.16}[style.hat] * style.volume
    rows = np.linspace(0, 1, ROWS)[:, np.newaxis]
    tall = thick * (1 + (style.hat != "beanie") * np.clip(1.2 - rows, 0, 1))
    points = _around(turn, rows * edges, tall + 0.02)
    found = [_sheet(points.reshape(-1, 3), woven(style, 24), style.cloth, 0.03)]
    if style.hat != "beanie":
        found.append(_brim(points[-1], turn, style))
    return found


def _brim(rim, turn, style):
    """What stands off from the `rim` `[COLUMNS, 3]` of a hat: to the front, or all around."""
    around = rim - rim.mean(axis=0)
    around = around / np.linalg.norm(around, axis=1, keepdims=True)
    front = np.cos(np.radians(np.clip(1.4 * turn, -90, 90)))
    long = 0.6 * np.sqrt(front) if style.hat == "cap" else np.full(COLUMNS, 0.35)
    out = np.linspace(0, 1, 4)[:, np.newaxis, np.newaxis] * long[:, np.newaxis]
    drop = np.array([0, -0.30 if style.hat == "cap" else -0.12, 0]) * out
    around = around * [1, 0, 1]
    points = (rim + out * around + drop + [0, 0.01, 0]).reshape(-1, 3)
    triangles = head.grid(4, COLUMNS, closed=True)[:, ::-1].astype(np.int32)
    uv = np.zeros([len(points), 2])
    normals = sheets.smooth_normals(points, triangles)
    plain = np.ones([1, 1, 2], np.float32)
    return sheets.Sheet(points, normals, triangles, uv, plain, style.cloth, 0.03, 9.0, True)


def _sheet(points, texture, colour, gloss):
    turn, row = np.meshgrid(np.arange(COLUMNS) / COLUMNS, np.linspace(0, 1, ROWS))
    uv = np.stack([turn.ravel(), row.ravel()], axis=1)
    normals = sheets.smooth_normals(points, TRIANGLES)
    normals[:COLUMNS] = CROWN  # the first row is one point
    return sheets.Sheet(points, normals, TRIANGLES, uv, texture, colour, gloss, 9.0, True)


def woven(style, ribs):
    """A texture `[*TEXELS, 2]` of cloth, ribbed along or across."""
    row, turn = np.mgrid[: TEXELS[0], : TEXELS[1]].astype(np.float32)
    along = turn / TEXELS[1] if style.seed % 2 else row / TEXELS[0]
    light = 1 + 0.10 * np.sin(2 * np.pi * ribs * along)
    return np.stack([light, np.ones_like(light)], axis=-1)


def _strands(style, noise):
    """A texture `[*TEXELS, 2]` of strands that thin out towards the edge."""
    tile = albedo.TILE
    row = np.linspace(0, 1, TEXELS[0], dtype=np.float32)[:, np.newaxis]
    rows = (row[:, 0] * ((1 + 1.2 * style.hang) * 220)).astype(int) + style.seed % tile
    lock = noise.locks[(rows % tile)[:, np.newaxis], np.arange(TEXELS[1]) * tile // TEXELS[1]]
    roots = 0.72 + 0.28 * np.minimum(3 * row, 1)
    light = np.clip((1 + 0.2 * lock) * roots, 0.3, 1.7)
    cover = np.clip(1.6 + 0.6 * lock - 7 * np.maximum(row - 0.8, 0), 0, 1)
    return np.stack([light, cover], axis=-1).astype(np.float32)


def _around(turn, angle, thick):
    """Points `[ROWS, COLUMNS, 3]` at `angle` degrees from the crown, `thick` above the skull."""
    direction = directions(turn, angle)
    return head.CENTRE + direction * (head.skull(direction) + thick)[..., np.newaxis]


def directions(turn, angle):
    """Unit vectors `[..., 3]` at degrees of turn from the front and of angle from the crown."""
    theta, phi = np.radians(angle)[..., np.newaxis], np.radians(turn)[..., np.newaxis]
    around = np.cos(phi) * FORWARD + np.sin(phi) * np.array([1.0, 0.0, 0.0])
    return np.cos(theta) * CROWN + np.sin(theta) * around


def surface(style):
    """Vertices `[ROWS * COLUMNS, 3]` around the mean face."""
    random = np.random.default_rng(style.seed)
    turn = np.linspace(-180, 180, COLUMNS, endpoint=False)  # the seam is at the back
    edge, hang = _edge(style, turn, random)
    rows = np.linspace(0, 1, ROWS)[:, np.newaxis]
    angle = rows * (edge + hang / FALL)
    on_skull = np.minimum(angle, np.maximum(edge, 1e-3))
    falls = (angle - on_skull) * FALL
    points = _around(turn, on_skull, _thickness(style, turn, rows, random))
    outwards = directions(turn, np.full(COLUMNS, 90.0)) * [1, 0, 1]
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
    edge = np.interp(size, TURNS, SCALP)
    forehead = np.clip((62 - size) / 14, 0, 1)
    edge = edge + forehead * style.front
    if style.kind in ("short", "long", "bob", "curly"):  # swept from the parting
        edge = edge + forehead * 5 * np.sign(style.part) * np.sin(np.radians(turn - style.part))
    rough = random.normal(size=COLUMNS)
    smooth = np.convolve(np.tile(random.normal(size=COLUMNS), 3), np.ones(5) / 5, "same")
    edge = edge + style.ragged * (0.35 * rough + smooth[COLUMNS : 2 * COLUMNS])
    opens = style.opens + 3 * rough * (style.ragged > 0)
    hanging = np.clip((size - opens) / 8, 0, 1)
    edge = edge + hanging * np.maximum(EQUATOR - edge, 0)
    length = style.hang * hanging * (1 + 0.04 * style.ragged * 0.3 * rough)
    return edge, np.maximum(length, 0)


def _thickness(style, turn, rows, random):
    """dm above the skull, `[ROWS, COLUMNS]`: thin at the edge of the forehead and nape."""
    edge_fade = 1 - np.clip((rows - 0.55) / 0.45, 0, 1) ** 2 * 0.75
    if style.hang > 0.3 or style.kind in hair.CLOTH or style.front > 10:
        edge_fade = 1 - 0.25 * np.clip((rows - 0.7) / 0.3, 0, 1)
    bumps = random.normal(size=(ROWS, COLUMNS))
    bumps = (bumps + np.roll(bumps, 1, 1) + np.roll(bumps, -1, 1)) / 1.7
    part = 0.35 * np.exp(-(((turn - style.part) / 7) ** 2)) * (np.abs(style.part) > 0)
    part = part * (rows > 0.2) * (style.kind not in hair.CLOTH)
    return 0.03 + style.thickness * edge_fade * (1 - part) + style.wave * bumps
