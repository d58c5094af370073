"""How a person looks beside the shape: pigments, hair, eyes, age's marks, make-up."""

from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces.accessories import eyewear
from tf_nonlinear3dmm.data.builders.synthetic_faces.hair import styles
from tf_nonlinear3dmm.data.builders.synthetic_faces.people import eyebrows, palettes
from tf_nonlinear3dmm.data.builders.synthetic_faces.people.identity import RACES, Identity
from tf_nonlinear3dmm.data.builders.synthetic_faces.skin import complexion

_BEARDS = {"shaven": 0.30, "shadow": 0.26, "stubble": 0.20, "full": 0.10, "goatee": 0.06}
_BEARDS |= {"moustache": 0.08}
_BEARD_DENSITY = {"shaven": 0.0, "shadow": 0.28, "stubble": 0.55, "full": 0.95, "goatee": 0.9}
_BEARD_DENSITY |= {"moustache": 0.95}
_CHILD = 0.33  # MakeHuman's age below which nobody has a beard or wears make-up


class Appearance(NamedTuple):
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
    style: styles.Hairstyle
    glasses: eyewear.Glasses
    freckles: float
    spots: float  # of age
    blemishes: float
    moles: np.ndarray  # [K, 3] place u, v on the map, radius
    wrinkles: np.ndarray  # [5] forehead, crow's feet, nasolabial, marionette, bags
    dark_circles: float
    hair: np.ndarray  # [3]
    scalp_cover: float  # cover on the scalp; 0: bald
    hair_gloss: float  # drawn and not used: the records of 2.0.0 stay
    hairline: np.ndarray  # [4] height, peak, temples, sideburn length
    brow: eyebrows.Eyebrow
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
    noise_offset: int  # where in the noise tiles this person's skin lies


def sample(random: np.random.Generator, identity: Identity) -> Appearance:
    """Draws the `Appearance` of a person of this `Identity`."""
    race = dict(zip(RACES, identity.race, strict=True))
    # 0 at 30, 1 at the end of the scale
    years = float(np.clip((identity.age - 0.55) / 0.45, 0, 1))
    male = random.uniform() < identity.male
    child = identity.age < _CHILD
    tint, brow_tint = palettes.draw_hair(random, race, years)
    style = styles.sample(random, male, years, tint, race["african"], child)
    melanin = sum(w**1.5 * random.uniform(*palettes.MELANIN[name]) for name, w in race.items())
    melanin /= sum(w**1.5 for w in race.values())
    melanin = float(np.clip(melanin + random.normal(0, 0.03), 0, 1.4))
    makeup = (not male) * (not child) * (random.uniform() < 0.5)
    beard = random.choice(list(_BEARDS), p=list(_BEARDS.values())) if male else "shaven"
    if child:
        beard = "shaven"
    weathered = min(years**0.8 * random.uniform(0.6, 1.35), 1.2)
    skins, shares = complexion.sample(random, identity.race, male, identity.age)
    drawn = Appearance(
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
        scalp_cover=_scalp_cover(random, style),
        hair_gloss=random.uniform(0.05, 0.35),
        style=style,
        glasses=eyewear.sample(random, years),
        hairline=_hairline(random, male, years),
        brow=eyebrows.sample(random, male, years),
        brow_colour=np.clip(0.75 * brow_tint + 0.02 + random.normal(0, 0.015), 0.03, 0.5),
        beard=str(beard),
        beard_density=_BEARD_DENSITY[beard] * random.uniform(0.7, 1.05),
        beard_line=random.normal(0, 0.05),
        beard_colour=np.clip(0.8 * tint + random.normal(0, 0.02), 0.03, 0.8),
        iris=palettes.draw(random, race, palettes.IRIS_CHANCE, palettes.IRIS)
        * random.uniform(0.75, 1.2),
        pupil=random.uniform(0.3, 0.52),
        sclera=random.beta(1.5, 3) + 0.3 * weathered,
        lashes=random.uniform(0.35, 0.8) if male else random.uniform(0.55, 1.0),
        liner=makeup * (random.uniform() < 0.6) * random.uniform(0.3, 1),
        eye_shadow=makeup * (random.uniform() < 0.5) * random.uniform(0.2, 0.8),
        eye_shadow_colour=np.array(palettes.EYE_SHADOW[random.integers(len(palettes.EYE_SHADOW))]),
        lipstick=makeup * (random.uniform() < 0.7) * random.uniform(0.3, 0.9),
        lipstick_colour=np.array(palettes.LIPSTICK[random.integers(len(palettes.LIPSTICK))]),
        blush=makeup * (random.uniform() < 0.5) * random.uniform(0.2, 0.9),
        teeth=random.beta(1.5, 3),
        noise_offset=int(random.integers(1 << 31)),
    )
    return _single(drawn)


def _single(fields):
    """A named tuple with its arrays in single precision and its numbers as Python's."""

    def convert(value):
        if isinstance(value, tuple):
            return _single(value)
        if isinstance(value, np.ndarray):
            return value.astype(np.float32) if value.dtype.kind == "f" else value
        return float(value) if isinstance(value, np.floating) else value

    return type(fields)(*(convert(value) for value in fields))


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


def bald(person: Appearance) -> Appearance:
    """`person` without hair and glasses, for faces that these do not fit."""
    return person._replace(
        style=person.style._replace(kind="none", hat=""),
        glasses=person.glasses._replace(worn=False),
    )


def bare(person: Appearance) -> Appearance:
    """`person` shaven and without make-up, as people are scanned."""
    nothing = {"liner": 0.0, "eye_shadow": 0.0, "lipstick": 0.0, "blush": 0.0}
    return person._replace(beard="shaven", beard_density=0.0, **nothing)
