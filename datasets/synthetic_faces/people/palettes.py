"""Colours of hair, eyes and make-up (sRGB), and how common each is by ancestry."""

import numpy as np

_HAIR = {
    "black": (0.075, 0.065, 0.065),
    "dark brown": (0.165, 0.11, 0.08),
    "brown": (0.29, 0.19, 0.125),
    "light brown": (0.42, 0.30, 0.20),
    "blond": (0.66, 0.52, 0.34),
    "red": (0.46, 0.21, 0.10),
    "grey": (0.52, 0.51, 0.50),
    "white": (0.80, 0.79, 0.77),
}
_HAIR_CHANCE = {  # by race: black .. red, without the greys of age
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
LIPSTICK = ((0.62, 0.12, 0.16), (0.72, 0.26, 0.30), (0.55, 0.22, 0.24), (0.80, 0.36, 0.40))
LIPSTICK += ((0.45, 0.10, 0.18), (0.70, 0.38, 0.30), (0.36, 0.10, 0.14))
EYE_SHADOW = ((0.35, 0.24, 0.22), (0.30, 0.30, 0.40), (0.42, 0.30, 0.34), (0.22, 0.20, 0.20))


def draw(
    random: np.random.Generator,
    race: dict[str, float],
    chances: dict[str, tuple],
    colours: dict[str, tuple],
) -> np.ndarray:
    """One of `colours` `[3]`, its chance the mix of the races' chances."""
    names = list(colours)
    chance = np.zeros(len(names))
    for name, weight in race.items():
        chance[: len(chances[name])] += weight * np.asarray(chances[name])
    return np.asarray(colours[names[random.choice(len(names), p=chance / chance.sum())]])


def draw_hair(
    random: np.random.Generator, race: dict[str, float], years: float
) -> tuple[np.ndarray, ...]:
    """Colours `[3]` of hair and brows; brows turn grey late."""
    colour = draw(random, race, _HAIR_CHANCE, _HAIR) * random.uniform(0.8, 1.2)
    grey = np.clip(years * 1.5 - 0.5 + random.normal(0, 0.25), 0, 1) if years > 0.1 else 0.0
    target = np.asarray(_HAIR["grey" if random.uniform() < 0.6 else "white"])
    brow_grey = grey * random.uniform(0.1, 0.8)
    return tuple(
        np.clip((1 - part) * colour + part * target, 0.03, 0.9) for part in (grey, brow_grey)
    )
