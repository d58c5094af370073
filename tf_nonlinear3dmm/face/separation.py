"""Expression apart from identity: the weights of the face's units that a mesh shows, and its rest.

A face is the mean, plus a person, plus units of expression. The most probable weights, given a mesh
and how people and expressions of the generator vary, are a least-squares problem in [0, 1]: the
person is eliminated, since one person's face at rest is normal around the mean's.
"""

import difflib
import functools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.optimize

from tf_nonlinear3dmm.core import shapes
from tf_nonlinear3dmm.face import expression_prior, morphs, muscles
from tf_nonlinear3dmm.face.model import FaceModel
from tf_nonlinear3dmm.face.morph_targets import MorphTargets
from tf_nonlinear3dmm.face.population import EMBEDDED, load_population

NOISE = 0.005  # dm: how far a coordinate of a vertex is off
_ROUNDS = 4  # of `at_rest`


class Expressions(NamedTuple):
    """What tells units of expression from people, on V vertices.

    Attributes:
        names: of the U units: ARKit's, without `tongueOut`, which moves nothing of this face.
        muscles: `muscles.Muscles`.
        units: `[U, V * 3]`, what each unit adds to the mean face.
        gain: `[U, V * 3]`, from vertices to weights, where these are not held in [0, 1].
        offset: `[U]`, what to add to that.
        root: `[U, U]`, whose square says how much less probable other weights are.
        covariance: `[U, U]` of the weights of people.
    """

    names: tuple[str, ...]
    muscles: muscles.Muscles
    units: np.ndarray
    gain: np.ndarray
    offset: np.ndarray
    root: np.ndarray
    covariance: np.ndarray


class Separation(NamedTuple):
    """`B` faces taken apart.

    Attributes:
        neutral: `[B, V, 3]`, at rest, with all detail that `weights` do not explain.
        weights: `[B, U]` in [0, 1], of `Expressions.names`.
    """

    neutral: np.ndarray
    weights: np.ndarray


def expressions(face: FaceModel) -> Expressions:
    """The `Expressions` of an embedded face; made once.

    Raises:
        ValueError: another face, whose units have no names.
    """
    if face.name not in EMBEDDED:
        raise ValueError(
            f"expressions have names on {' and '.join(EMBEDDED)} only, got a face `{face.name}`"
        )
    return _expressions(face.name)


def separate(vertices: npt.ArrayLike, expressions: Expressions) -> Separation:
    """Takes faces `[B, V, 3]`, in the face's frame and units, apart: a `Separation`."""
    vertices = np.asarray(vertices, np.float32)
    shapes.check(vertices=(vertices, f"B {expressions.gain.shape[1] // 3} 3"))
    free = vertices.reshape(len(vertices), expressions.gain.shape[1]) @ expressions.gain.T
    weights = [
        scipy.optimize.lsq_linear(expressions.root, expressions.root @ each, (0, 1)).x
        for each in (free + expressions.offset).astype(np.float64)
    ]
    weights = np.array(weights, np.float32).reshape(len(vertices), len(expressions.names))
    return Separation(at_rest(vertices, weights, expressions), weights)


def at_rest(vertices: np.ndarray, weights: np.ndarray, expressions: Expressions) -> np.ndarray:
    """The faces `[B, V, 3]` that `weights` `[B, U]` turn into `vertices` `[B, V, 3]`.

    What units do depends on the face, but little. How far a shut eye opens, it does not tell: as
    far as that of the mean face, where the rounds begin.
    """
    neutral = vertices - (weights @ expressions.units).reshape(vertices.shape)
    for _ in range(_ROUNDS):
        neutral = vertices - (muscles.apply(neutral, weights, expressions.muscles) - neutral)
    return neutral


def replaced(
    weights: np.ndarray, changes: Mapping[str, npt.ArrayLike], expressions: Expressions
) -> np.ndarray:
    """`weights` `[B, U]` with those of named units replaced.

    Args:
        weights: `[B, U]`.
        changes: name -> weight or `[B]` weights, 0 at rest, 1 at the unit's full.
        expressions: `Expressions`.

    Raises:
        ValueError: an unknown name, or a weight that is not finite or of another shape.
    """
    weights = weights.copy()
    if not isinstance(changes, Mapping):
        raise ValueError(f"`weights` must be a dict of names and weights, got {changes!r}")
    for name, value in changes.items():
        if name not in expressions.names:
            near = difflib.get_close_matches(str(name), expressions.names, n=1, cutoff=0)
            raise ValueError(f"there is no expression `{name}`; did you mean `{near[0]}`?")
        sizes = [] if np.ndim(value) == 0 else [str(len(weights))]
        value = shapes.numbers(name, value, " ".join(sizes))
        weights[:, expressions.names.index(name)] = value
    return weights


def morph_targets(vertices: npt.ArrayLike, expressions: Expressions) -> MorphTargets:
    """The `MorphTargets` of one face `[V, 3]`: the units, with the weights that it shows."""
    [neutral], [weights] = separate(np.asarray(vertices)[np.newaxis], expressions)
    return MorphTargets(expressions.names, _alone(neutral, expressions.muscles), weights)


def _alone(neutral, moves):
    """`[U, V, 3]`: what each unit, at its full, adds to one face at rest `[V, 3]`."""
    count = len(moves.units)
    faces = np.repeat(np.asarray(neutral, np.float32)[np.newaxis], count, axis=0)
    return muscles.apply(faces, np.eye(count), moves) - faces


@functools.cache
def _expressions(name):
    people = load_population(EMBEDDED[name])
    basis = morphs.face_basis(people)
    moves, known = muscles.attach(people, basis), expression_prior.read(people)
    flat = basis.identity.reshape(len(basis.identity), -1)
    mean = basis.base + (known.identity @ flat).reshape(basis.base.shape)
    names = tuple(str(unit) for unit in people.unit_names)
    units = _alone(mean, moves).reshape(len(names), -1)
    gain, root = _estimator(known.modes @ flat, units, known.covariance)
    middle = mean.ravel() + known.units @ units
    offset = known.units - gain @ middle
    return Expressions(names, moves, units, gain, offset, root, known.covariance)


def _estimator(people, units, covariance):
    """`gain` and `root` of `Expressions`, of modes of people `[K, D]` and units `[U, D]`."""
    size, count = len(people), len(units)
    directions = np.concatenate([people, units])
    information = (directions @ directions.T).astype(np.float64) / NOISE**2
    information[:size, :size] += np.eye(size)
    information[size:, size:] += np.linalg.inv(covariance + 1e-4 * np.eye(count))
    spread = np.linalg.inv(information)[size:]  # of the units, and with the people
    gain = (spread @ directions) / NOISE**2
    root = np.linalg.cholesky(np.linalg.inv(spread[:, size:])).T
    return gain.astype(np.float32), root
