"""MakeHuman's morph targets: from identities to neutral faces.

A face is the base mesh plus race x sex x age targets, sex x age x muscle x weight targets
(products of hat functions: multilinear), 137 sliders with two different sides each, and
asymmetries. All of it is linear in the targets' weights: a batch of faces is one matrix product.
"""

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces.people.identity import RACES, Identity
from tf_nonlinear3dmm.face import Population
from tf_nonlinear3dmm.face.morphs import MorphBasis

AGES = {"child": 0.1875, "young": 0.5, "old": 1.0}
LEVELS = {"min": 0.0, "average": 0.5, "max": 1.0}


def weights(identities: Identity, population: Population) -> np.ndarray:
    """Weights of every identity target, `[B, N]`: race, universal, local, asymmetry in turn."""
    ages = _hats(identities.age, AGES)
    sexes = {"female": 1 - identities.male, "male": identities.male}
    races = dict(zip(RACES, identities.race.T, strict=True))
    muscles, masses = _hats(identities.muscle, LEVELS), _hats(identities.weight, LEVELS)
    columns = []
    for name in population.race_names:
        race, sex, age = str(name).split("-")
        columns.append(races[race] * sexes[sex] * ages[age])
    for name in population.univ_names:
        sex, age, muscle, weight = str(name).split("-")
        muscle, weight = muscle.removesuffix("muscle"), weight.removesuffix("weight")
        columns.append(sexes[sex] * ages[age] * muscles[muscle] * masses[weight])
    macro = np.stack(columns, axis=1)
    local = np.zeros((len(macro), len(population.local_names)))
    where = {str(name): i for i, name in enumerate(population.local_names)}
    sides = ((population.slider_neg, -1), (population.slider_pos, 1))
    for targets, sign in sides:
        for i, target in enumerate(targets):
            if str(target) in where:
                local[:, where[str(target)]] += np.maximum(sign * identities.sliders[:, i], 0)
    return np.concatenate([macro, local, identities.asymmetry], axis=1).astype(np.float32)


def neutral(identities: Identity, population: Population, basis: MorphBasis) -> np.ndarray:
    """Neutral vertices `[B, V, 3]`; `basis` is `morphs.face_basis(population)`."""
    shares = weights(identities, population)
    offsets = shares @ basis.identity.reshape(len(basis.identity), -1)
    return basis.base + offsets.reshape(len(shares), -1, 3)


def _hats(value, joints):
    """Piecewise linear weights of named joints at `value` `[B]`, continued below the first."""
    places, unit = list(joints.values()), np.eye(len(joints))
    below = np.minimum((value - places[0]) / (places[1] - places[0]), 0)
    return {
        name: np.interp(value, places, unit[i]) + below * (unit[i, 1] - unit[i, 0])
        for i, name in enumerate(joints)
    }
