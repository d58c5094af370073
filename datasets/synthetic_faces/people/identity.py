"""Who: neutral faces drawn from MakeHuman's population.

A face is the base mesh plus race x sex x age targets, sex x age x muscle x weight targets
(products of hat functions: multilinear), 137 sliders with two different sides each, and
asymmetries. All of it is linear in the targets' weights: a batch of faces is one matrix product.
"""

from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces import traits

RACES = ("african", "asian", "caucasian")
SEXES = ("female", "male")
AGES = {"child": 0.1875, "young": 0.5, "old": 1.0}
LEVELS = {"min": 0.0, "average": 0.5, "max": 1.0}
MILLI = 1e-3  # decimetres per unit of a stored target
STRENGTH = 0.8  # of sliders and asymmetries; 1 makes caricatures
ONE_SIDED = ("head-diamond", "head-inverted", "head-oval", "head-rect", "head-round", "head-square")
ONE_SIDED += ("head-triangular", "chin-triangle", "ear-shape")
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


def sample(random, population):
    """Draws one `Identity` of the wide population; None: without sliders and asymmetries."""
    chances, low, high = zip(*BANDS.values(), strict=True)
    band = random.choice(len(chances), p=chances)
    age = random.uniform(low[band], high[band])
    return draw(random, population, random.dirichlet([0.45] * 3), _sex(random), age)


def sample_scan(random, population):
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


def draw(random, population, race, male, age):
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


def stack(people):
    """A batch from a list of `Identity`."""
    return Identity(*(np.stack(field) for field in zip(*people, strict=True)))


def symmetric(sliders, names):
    """`sliders` with each right-hand slider equal to its left-hand one, none sideways."""
    sliders = np.array(sliders)
    index = {name: i for i, name in enumerate(names)}
    for name, i in index.items():
        if "/r-" in name:
            sliders[i] = sliders[index[name.replace("/r-", "/l-")]]
        if name in ("mouth/mouth-trans-h", "nose/nose-trans-h"):
            sliders[i] = 0
    return sliders


def target_weights(people, population):
    """Weights of every identity target, `[B, N]`: race, universal, local, asymmetry in turn."""
    ages = _hats(people.age, AGES)
    sexes = {"female": 1 - people.male, "male": people.male}
    races = dict(zip(RACES, people.race.T, strict=True))
    muscles, weights = _hats(people.muscle, LEVELS), _hats(people.weight, LEVELS)
    columns = []
    for name in population.race_names:
        race, sex, age = str(name).split("-")
        columns.append(races[race] * sexes[sex] * ages[age])
    for name in population.univ_names:
        sex, age, muscle, weight = str(name).split("-")
        muscle, weight = muscle.removesuffix("muscle"), weight.removesuffix("weight")
        columns.append(sexes[sex] * ages[age] * muscles[muscle] * weights[weight])
    macro = np.stack(columns, axis=1)
    local = np.zeros((len(macro), len(population.local_names)))
    where = {str(name): i for i, name in enumerate(population.local_names)}
    sides = ((population.slider_neg, -1), (population.slider_pos, 1))
    for targets, sign in sides:
        for i, target in enumerate(targets):
            if str(target) in where:
                local[:, where[str(target)]] += np.maximum(sign * people.sliders[:, i], 0)
    return np.concatenate([macro, local, people.asymmetry], axis=1).astype(np.float32)


def neutral(people, population, basis):
    """Neutral vertices `[B, V, 3]`; `basis` is `face_basis(population)`."""
    weights = target_weights(people, population)
    offsets = weights @ basis.identity.reshape(len(basis.identity), -1)
    return basis.base + offsets.reshape(len(weights), -1, 3)


class Basis(NamedTuple):
    """Targets carried to the vertices of the face, float32.

    Attributes:
        base: `[V, 3]` face frame.
        identity: `[N, V, 3]`; the order of `target_weights`; body height removed.
        units: `[U, V, 3]` of facial expression.
    """

    base: np.ndarray
    identity: np.ndarray
    units: np.ndarray


def face_basis(population):
    """The `Basis` of a `Population`.

    Race and universal targets carry the height of the body, which would move the head: their mean
    displacement over the middle of the face is taken off.
    """
    operator, count = population.operator, len(population.base)
    coarse = operator[:, :count]

    def carry(targets):
        flat = targets.transpose(1, 0, 2).reshape(count, -1) * MILLI
        carried = (coarse @ flat).reshape(-1, len(targets), 3).transpose(1, 0, 2)
        return np.ascontiguousarray(carried, np.float32)

    macro = carry(np.concatenate([population.race, population.univ]))
    macro -= macro[:, population.anchor_ids].mean(axis=1, keepdims=True)
    rest = carry(np.concatenate([population.local, population.asym]))
    virtual = np.concatenate([population.base, [[0.0, 0.0, 1.0]]])
    base = operator @ virtual - population.origin
    return Basis(
        _anchored(base, population).astype(np.float32),
        np.concatenate([macro, rest]),
        carry(population.unit),
    )


def _anchored(base, population):
    """Moves the base so that the mean face's anchors lie where the face model has them."""
    return (
        base - base[population.anchor_ids].mean(0) + population.mean[population.anchor_ids].mean(0)
    )


def _hats(value, joints):
    """Piecewise linear weights of named joints at `value` `[B]`, continued below the first."""
    places, unit = list(joints.values()), np.eye(len(joints))
    below = np.minimum((value - places[0]) / (places[1] - places[0]), 0)
    return {
        name: np.interp(value, places, unit[i]) + below * (unit[i, 1] - unit[i, 0])
        for i, name in enumerate(joints)
    }


def _sliders(random, population, male, age):
    names, count = population.slider_names, len(population.slider_names)
    single = np.array([any(word in str(name) for word in ONE_SIDED) for name in names])
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
