"""Hairstyles: cuts of hair, how each person's differs, hats and scarves."""

from typing import NamedTuple

import numpy as np

PROCEDURAL = ("short", "curly", "fringe", "bob", "long")  # without a mesh, see `procedural`
CLOTH = ("scarf", "hood")  # instead of hair
HATS = ("beanie", "cap", "brim")  # over it
CHANCE = {  # (women, men); the others are meshes, see `meshes`
    "none": (0.005, 0.10),
    "short": (0.05, 0.26),
    "curly": (0.06, 0.05),
    "fringe": (0.05, 0.05),
    "bob": (0.05, 0.01),
    "long": (0.07, 0.02),
    "short01": (0.02, 0.13),
    "short02": (0.03, 0.20),
    "short03": (0.06, 0.01),
    "short04": (0.02, 0.15),
    "afro01": (0.03, 0.02),
    "bob01": (0.06, 0.005),
    "bob02": (0.12, 0.01),
    "long01": (0.24, 0.015),
    "ponytail01": (0.10, 0.01),
    "braid01": (0.05, 0.0),
    "scarf": (0.04, 0.0),
    "hood": (0.005, 0.015),
}
LONG = ("long", "long01", "braid01", "bob", "bob01", "bob02", "ponytail01")
_FRINGE = {"long01": 0.5, "ponytail01": 0.35, "bob02": 0.6, "long": 0.3, "bob": 0.3, "bob01": 0.15}


class Hairstyle(NamedTuple):
    """One person's hair and headgear. Angles are degrees, lengths decimetres.

    Attributes:
        kind: one of `CHANCE`.
        hat: one of `HATS`, or "".
        brow: where a hat ends on the forehead, from the crown; brows lie at about 118.
        thickness: of procedural hair above the skull.
        front: how much lower (positive) the edge of procedural hair lies on the forehead.
        part: turn of the parting; hair on the forehead is swept away from it.
        hang: how far it hangs below the skull's equator, at the sides and the back.
        opens: turn from which on it hangs.
        flare: how far hanging hair stands off.
        ragged: irregularity of its edge.
        wave: amplitude of curls.
        volume: size of a mesh over its own, about the skull.
        length: of what hangs of a mesh, over its own.
        tilt: of a mesh, positive lowers it on the forehead.
        lean: how far hanging hair drifts to one side for every dm that it hangs.
        mirrored: whether a mesh is.
        fringe: how many strands lie on the forehead.
        reach: where they end, from the crown.
        strands: how many hang beside and over the cheeks.
        contrast: of a mesh's strands, over their own.
        colour: `[3]` sRGB of the hair.
        cloth: `[3]` of hat, scarf or hood.
        neck: width of the neck over the mean's.
        seed: of the irregularities.
    """

    kind: str
    hat: str
    brow: float
    thickness: float
    front: float
    part: float
    hang: float
    opens: float
    flare: float
    ragged: float
    wave: float
    volume: float
    length: float
    tilt: float
    lean: float
    mirrored: bool
    fringe: int
    reach: float
    strands: int
    contrast: float
    colour: np.ndarray
    cloth: np.ndarray
    neck: float
    seed: int


def sample(
    random: np.random.Generator,
    male: bool,
    years: float,
    colour: np.ndarray,
    african: float = 0.0,
    child: bool = False,
) -> Hairstyle:
    """Draws a `Hairstyle`.

    Args:
        random: generator.
        male: whether a man.
        years: 0 at thirty to 1 in old age.
        colour: `[3]` of the hair.
        african: how much of that ancestry, 0 to 1.
        child: whether a child.
    """
    draw, kind = random.uniform, _kind(random, male, years, african, child)
    thickness, front, hang, opens, flare, ragged, wave = _proportions(random, kind)
    hat = ""
    if kind not in CLOTH and random.uniform() < 0.065:
        hat = HATS[random.choice(3, p=[0.35, 0.45, 0.2])]
    cloth = np.clip(draw(0.03, 0.85) + random.normal(0, 0.13, size=3), 0.02, 0.95)
    fringe = random.uniform() < _FRINGE.get(kind, 0.0) * (1.0 - 0.5 * african) and not hat
    strands = kind in LONG and random.uniform() < 0.5 and not hat
    return Hairstyle(
        kind=kind,
        hat=hat,
        brow=draw(82, 106),
        thickness=thickness,
        front=front,
        part=random.choice([-1, 1]) * draw(5, 40) if random.uniform() < 0.7 else 0.0,
        hang=hang,
        opens=opens,
        flare=flare,
        ragged=ragged,
        wave=wave,
        volume=draw(0.98, 1.10),
        length=np.exp(random.normal(0, 0.15)),
        tilt=random.normal(1.0, 3.0),
        lean=random.normal(0, 0.06),
        mirrored=bool(random.uniform() < 0.5),
        fringe=int(fringe * random.integers(14, 40)),
        reach=draw(92, 122),
        strands=int(strands * random.integers(2, 12)),
        contrast=draw(0.5, 1.2),
        colour=colour,
        cloth=cloth,
        neck=np.clip(random.normal(1.06 if male and not child else 0.86, 0.06), 0.75, 1.25),
        seed=int(random.integers(1 << 31)),
    )


def _kind(random, male, years, african, child):
    """One of `CHANCE`."""
    chance = {kind: both[int(male)] for kind, both in CHANCE.items()}
    chance["afro01"] *= 1 + 6 * african
    chance["curly"] *= 1 + 2 * african
    chance["short04"] *= 1 + african
    for kind in ("long01", "bob02", "short02", "short03"):  # straight
        chance[kind] *= 1 - 0.6 * african
    for kind in (*LONG, "fringe"):
        chance[kind] *= 1 - 0.6 * years
    for kind in ("short", "short03", "curly"):
        chance[kind] *= 1 + years
    if male:
        chance["none"] += 0.30 * years
    if child:
        chance["none"] = 0.0
    weights = np.array(list(chance.values()))
    return list(chance)[random.choice(len(weights), p=weights / weights.sum())]


def _proportions(random, kind):
    """Thickness, front, hang, opens, flare, ragged and wave of a `Hairstyle` of this kind."""
    draw = random.uniform
    return {
        "short": (draw(0.02, 0.14), draw(-6, 4), 0.0, 180.0, 0.0, draw(1, 4), draw(0, 0.02)),
        "curly": (draw(0.12, 0.42), draw(-3, 6), draw(0, 0.9), draw(70, 110), 0.1, 4.0, 0.04),
        "fringe": (draw(0.06, 0.14), draw(12, 40), draw(0, 0.5), draw(62, 85), 0.03, 3.5, 0.01),
        "bob": (draw(0.08, 0.16), draw(-4, 6), draw(0.5, 0.9), draw(58, 84), draw(0, 0.1), 3, 0.01),
        "long": (draw(0.06, 0.15), draw(-4, 5), draw(1, 1.9), draw(58, 95), draw(0, 0.12), 3, 0.02),
        "scarf": (0.09, draw(16, 34), 1.3, draw(46, 56), 0.02, 0.0, 0.01),
        "hood": (0.14, draw(-4, 14), 1.3, draw(60, 75), 0.05, 0.0, 0.02),
    }.get(kind, (0.03, 0.0, 0.0, 180.0, 0.0, 0.0, draw(0, 0.04)))
