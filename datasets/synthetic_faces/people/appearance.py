"""How a person looks beside the shape: pigments, hair, eyes, age's marks, make-up."""

from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces import complexion, eyewear, hair

HAIR = {  # sRGB
    "black": (0.075, 0.065, 0.065),
    "dark brown": (0.165, 0.11, 0.08),
    "brown": (0.29, 0.19, 0.125),
    "light brown": (0.42, 0.30, 0.20),
    "blond": (0.66, 0.52, 0.34),
    "red": (0.46, 0.21, 0.10),
    "grey": (0.52, 0.51, 0.50),
    "white": (0.80, 0.79, 0.77),
}
HAIR_CHANCE = {  # by race: black .. red, without the greys of age
    "african": (0.80, 0.17, 0.02, 0.00, 0.01, 0.00),
    "asian": (0.72, 0.23, 0.04, 0.005, 0.005, 0.00),
    "caucasian": (0.10, 0.30, 0.27, 0.15, 0.13, 0.05),
}
IRIS = {
    "dark brown": (0.16, 0.09, 0.06),
    "brown": (0.30, 0.17, 0.09),
    "hazel": (0.38, 0.29, 0.15),
    "green": (0.33, 0.40, 0.26),
    "blue": (0.32, 0.46, 0.58),
    "grey": (0.44, 0.50, 0.53),
}
IRIS_CHANCE = {
    "african": (0.85, 0.14, 0.01, 0.0, 0.0, 0.0),
    "asian": (0.72, 0.27, 0.01, 0.0, 0.0, 0.0),
    "caucasian": (0.14, 0.27, 0.15, 0.11, 0.23, 0.10),
}
MELANIN = {"african": (0.40, 1.25), "asian": (0.02, 0.38), "caucasian": (-0.04, 0.20)}
BEARDS = {"shaven": 0.30, "shadow": 0.26, "stubble": 0.20, "full": 0.10, "goatee": 0.06}
BEARDS |= {"moustache": 0.08}
BEARD_DENSITY = {"shaven": 0.0, "shadow": 0.28, "stubble": 0.55, "full": 0.95, "goatee": 0.9}
BEARD_DENSITY |= {"moustache": 0.95}
LIPSTICK = ((0.62, 0.12, 0.16), (0.72, 0.26, 0.30), (0.55, 0.22, 0.24), (0.80, 0.36, 0.40))
LIPSTICK += ((0.45, 0.10, 0.18), (0.70, 0.38, 0.30), (0.36, 0.10, 0.14))
SHADOW = ((0.35, 0.24, 0.22), (0.30, 0.30, 0.40), (0.42, 0.30, 0.34), (0.22, 0.20, 0.20))


class Brow(NamedTuple):
    """The shape of an eyebrow; lengths in decimetres, places along it 0 (inner) to 1 (outer)."""

    density: float
    width: float  # half of its height
    lift: float  # above the ridge
    arch: float
    tilt: float  # how much higher its outer end lies
    peak: float  # place of the arch
    start: float
    length: float
    ragged: float  # 0 plucked to 1 bushy
    seed: int


CHILD = 0.33  # MakeHuman's age below which nobody has a beard or wears make-up


class Look(NamedTuple):
    """One person's colours; fractions lie in [0, 1], colours are sRGB, lengths decimetres."""

    skins: np.ndarray  # [3] photographic skins of the mixture
    skin_shares: np.ndarray  # [3] sum 1
    melanin: float
    haemoglobin: float  # of the skin at rest
    warmth: float  # -1 cool to 1 warm undertone
    oiliness: float  # strength of the highlights
    mottling: float  # of the skin's colour
    redness: np.ndarray  # [4] cheeks, nose, ears, eyes
    lip: float
    style: hair.Style
    glasses: eyewear.Glasses
    freckles: float
    spots: float  # of age
    blemishes: float
    moles: np.ndarray  # [K, 3] place u, v on the map, radius
    wrinkles: np.ndarray  # [5] forehead, crow's feet, nasolabial, marionette, bags
    dark_circles: float
    hair: np.ndarray  # [3]
    hair_paint: float  # cover on the scalp; 0: bald
    hair_gloss: float
    hairline: np.ndarray  # [4] height, peak, temples, sideburn length
    brow: Brow
    brow_colour: np.ndarray
    beard: str
    beard_density: float
    beard_line: float  # height of its edge on the cheeks
    beard_colour: np.ndarray
    iris: np.ndarray  # [3]
    pupil: float  # radius over the iris'
    sclera: float  # redness and yellowness
    lashes: float
    liner: float
    eye_shadow: float
    eye_shadow_colour: np.ndarray
    lipstick: float
    lipstick_colour: np.ndarray
    blush: float
    teeth: float  # yellowness
    noise: int  # where in the noise tiles this person's skin lies


def sample(random, person):
    """Draws the `Look` of an `identity.Identity`."""
    race = dict(zip(("african", "asian", "caucasian"), person.race, strict=True))
    # 0 at 30, 1 at the end of the scale
    years = float(np.clip((person.age - 0.55) / 0.45, 0, 1))
    male = random.uniform() < person.male
    child = person.age < CHILD
    tint, brow_tint = _hair_colours(random, race, years)
    style = hair.sample(random, male, years, tint, race["african"], child)
    melanin = sum(w**1.5 * random.uniform(*MELANIN[name]) for name, w in race.items())
    melanin /= sum(w**1.5 for w in race.values())
    melanin = float(np.clip(melanin + random.normal(0, 0.03), 0, 1.4))
    makeup = (not male) * (not child) * (random.uniform() < 0.5)
    beard = random.choice(list(BEARDS), p=list(BEARDS.values())) if male else "shaven"
    if child:
        beard = "shaven"
    weathered = min(years**0.8 * random.uniform(0.6, 1.35), 1.2)
    skins, shares = complexion.sample(random, person.race, male, person.age)
    drawn = Look(
        skins=skins,
        skin_shares=shares,
        melanin=melanin,
        haemoglobin=random.uniform(0.25, 1.0),
        warmth=random.normal(0, 0.45),
        oiliness=random.beta(1.5, 2.5),
        mottling=random.uniform(0.5, 1.3) + 0.5 * weathered,
        redness=random.beta(1.2, 2.5, size=4) * (1 + 0.5 * weathered),
        lip=random.uniform(0.25, 1) * (0.6 if male else 1),
        freckles=(random.uniform() < 0.30 * (1 - melanin) ** 2) * random.beta(1.5, 1.5),
        spots=weathered * random.beta(1.2, 2),
        blemishes=(random.uniform() < 0.25) * random.beta(1.2, 2.5),
        moles=random.uniform((0.25, 0.2, 0.006), (0.75, 0.9, 0.016), size=(random.poisson(1.6), 3)),
        wrinkles=np.clip(weathered * random.uniform(0.45, 1.25, size=5), 0, 1),
        dark_circles=random.beta(1.2, 2.5) + 0.3 * weathered,
        hair=tint,
        hair_paint=_scalp_cover(random, style),
        hair_gloss=random.uniform(0.05, 0.35),
        style=style,
        glasses=eyewear.sample(random, years),
        hairline=_hairline(random, male, years),
        brow=_brow(random, male, years),
        brow_colour=np.clip(0.75 * brow_tint + 0.02 + random.normal(0, 0.015), 0.03, 0.5),
        beard=str(beard),
        beard_density=BEARD_DENSITY[beard] * random.uniform(0.7, 1.05),
        beard_line=random.normal(0, 0.05),
        beard_colour=np.clip(0.8 * tint + random.normal(0, 0.02), 0.03, 0.8),
        iris=_pick(random, race, IRIS_CHANCE, IRIS) * random.uniform(0.75, 1.2),
        pupil=random.uniform(0.3, 0.52),
        sclera=random.beta(1.5, 3) + 0.3 * weathered,
        lashes=random.uniform(0.35, 0.8) if male else random.uniform(0.55, 1.0),
        liner=makeup * (random.uniform() < 0.6) * random.uniform(0.3, 1),
        eye_shadow=makeup * (random.uniform() < 0.5) * random.uniform(0.2, 0.8),
        eye_shadow_colour=np.array(SHADOW[random.integers(len(SHADOW))]),
        lipstick=makeup * (random.uniform() < 0.7) * random.uniform(0.3, 0.9),
        lipstick_colour=np.array(LIPSTICK[random.integers(len(LIPSTICK))]),
        blush=makeup * (random.uniform() < 0.5) * random.uniform(0.2, 0.9),
        teeth=random.beta(1.5, 3),
        noise=int(random.integers(1 << 31)),
    )
    return single(drawn)


def single(fields):
    """A named tuple with its arrays in single precision and its numbers as Python's."""

    def convert(value):
        if isinstance(value, tuple):
            return single(value)
        if isinstance(value, np.ndarray):
            return value.astype(np.float32) if value.dtype.kind == "f" else value
        return float(value) if isinstance(value, np.floating) else value

    return type(fields)(*(convert(value) for value in fields))


def plain(look):
    """`look` without anything that differs from left to right or texel to texel."""
    return look._replace(
        skin_shares=np.zeros_like(look.skin_shares),
        mottling=0.0,
        freckles=0.0,
        spots=0.0,
        blemishes=0.0,
        moles=np.zeros([0, 3]),
    )


def _pick(random, race, chances, colours):
    """One of `colours`, its chance the mix of the races' chances."""
    names = list(colours)
    chance = np.zeros(len(names))
    for name, weight in race.items():
        chance[: len(chances[name])] += weight * np.asarray(chances[name])
    return np.asarray(colours[names[random.choice(len(names), p=chance / chance.sum())]])


def _hair_colours(random, race, years):
    """Colours `[3]` of hair and brows; brows turn grey late."""
    colour = _pick(random, race, HAIR_CHANCE, HAIR) * random.uniform(0.8, 1.2)
    grey = np.clip(years * 1.5 - 0.5 + random.normal(0, 0.25), 0, 1) if years > 0.1 else 0.0
    target = np.asarray(HAIR["grey" if random.uniform() < 0.6 else "white"])
    brow_grey = grey * random.uniform(0.1, 0.8)
    return tuple(
        np.clip((1 - part) * colour + part * target, 0.03, 0.9) for part in (grey, brow_grey)
    )


def _scalp_cover(random, style):
    """How densely hair grows on the scalp: shaven and bald heads have little."""
    if style.kind == "none":
        return random.choice([0.0, 0.15, 0.45, 0.9], p=[0.35, 0.2, 0.2, 0.25])
    return 0.0 if style.kind == "scarf" else 1.0


def _hairline(random, male, years):
    height = random.normal(0.0, 0.04)
    temples = random.beta(1.2, 3) * (0.06 + 0.16 * years * male)
    burns = random.uniform(0.0, 0.25) if male else random.uniform(-0.1, 0.08)
    return np.array([height, random.normal(0, 0.02), temples, burns])


def _brow(random, male, years):
    full = random.beta(2, 2) + 0.25 * male
    return Brow(
        density=random.uniform(0.6, 1.0) * (1 - 0.3 * years * random.uniform()),
        width=(0.016 + 0.024 * full) * random.uniform(0.85, 1.15),
        lift=random.normal(-0.012, 0.008),
        arch=max(random.normal(0.006 if male else 0.022, 0.014), -0.005),
        tilt=random.normal(0.0, 0.010),
        peak=random.uniform(0.5, 0.75),
        start=random.normal(0.0, 0.07),
        length=random.uniform(0.82, 1.08),
        ragged=random.beta(2, 2) * (1.0 if male else 0.6) + 0.3 * years,
        seed=int(random.integers(1 << 31)),
    )


def bald(look):
    """`look` without hair and glasses, for faces that these do not fit."""
    return look._replace(
        style=look.style._replace(kind="none", hat=""), glasses=look.glasses._replace(worn=False)
    )


def bare(look):
    """`look` shaven and without make-up, as people are scanned."""
    nothing = {"liner": 0.0, "eye_shadow": 0.0, "lipstick": 0.0, "blush": 0.0}
    return look._replace(beard="shaven", beard_density=0.0, **nothing)
