"""What the face does: coupled units of expression, at the rates of photographs."""

from collections.abc import Iterable

import numpy as np

from tf_nonlinear3dmm.face.muscles import GAZE_DEGREES

SIDES = ("Left", "Right")
ASKEW = 0.12  # of the faces
SMIRK = 0.15  # of the smiles
CLOSED, WINK = 0.04, 0.012  # of the faces: both eyes, and one
HALF_CLOSED, LOWERED = 0.07, 0.20
GAZE_SD_DEG, UPWARDS_SD_DEG = 12.0, 6.0
SIDE_LOOK = 0.08  # of the faces look far to one side


def sample(random: np.random.Generator, unit_names: Iterable[str]) -> np.ndarray:
    """Draws the weights `[U]` of facial units, in [0, 1], of one coupled expression.

    A weight of 1 of `eyeBlink` closes the eye; of `eyeLook`, turns it by `GAZE_DEGREES`.
    """
    units = dict.fromkeys((str(name) for name in unit_names), 0.0)
    theme = random.choice(list(THEMES), p=[chance for _, chance in THEMES.values()])
    THEMES[theme][0](random, units, random.beta(1.6, 1.3))
    _mouth(random, units)
    _brows(random, units)
    _gaze(random, units)
    _lids(random, units)
    return np.array([np.clip(units[str(name)], 0, 1) for name in unit_names], np.float32)


def _both(random, units, stem, weight):
    """Raises the left and the right unit of a pair, 15 % apart."""
    for side in SIDES:
        value = weight * np.clip(random.normal(1, 0.15), 0.5, 1.5)
        units[stem + side] = max(units[stem + side], value)


def _smile(random, units, weight):
    """Of any strength, two in three with teeth."""
    extra = random.uniform(size=4)
    _both(random, units, "mouthSmile", 0.15 + 0.75 * weight)
    _both(random, units, "cheekSquint", 0.7 * weight * extra[0])
    _both(random, units, "eyeSquint", 0.45 * weight * extra[1])
    if random.uniform() < 0.65:
        _both(random, units, "mouthUpperUp", (0.25 + 0.5 * weight) * extra[2])
        _both(random, units, "mouthLowerDown", (0.15 + 0.6 * weight) * extra[3])
        units["jawOpen"] = 0.25 * random.beta(1, 2.5)
    if random.uniform() < SMIRK:
        units["mouthSmile" + random.choice(SIDES)] *= random.uniform(0, 0.35)


def _laugh(random, units, weight):
    """Teeth, cheeks up, eyes nearly shut."""
    _both(random, units, "mouthSmile", 0.6 + 0.3 * weight)
    _both(random, units, "cheekSquint", 0.5 + 0.5 * weight)
    _both(random, units, "eyeSquint", random.uniform(0.2, 0.8))
    _both(random, units, "eyeBlink", random.uniform(0, 0.5))
    _both(random, units, "mouthUpperUp", random.uniform(0.3, 0.8))
    _both(random, units, "mouthLowerDown", random.uniform(0.1, 0.6))
    units["jawOpen"] = random.uniform(0.1, 0.5)


def _none(random, units, weight):
    if random.uniform() < 0.3:
        units["jawOpen"] = 0.15 * weight


def _talk(random, units, weight):
    units["jawOpen"] = 0.05 + 0.4 * weight
    _both(random, units, "mouthLowerDown", 0.5 * random.uniform())
    _both(random, units, "mouthUpperUp", 0.4 * random.uniform())
    if random.uniform() < 0.3:
        units["mouthFunnel"] = 0.5 * random.uniform()


def _scream(random, units, weight):
    """A mouth wide open, in joy, fear or anger."""
    units["jawOpen"] = 0.55 + 0.45 * weight
    _both(random, units, "mouthUpperUp", 0.7 * random.uniform())
    _both(random, units, "mouthLowerDown", 0.7 * random.uniform())
    kind = random.choice(["eyeWide", "eyeSquint", "noseSneer", "mouthStretch"])
    _both(random, units, kind, random.uniform(0.3, 1))


def _pucker(random, units, weight):
    units["mouthPucker"] = 0.3 + 0.7 * weight


def _funnel(random, units, weight):
    units["mouthFunnel"] = 0.2 + 0.8 * weight
    units["jawOpen"] = 0.5 * random.beta(1, 1.5)


def _frown(random, units, weight):
    _both(random, units, "mouthFrown", weight)
    units["mouthShrugLower"] = 0.6 * random.uniform()
    _both(random, units, "browDown", 0.7 * random.uniform())


def _press(random, units, weight):
    _both(random, units, "mouthPress", weight)
    units["mouthRollLower"], units["mouthRollUpper"] = 0.7 * weight * random.uniform(size=2)


def _stretch(random, units, weight):
    _both(random, units, "mouthStretch", weight)
    _both(random, units, "mouthLowerDown", 0.7 * random.uniform())
    units["jawOpen"] = 0.3 * random.uniform()


def _surprise(random, units, weight):
    units["jawOpen"] = 0.7 * weight
    units["browInnerUp"] = 0.3 + 0.7 * weight
    _both(random, units, "browOuterUp", 0.3 + 0.7 * weight)
    _both(random, units, "eyeWide", weight)


def _sneer(random, units, weight):
    _both(random, units, "noseSneer", 0.3 + 0.7 * weight)
    _both(random, units, "mouthUpperUp", 0.7 * weight)
    _both(random, units, "browDown", 0.7 * random.uniform())
    if random.uniform() < 0.4:
        side = random.choice(SIDES)
        units["noseSneer" + side] *= 0.2
        units["mouthUpperUp" + side] *= 0.1


def _puff(random, units, weight):
    units["cheekPuff"] = 0.3 + 0.7 * weight
    _both(random, units, "mouthPress", 0.4 * random.uniform())


def _mouth(random, units):
    """What any mouth may do besides: go to one side, forward, or close over an open jaw."""
    if random.uniform() < ASKEW:
        side = random.choice(SIDES)
        units["mouth" + side], units["jaw" + side] = 0.8 * random.beta(1, 2, size=2)
    if random.uniform() < 0.06:
        units["jawForward"] = random.beta(1.2, 2)
    if random.uniform() < 0.1 and units["jawOpen"] < 0.4:
        units["mouthClose"] = units["jawOpen"] * random.uniform()


def _brows(random, units):
    chance, weight = random.uniform(), random.beta(1.3, 1.5)
    if chance < 0.15:
        _both(random, units, "browDown", weight)
    elif chance < 0.30:
        units["browInnerUp"] = max(units["browInnerUp"], weight)
        _both(random, units, "browOuterUp", random.beta(1.3, 1.8))
    elif chance < 0.34:
        units["browOuterUp" + random.choice(SIDES)] = weight


def _gaze(random, units):
    """Both eyes look the same way."""
    side, up = random.normal(0, GAZE_SD_DEG), random.normal(0, UPWARDS_SD_DEG)
    if random.uniform() < SIDE_LOOK:
        side = random.choice([-1, 1]) * random.uniform(18, GAZE_DEGREES["side"])
    left, right = ("Out", "In") if side > 0 else ("In", "Out")
    turn = min(abs(side) / GAZE_DEGREES["side"], 1)
    units[f"eyeLook{left}Left"] = units[f"eyeLook{right}Right"] = turn
    vertical = "Up" if up > 0 else "Down"
    turn = min(abs(up) / GAZE_DEGREES[vertical.lower()], 1)
    units[f"eyeLook{vertical}Left"] = units[f"eyeLook{vertical}Right"] = turn


def _lids(random, units):
    """Eyes that are shut, on their way there, or open; a shut eye is not wide."""
    closed, wink, half, lowered = np.cumsum([CLOSED, WINK, HALF_CLOSED, LOWERED])
    chance = random.uniform()
    if chance < closed:
        units["eyeBlinkLeft"] = units["eyeBlinkRight"] = 1.0
    elif chance < wink:
        units["eyeBlink" + random.choice(SIDES)] = 1.0
    elif chance < half:
        _both(random, units, "eyeBlink", random.uniform(0.3, 0.7))
    elif chance < lowered:
        _both(random, units, "eyeBlink", random.uniform(0, 0.3))
    for side in SIDES:
        units["eyeWide" + side] *= units["eyeBlink" + side] == 0


THEMES = {  # what the mouth does, and its chance
    "smile": (_smile, 0.42),
    "laugh": (_laugh, 0.08),
    "none": (_none, 0.16),
    "talk": (_talk, 0.07),
    "scream": (_scream, 0.03),
    "pucker": (_pucker, 0.04),
    "funnel": (_funnel, 0.03),
    "frown": (_frown, 0.04),
    "press": (_press, 0.04),
    "stretch": (_stretch, 0.03),
    "surprise": (_surprise, 0.03),
    "sneer": (_sneer, 0.02),
    "puff": (_puff, 0.01),
}
