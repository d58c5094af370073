"""Who: identities drawn from MakeHuman's population.

Race, sex, age, muscle and weight, 137 sliders and 50 asymmetries; `targets` makes a mesh of them.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces.people import traits
from tf_nonlinear3dmm.face import Population

RACES = ("african", "asian", "caucasian")
STRENGTH = 0.8  # of sliders and asymmetries; 1 makes caricatures
_ONE_SIDED = (
    "head-diamond",
    "head-inverted",
    "head-oval",
    "head-rect",
    "head-round",
    "head-square",
)
_ONE_SIDED += ("head-triangular", "chin-triangle", "ear-shape")
BANDS = {  # of age: chance, and where on MakeHuman's scale
    "child": (0.12, 0.09, 0.32),
    "young": (0.55, 0.34, 0.62),
    "middle-aged": (0.20, 0.62, 0.80),
    "old": (0.13, 0.80, 1.0),
}


class Identity(NamedTuple):
    """One person, or a batch of them with a leading axis.

    Attributes:
        race: `[3]` weights of `RACES`, sum 1.
        male: 0 (female) to 1.
        age: MakeHuman's scale: 0.1875 a child of ten years, 0.5 young, 1 old. Below the child the
            step from young to child is continued.
        muscle, weight: 0 to 1, 0.5 is average.
        sliders: `[S]` in [-1, 1].
        asymmetry: `[A]`, 0 or more.
    """

    race: np.ndarray
    male: np.ndarray
    age: np.ndarray
    muscle: np.ndarray
    weight: np.ndarray
    sliders: np.ndarray
    asymmetry: np.ndarray


def sample(random: np.random.Generator, population: Population | None) -> Identity:
    """Draws one `Identity` of the wide population; None: without sliders and asymmetries."""
    chances, low, high = zip(*BANDS.values(), strict=True)
    band = random.choice(len(chances), p=chances)
    age = random.uniform(low[band], high[band])
    return draw(random, population, random.dirichlet([0.45] * 3), _sex(random), age)


def sample_scan(random: np.random.Generator, population: Population) -> Identity:
    """Draws one `Identity` as the subjects of the usual linear model were.

    They are alike: 96 % European, young adults; and symmetric, as their scans were made.
    """
    age = np.clip(random.normal(0.52, 0.05), 0.4, 0.7)
    person = draw(random, population, np.array([0.02, 0.02, 0.96]), _sex(random), age)
    return person._replace(
        sliders=symmetric(person.sliders, population.slider_names),
        asymmetry=np.zeros_like(person.asymmetry),
    )


def _sex(random):
    """Nearly everybody is clearly a woman or a man."""
    between = random.beta(0.7, 7)
    return between if random.uniform() < 0.5 else 1 - between


def draw(
    random: np.random.Generator,
    population: Population | None,
    race: np.ndarray,
    male: float,
    age: float,
) -> Identity:
    """Draws the `Identity` of someone of whom race `[3]`, sex and age are known."""
    nothing = np.zeros(0)
    return Identity(
        race=race,
        male=male,
        age=age,
        muscle=np.clip(random.normal(0.35 + 0.25 * male, 0.2), 0, 1),
        weight=np.clip(random.normal(0.5, 0.27), 0, 1),
        sliders=_sliders(random, population, male, age) if population else nothing,
        asymmetry=_asymmetry(random, population) if population else nothing,
    )


def stack(identities: list[Identity]) -> Identity:
    """A batch from a list of `Identity`."""
    return Identity(*(np.stack(field) for field in zip(*identities, strict=True)))


def symmetric(sliders: np.ndarray, names: Iterable[str]) -> np.ndarray:
    """`sliders` with each right-hand slider equal to its left-hand one, none sideways."""
    sliders = np.array(sliders)
    index = {name: i for i, name in enumerate(names)}
    for name, i in index.items():
        if "/r-" in name:
            sliders[i] = sliders[index[name.replace("/r-", "/l-")]]
        if name in ("mouth/mouth-trans-h", "nose/nose-trans-h"):
            sliders[i] = 0
    return sliders


def _sliders(random, population, male, age):
    names, count = population.slider_names, len(population.slider_names)
    single = np.array([any(word in str(name) for word in _ONE_SIDED) for name in names])
    active = random.uniform(size=count) < np.where(single, 0.21, 0.6)
    value = random.normal(size=count) * STRENGTH * population.slider_sigma
    value = np.where(single, np.abs(value), value) * active
    value += traits.slider_means(names, male, age)
    noise = 1 + 0.1 * random.normal(size=count)
    index = {str(name): i for i, name in enumerate(names)}
    for name, i in index.items():
        if "/r-" in name:
            value[i] = value[index[name.replace("/r-", "/l-")]] * noise[i]
    return np.clip(value, np.where(single, 0, -1), 1)


def _asymmetry(random, population):
    count = len(population.asym_names)
    active = random.uniform(size=count) < 0.12
    return np.abs(random.normal(0, 0.25, size=count)) * STRENGTH * active
