"""Hair, hats and scarves: a shell over the skull, cut at the hairline, hanging if long.

Columns of a grid run from the crown to the edge at equal turns about the crown; a column follows
the skull to its equator and hangs straight down from there.
"""

from typing import NamedTuple

import numpy as np

from datasets.synthetic_faces import head

COLUMNS, ROWS = 96, 16
CROWN = np.array([0.0, 0.94, -0.34]) / np.hypot(0.94, 0.34)
FORWARD = np.array([0.0, 0.34, 0.94]) / np.hypot(0.94, 0.34)
EQUATOR = 98.0  # degrees from the crown where hair leaves the skull
# Edge of the scalp: degrees from the crown, at degrees of turn from the front.
TURNS = (0, 30, 50, 64, 80, 100, 125, 150, 180)
SCALP = (71, 75, 84, 92, 99, 103, 112, 115, 114)
CHANCE = {  # (women, men)
    "none": (0.00, 0.16),
    "short": (0.16, 0.52),
    "curly": (0.12, 0.08),
    "fringe": (0.16, 0.08),
    "bob": (0.20, 0.02),
    "long": (0.24, 0.04),
    "beanie": (0.04, 0.06),
    "scarf": (0.08, 0.0),
    "hood": (0.0, 0.04),
}
CLOTH = ("beanie", "scarf", "hood")


class Style(NamedTuple):
    """One person's hair or headgear.

    Attributes:
        kind: one of `CHANCE`.
        thickness: dm above the skull.
        front: degrees by which the edge lies lower (positive) on the forehead.
        part: turn of the parting in degrees; hair on the forehead is swept away from it.
        hang: dm that hair hangs below the skull's equator, at the sides and the back.
        opens: turn in degrees from which on it hangs.
        flare: dm that hanging hair stands off.
        ragged: degrees of irregularity of the edge.
        wave: dm, amplitude of curls.
        colour: `[3]` sRGB.
        seed: of the irregularities.
    """

    kind: str
    thickness: float
    front: float
    part: float
    hang: float
    opens: float
    flare: float
    ragged: float
    wave: float
    colour: np.ndarray
    seed: int


def sample(random, male, years, colour):
    """Draws a `Style`; `years` is 0 at thirty to 1 in old age, `colour` `[3]` of the hair."""
    kinds = list(CHANCE)
    chance = np.array([CHANCE[kind][int(male)] for kind in kinds])
    if male:
        chance[0] += 0.35 * years
    kind = kinds[random.choice(len(kinds), p=chance / chance.sum())]
    cloth = np.clip(random.uniform(0.05, 0.9) + random.normal(0, 0.12, size=3), 0.02, 0.95)
    draw = random.uniform
    thickness, front, hang, opens, flare, ragged, wave = {
        "none": (0.0, 0.0, 0.0, 180.0, 0.0, 0.0, 0.0),
        "short": (draw(0.03, 0.16), draw(-5, 4), 0.0, 180.0, 0.0, draw(1, 4), draw(0, 0.02)),
        "curly": (draw(0.12, 0.42), draw(-3, 6), draw(0, 0.3), draw(75, 110), 0.1, 4.0, 0.04),
        "fringe": (draw(0.06, 0.14), draw(12, 27), draw(0, 0.5), draw(62, 85), 0.03, 3.5, 0.01),
        "bob": (
            draw(0.08, 0.16),
            draw(-4, 6),
            draw(0.5, 0.9),
            draw(58, 84),
            draw(0, 0.1),
            3.0,
            0.01,
        ),
        "long": (
            draw(0.06, 0.15),
            draw(-4, 5),
            draw(1.0, 1.9),
            draw(58, 95),
            draw(0, 0.12),
            3,
            0.02,
        ),
        "beanie": (draw(0.06, 0.12), draw(2, 22), 0.0, 180.0, 0.0, 0.0, 0.0),
        "scarf": (0.07, draw(-2, 8), 1.3, draw(46, 56), 0.02, 0.0, 0.01),
        "hood": (0.14, draw(-8, 0), 1.3, draw(60, 75), 0.05, 0.0, 0.02),
    }[kind]
    part = random.choice([-1, 1]) * draw(5, 40) if random.uniform() < 0.7 else 0.0
    tint = cloth if kind in CLOTH else colour
    seed = int(random.integers(1 << 31))
    return Style(kind, thickness, front, part, hang, opens, flare, ragged, wave, tint, seed)


class Shell(NamedTuple):
    """The fixed grid: `triangles` `[T, 3]`, both sides; `place` `[M, 2]` (turn, row) in [0, 1]."""

    triangles: np.ndarray
    place: np.ndarray


def shell():
    """The `Shell` that every `surface` fits."""
    triangles = head.grid(ROWS, COLUMNS, closed=True)
    turn, row = np.meshgrid(np.arange(COLUMNS) / COLUMNS, np.linspace(0, 1, ROWS))
    place = np.stack([turn.ravel(), row.ravel()], axis=1).astype(np.float32)
    return Shell(np.concatenate([triangles, triangles[:, ::-1]]).astype(np.int32), place)


def surface(style):
    """Vertices `[ROWS * COLUMNS, 3]` around the mean face; all at one point where there is none."""
    if style.kind == "none":
        return np.tile(head.CENTRE, (ROWS * COLUMNS, 1)).astype(np.float32)
    random = np.random.default_rng(style.seed)
    turn = np.linspace(-180, 180, COLUMNS, endpoint=False)  # the seam is at the back
    edge, hang = _edge(style, turn, random)
    rows = np.linspace(0, 1, ROWS)[:, np.newaxis]
    path = edge + hang / 0.0135  # degrees along the skull, then 0.0135 dm of hanging a degree
    angle = rows * path
    on_skull = np.minimum(angle, np.maximum(edge, 1e-3))
    falls = (angle - on_skull) * 0.0135
    theta, phi = np.radians(on_skull), np.radians(turn)
    side = np.array([1.0, 0.0, 0.0])
    around = np.cos(phi)[:, np.newaxis] * FORWARD + np.sin(phi)[:, np.newaxis] * side
    direction = np.cos(theta)[..., np.newaxis] * CROWN + np.sin(theta)[..., np.newaxis] * around
    thick = _thickness(style, turn, rows, random)
    length = head.ellipsoid(direction) * 1.03 + thick
    points = head.CENTRE + direction * length[..., np.newaxis]
    outwards = around * [1, 0, 1]
    ears = np.exp(-(((np.abs(turn) - 88) / 22) ** 2)) * (hang > 0.1)  # hanging hair covers ears
    below = np.clip(falls / 0.25, 0, 1) * (2 - np.clip(falls / 0.8, 0, 1)) / 2
    away = style.flare * np.clip(falls, 0, 1) + 0.16 * ears * below
    points = points + outwards * away[..., np.newaxis]
    points[..., 1] -= falls
    return points.reshape(-1, 3).astype(np.float32)


def _edge(style, turn, random):
    """Degrees from the crown to the edge on the skull, and dm of hanging below it, per column."""
    size = np.abs(turn)
    edge = np.interp(size, TURNS, SCALP)
    forehead = np.clip((62 - size) / 14, 0, 1)
    edge = edge + forehead * style.front
    if style.kind in ("short", "long", "bob", "curly"):  # swept from the parting
        edge = edge + forehead * 5 * np.sign(style.part) * np.sin(np.radians(turn - style.part))
    if style.kind == "beanie":
        edge = np.where(size > 40, np.maximum(edge - 3, 90), edge)
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
    if style.hang > 0.3 or style.kind in CLOTH or style.front > 10:
        edge_fade = 1 - 0.25 * np.clip((rows - 0.7) / 0.3, 0, 1)
    bumps = random.normal(size=(ROWS, COLUMNS))
    bumps = (bumps + np.roll(bumps, 1, 1) + np.roll(bumps, -1, 1)) / 1.7
    part = 0.35 * np.exp(-(((turn - style.part) / 7) ** 2)) * (np.abs(style.part) > 0)
    part = part * (rows > 0.2) * (style.kind not in CLOTH)
    return 0.012 + style.thickness * edge_fade * (1 - part) + style.wave * bumps
