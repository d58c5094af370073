"""What the face does: coupled expressions, a jaw that turns about its hinge, eyeballs that turn."""

from typing import NamedTuple

import numpy as np

THEMES = {
    "smile": 0.24,
    "frown": 0.10,
    "pucker": 0.09,
    "funnel": 0.07,
    "press": 0.08,
    "stretch": 0.08,
    "surprise": 0.08,
    "sneer": 0.07,
    "puff": 0.05,
    "none": 0.14,
}
JAW_LIMIT = 0.75  # 1 is a yawn that tears the painted mouth
MEETING_LIDS = 0.85  # the lids meet at 0.8; more folds them over each other
GAZE_DEGREES = {"side": 21.0, "up": 10.5, "down": 17.0}  # at weight 1


def sample(random, unit_names):
    """Draws the weights `[U]` of facial units, in [0, 1], of one coupled expression."""
    units = dict.fromkeys((str(name) for name in unit_names), 0.0)
    _mouth(random, units)
    _jaw(random, units)
    _brows(random, units)
    _eyes(random, units)
    return np.array([np.clip(units[str(name)], 0, 1) for name in unit_names], np.float32)


def _both(random, units, stem, weight):
    """Raises the left and the right unit of a pair, 15 % apart."""
    for side in ("Left", "Right"):
        value = weight * np.clip(random.normal(1, 0.15), 0.5, 1.5)
        units[stem + side] = max(units[stem + side], value)


def _mouth(random, units):
    theme = random.choice(list(THEMES), p=list(THEMES.values()))
    weight = random.beta(1.6, 1.6)
    extra = random.uniform(size=4)
    if theme == "smile":
        _both(random, units, "mouthSmile", 0.85 * weight)
        _both(random, units, "cheekSquint", 0.6 * weight * extra[0])
        _both(random, units, "eyeSquint", 0.4 * weight * extra[1])
        _both(random, units, "mouthUpperUp", 0.5 * weight * extra[2])
        _both(random, units, "mouthLowerDown", 0.35 * weight * extra[3])
    elif theme == "frown":
        _both(random, units, "mouthFrown", weight)
        units["mouthShrugLower"] = 0.5 * weight * extra[0]
        _both(random, units, "browDown", 0.4 * weight * extra[1])
    elif theme in ("pucker", "funnel"):
        units["mouth" + theme.capitalize()] = weight
    elif theme == "press":
        _both(random, units, "mouthPress", weight)
        units["mouthRollLower"] = 0.6 * weight * extra[0]
        units["mouthRollUpper"] = 0.6 * weight * extra[1]
    elif theme == "stretch":
        _both(random, units, "mouthStretch", weight)
        _both(random, units, "mouthLowerDown", 0.6 * weight * extra[0])
    elif theme == "surprise":
        units["jawOpen"] = 0.6 * weight
        units["browInnerUp"] = weight
        _both(random, units, "browOuterUp", weight)
        _both(random, units, "eyeWide", 0.8 * weight)
    elif theme == "sneer":
        _both(random, units, "noseSneer", weight)
        _both(random, units, "mouthUpperUp", 0.7 * weight)
        _both(random, units, "browDown", 0.6 * weight * extra[0])
    elif theme == "puff":
        units["cheekPuff"] = weight
        _both(random, units, "mouthPress", 0.4 * weight)
    if extra[3] < 0.12:  # askew
        side = random.choice(["Left", "Right"])
        units["mouth" + side] = 0.6 * random.beta(1, 2)
        units["jaw" + side] = 0.6 * random.beta(1, 2)
    if theme == "smile" and extra[0] < 0.15:  # a smirk
        units["mouthSmile" + random.choice(["Left", "Right"])] *= 0.25


def _jaw(random, units):
    if random.uniform() < 0.65 and units["cheekPuff"] == 0:
        units["jawOpen"] = max(units["jawOpen"], random.beta(0.7, 2.2))
    units["jawOpen"] = min(units["jawOpen"], JAW_LIMIT)
    if random.uniform() < 0.2:
        units["mouthClose"] = units["jawOpen"] * random.uniform()
    if random.uniform() < 0.08:
        units["jawForward"] = random.beta(1.2, 2)


def _brows(random, units):
    if random.uniform() < 0.35:
        if random.uniform() < 0.5:
            _both(random, units, "browDown", random.beta(1.3, 1.5))
        else:
            units["browInnerUp"] = max(units["browInnerUp"], random.beta(1.3, 1.5))
            _both(random, units, "browOuterUp", random.beta(1.3, 1.8))


def _eyes(random, units):
    side, up = random.normal(0, 0.3), random.normal(0, 0.25)
    side, up = np.clip(side, -1, 1), np.clip(up, -1, 1)
    left, right = ("Out", "In") if side > 0 else ("In", "Out")
    units[f"eyeLook{left}Left"] = units[f"eyeLook{right}Right"] = abs(side)
    vertical = "Up" if up > 0 else "Down"
    units[f"eyeLook{vertical}Left"] = units[f"eyeLook{vertical}Right"] = abs(up)
    chance = random.uniform()
    if chance < 0.12:
        _both(random, units, "eyeBlink", random.uniform(0.6, 1))
    elif chance < 0.40:
        _both(random, units, "eyeBlink", random.uniform(0, 0.4))
    if chance < 0.02:
        units["eyeBlink" + random.choice(["Left", "Right"])] = 0.0
    for name in ("Left", "Right"):
        closing = MEETING_LIDS - 0.9 * units["eyeLookDown" + name]
        units["eyeBlink" + name] = min(units["eyeBlink" + name], max(closing, 0))
        units["eyeWide" + name] *= units["eyeBlink" + name] == 0


class Muscles(NamedTuple):
    """How units move vertices; made once by `muscles`.

    Attributes:
        units: `[U, V, 3]`, 0 on eyeballs.
        where: name -> index of a unit.
        jaw_weight: `[V]`, how much of the jaw's turn a vertex follows.
        jaw_hinge: `[3]`; the jaw turns about the x axis through it.
        jaw_angle: radians at weight 1.
        eyes: ids of the vertices of the (subject's) left and right eyeball.
    """

    units: np.ndarray
    where: dict
    jaw_weight: np.ndarray
    jaw_hinge: np.ndarray
    jaw_angle: float
    eyes: tuple


def muscles(population, basis):
    """The `Muscles` of a population and its `identity.Basis`."""
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
    )


def apply(neutral, weights, muscles):
    """Moves neutral vertices `[B, V, 3]` by unit weights `[B, U]`: `[B, V, 3]`.

    Linear but for two turns: the jaw follows an arc that meets the straight target at weight 0 and
    1, and the eyeballs turn about their centres.
    """
    weights = np.asarray(weights, np.float32)
    flat = muscles.units.reshape(len(muscles.units), -1)
    moved = neutral + (weights @ flat).reshape(neutral.shape)
    opening = weights[:, muscles.where["jawOpen"]]
    moved = moved + _jaw_arc(neutral, opening, muscles)
    for name, ids in zip(("Left", "Right"), muscles.eyes, strict=True):
        moved[:, ids] = turn_eye(neutral[:, ids], *gaze(weights, name, muscles.where))
    return moved


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


def gaze(weights, name, where):
    """Angles of the "Left" or "Right" eye in radians `[B]`: to the subject's left, and up."""
    look = {way: weights[:, where[f"eyeLook{way}{name}"]] for way in ("In", "Out", "Up", "Down")}
    side = (look["Out"] - look["In"]) * (1 if name == "Left" else -1)
    up = GAZE_DEGREES["up"] * look["Up"] - GAZE_DEGREES["down"] * look["Down"]
    return np.radians(GAZE_DEGREES["side"] * side), np.radians(up)


def turn_eye(vertices, side, up):
    """Turns eyeballs `[B, N, 3]` about their centres by angles `[B]`."""
    centre = eye_centre(vertices)[:, np.newaxis]
    x, y, z = np.moveaxis(vertices - centre, -1, 0)
    c, s = np.cos(up)[:, np.newaxis], np.sin(up)[:, np.newaxis]
    y, z = c * y + s * z, c * z - s * y
    c, s = np.cos(side)[:, np.newaxis], np.sin(side)[:, np.newaxis]
    x, z = c * x + s * z, c * z - s * x
    return np.stack([x, y, z], axis=-1) + centre


def eye_centre(vertices):
    """Centres `[B, 3]` of the spheres that best fit eyeballs `[B, N, 3]`: linear least squares."""
    middle = vertices.mean(axis=1, keepdims=True)
    points = (vertices - middle).astype(np.float64)
    rows = np.concatenate([2 * points, np.ones_like(points[..., :1])], axis=-1)
    squares = np.sum(points**2, axis=-1, keepdims=True)
    transposed = rows.transpose(0, 2, 1)
    solution = np.linalg.solve(transposed @ rows, transposed @ squares)[:, :3, 0]
    return (solution + middle[:, 0]).astype(vertices.dtype)
