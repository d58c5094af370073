"""How people differ from MakeHuman's average, and by sex and age: means of its sliders."""

import functools
from collections.abc import Iterable

import numpy as np

_TENDENCY = {  # mean of a slider in a man (in a woman its opposite), what a child and the old add
    "chin/chin-bones": (0.30, -0.10, 0.0),
    "chin/chin-height": (0.07, -0.10, 0.0),
    "chin/chin-jaw-drop": (0.18, -0.15, 0.05),
    "chin/chin-prominent": (0.10, -0.15, 0.05),
    "chin/chin-triangle": (-0.10, 0.0, 0.0),
    "chin/chin-width": (0.26, -0.10, 0.0),
    "cheek/cheek-bones": (-0.08, -0.20, 0.15),
    "cheek/cheek-inner": (-0.10, 0.15, -0.15),
    "cheek/cheek-volume": (-0.05, 0.18, -0.25),
    "ears/ear-scale": (0.05, 0.0, 0.25),
    "eyebrows/eyebrows-trans-d": (0.22, -0.15, 0.05),
    "eyes/eye-bag": (0.0, -0.15, 0.35),
    "eyes/eye-height2": (-0.15, 0.12, -0.20),
    "eyes/eye-scale": (-0.28, 0.15, -0.15),
    "forehead/forehead-nubian": (-0.12, 0.25, 0.0),
    "forehead/forehead-temple": (-0.05, 0.15, -0.20),
    "head/head-age": (0.0, -0.10, 0.30),
    "head/head-oval": (-0.12, 0.05, 0.0),
    "head/head-rectangular": (0.08, -0.10, 0.0),
    "head/head-round": (-0.03, 0.15, 0.0),
    "head/head-square": (0.08, -0.10, 0.0),
    "mouth/mouth-laugh-lines": (0.0, -0.10, 0.35),
    "mouth/mouth-lowerlip-height": (-0.12, 0.05, -0.15),
    "mouth/mouth-lowerlip-volume": (-0.18, 0.05, -0.20),
    "mouth/mouth-scale-horiz": (0.08, -0.10, 0.0),
    "mouth/mouth-upperlip-height": (-0.15, 0.05, -0.20),
    "mouth/mouth-upperlip-volume": (-0.20, 0.05, -0.20),
    "nose/nose-curve": (0.08, -0.20, 0.0),
    "nose/nose-hump": (0.12, -0.15, 0.10),
    "nose/nose-scale-depth": (0.10, -0.15, 0.10),
    "nose/nose-scale-horiz": (0.20, 0.0, 0.10),
    "nose/nose-scale-vert": (0.10, -0.15, 0.10),
    "nose/nose-volume": (0.15, 0.0, 0.10),
}

_ALL = {  # mean in everybody: photographed mouths are wider and their lips thinner
    "mouth/mouth-lowerlip-height": -0.15,
    "mouth/mouth-scale-horiz": 0.30,
    "mouth/mouth-upperlip-height": -0.15,
}


def slider_means(names: Iterable[str], male: float, age: float) -> np.ndarray:
    """Means `[S]` of the sliders `names`.

    Args:
        names: of sliders, as "chin/chin-width" or "eyes/l-eye-scale".
        male: 0 (female) to 1; in children it hardly shows.
        age: MakeHuman's scale, see `identity.Identity`.
    """
    child = np.interp(age, [0.1875, 0.4], [1, 0])
    old = np.interp(age, [0.6, 1.0], [0, 1])
    table = _table(tuple(map(str, names)))
    return table @ [(2 * male - 1) * (1 - 0.7 * child), child, old, 1]


@functools.lru_cache(maxsize=2)
def _table(names):
    keys = [name.replace("/l-", "/").replace("/r-", "/") for name in names]
    return np.array([(*_TENDENCY.get(key, (0.0, 0.0, 0.0)), _ALL.get(key, 0.0)) for key in keys])
