"""How a face moves: units of expression, a jaw about its hinge, lids that meet, eyes that turn."""

from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm.face.morphs import MorphBasis
from tf_nonlinear3dmm.face.population import Population

GAZE_DEGREES = {"side": 30.0, "up": 15.0, "down": 22.0}  # at weight 1
MOST_CLOSING = 1.3  # weight of the unit: eyes that are wider than this stay a little open
CORNER = 0.2  # of the eye's width on either side, where the lids are never apart


class Muscles(NamedTuple):
    """How units move vertices; made once by `attach`.

    Attributes:
        units: `[U, V, 3]`, 0 on eyeballs.
        where: name -> index of a unit.
        jaw_weight: `[V]`, how much of the jaw's turn a vertex follows.
        jaw_hinge: `[3]`; the jaw turns about the x axis through it.
        jaw_angle: radians at weight 1.
        eyes: ids of the vertices of the (subject's) left and right eyeball.
        lids: ids `[2, P]` of vertices on the upper and the lower lid that meet, left and right.
    """

    units: np.ndarray
    where: dict[str, int]
    jaw_weight: np.ndarray
    jaw_hinge: np.ndarray
    jaw_angle: float
    eyes: tuple[np.ndarray, ...]
    lids: tuple[np.ndarray, ...]


def attach(population: Population, basis: MorphBasis) -> Muscles:
    """The `Muscles` of a population and its `morphs.MorphBasis`."""
    eyes = [np.unique(population.tri[population.face_label == label]) for label in (2, 3)]
    units = basis.units.copy()
    units[:, np.concatenate(eyes)] = 0
    where = {str(name): i for i, name in enumerate(population.unit_names)}
    return Muscles(
        units,
        where,
        population.jaw_weight.astype(np.float32),
        population.jaw_hinge.astype(np.float32),
        float(population.jaw_angle),
        tuple(eyes),
        tuple(_lids(population, label) for label in (4, 5)),
    )


def _lids(population, stitch):
    """Pairs `[2, P]` of rim vertices of an eye that meet; `stitch` joins rim and eyeball."""
    skin = population.tri[population.face_label == 0]
    rim = np.intersect1d(population.tri[population.face_label == stitch], skin)
    x, y = population.mean[rim, :2].T
    first, last = np.argmin(x), np.argmax(x)
    place = (x - x[first]) / (x[last] - x[first])
    above = y > y[first] + place * (y[last] - y[first])
    inner = (place > CORNER) & (place < 1 - CORNER)
    upper, lower = np.flatnonzero(above & inner), np.flatnonzero(~above)
    partner = np.abs(place[upper, np.newaxis] - place[lower]).argmin(axis=1)
    return np.stack([rim[upper], rim[lower[partner]]])


def apply(neutral: np.ndarray, weights: np.ndarray, muscles: Muscles) -> np.ndarray:
    """Moves neutral vertices `[B, V, 3]` by unit weights `[B, U]`: `[B, V, 3]`.

    Linear but for three things: the jaw follows an arc that meets the straight target at weight 0
    and 1, the eyeballs turn about their centres, and a blink of 1 closes the eye, however wide.
    """
    weights = np.array(weights, np.float32)
    blinks = [muscles.where["eyeBlinkLeft"], muscles.where["eyeBlinkRight"]]
    blink, weights[:, blinks] = weights[:, blinks], 0
    flat = muscles.units.reshape(len(muscles.units), -1)
    moved = neutral + (weights @ flat).reshape(neutral.shape)
    for unit, lids, share in zip(muscles.units[blinks], muscles.lids, blink.T, strict=True):
        moved += (share * _closing(moved, unit, lids))[:, np.newaxis, np.newaxis] * unit
    opening = weights[:, muscles.where["jawOpen"]]
    moved = moved + _jaw_arc(neutral, opening, muscles)
    for name, ids in zip(("Left", "Right"), muscles.eyes, strict=True):
        moved[:, ids] = turn_eye(neutral[:, ids], *gaze(weights, name, muscles.where))
    return moved


def _closing(vertices, unit, lids):
    """Weights `[B]` of a blink's `unit` `[V, 3]` at which the lids of an eye meet."""
    upper, lower = lids
    gap = vertices[:, upper, 1] - vertices[:, lower, 1]
    return np.clip(gap.mean(axis=1) / (unit[lower, 1] - unit[upper, 1]).mean(), 0, MOST_CLOSING)


def _jaw_arc(neutral, opening, muscles):
    """What the arc of the jaw adds to its straight path, `[B, V, 3]`: 0 at weight 0 and 1."""
    arms = neutral[..., 1:] - muscles.jaw_hinge[1:]

    def turned(angle):
        c, s = np.cos(angle)[:, np.newaxis], np.sin(angle)[:, np.newaxis]
        y, z = arms[..., 0], arms[..., 1]
        return np.stack([(c - 1) * y - s * z, s * y + (c - 1) * z], axis=-1)

    full = turned(np.full_like(opening, muscles.jaw_angle))
    bow = turned(opening * muscles.jaw_angle) - opening[:, np.newaxis, np.newaxis] * full
    return np.pad(bow * muscles.jaw_weight[:, np.newaxis], [(0, 0), (0, 0), (1, 0)])


def gaze(weights: np.ndarray, name: str, where: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Angles of the "Left" or "Right" eye in radians `[B]`: to the subject's left, and up."""
    look = {way: weights[:, where[f"eyeLook{way}{name}"]] for way in ("In", "Out", "Up", "Down")}
    side = (look["Out"] - look["In"]) * (1 if name == "Left" else -1)
    up = GAZE_DEGREES["up"] * look["Up"] - GAZE_DEGREES["down"] * look["Down"]
    return np.radians(GAZE_DEGREES["side"] * side), np.radians(up)


def turn_eye(vertices: np.ndarray, side: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Turns eyeballs `[B, N, 3]` about their centres by angles `[B]`."""
    centre = eye_centre(vertices)[:, np.newaxis]
    x, y, z = np.moveaxis(vertices - centre, -1, 0)
    c, s = np.cos(up)[:, np.newaxis], np.sin(up)[:, np.newaxis]
    y, z = c * y + s * z, c * z - s * y
    c, s = np.cos(side)[:, np.newaxis], np.sin(side)[:, np.newaxis]
    x, z = c * x + s * z, c * z - s * x
    return np.stack([x, y, z], axis=-1) + centre


def eye_centre(vertices: np.ndarray) -> np.ndarray:
    """Centres `[B, 3]` of the spheres that best fit eyeballs `[B, N, 3]`: linear least squares."""
    middle = vertices.mean(axis=1, keepdims=True)
    points = (vertices - middle).astype(np.float64)
    rows = np.concatenate([2 * points, np.ones_like(points[..., :1])], axis=-1)
    squares = np.sum(points**2, axis=-1, keepdims=True)
    transposed = rows.transpose(0, 2, 1)
    solution = np.linalg.solve(transposed @ rows, transposed @ squares)[:, :3, 0]
    return (solution + middle[:, 0]).astype(vertices.dtype)
