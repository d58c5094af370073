"""The asset that tells expressions from people, and how well it does so on generated people."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import expressions as of_codes
from tf_nonlinear3dmm import metrics
from tf_nonlinear3dmm.data.builders.synthetic_faces.people import expression, identity, targets
from tf_nonlinear3dmm.face import expression_prior, load_population, morphs, muscles, separation
from tf_nonlinear3dmm.face.population import EMBEDDED
from tf_nonlinear3dmm.model import Nonlinear3DMM

PEOPLE, MODES = 4000, 200  # of the asset
LEARNED, HELD_OUT = 0, 1  # streams of random people
STRENGTH = 0.7  # of the units whose expression is measured


class Drawn(NamedTuple):
    """`P` generated people.

    Attributes:
        targets: `[P, N]` weights of the targets that make them.
        units: `[P, U]` weights of their expressions.
    """

    targets: np.ndarray
    units: np.ndarray


def draw(count: int, stream: int) -> Drawn:
    """The first `count` people of a stream, each with an expression."""
    population = load_population()
    randoms = [np.random.default_rng([stream, number]) for number in range(count)]
    people = identity.stack([identity.sample(random, population) for random in randoms])
    units = [expression.sample(random, population.unit_names) for random in randoms]
    return Drawn(targets.weights(people, population), np.stack(units))


def build(people: int = PEOPLE, modes: int = MODES) -> dict[str, np.ndarray]:
    """The arrays of `expression_prior.ASSET`."""
    drawn = draw(people, LEARNED)
    basis = morphs.face_basis(load_population())
    return expression_prior.build(drawn.targets, drawn.units, basis, modes)


def measure(model: Nonlinear3DMM, people: int, faces: int) -> dict[str, tuple[float, ...]]:
    """Mean vertex errors in mm on people that the asset has not seen.

    Args:
        model: `Nonlinear3DMM` on an embedded face.
        people: how many are neutralised, and get each other's expressions.
        faces: how many of them get each expression by name.

    Returns:
        dict of "neutral", "transfer" and each name -> errors of the face as it was, of the result,
        and of the codes nearest to the ground truth. Those by name are means weighted by how far
        the expression moves each vertex, the others over the skin.
    """
    drawn, population = draw(people, HELD_OUT), load_population(EMBEDDED[model.face.name])
    basis = morphs.face_basis(population)
    known = separation.expressions(model.face)
    flat = basis.identity.reshape(len(basis.identity), -1)
    rest = basis.base + (drawn.targets @ flat).reshape(people, *basis.base.shape)
    moving = muscles.apply(rest, drawn.units, known.muscles)
    swapped = muscles.apply(rest, np.roll(drawn.units, 1, axis=0), known.muscles)
    code = _codes(model, moving)
    skin = metrics.skin_weights(model.face)
    errors = {
        "neutral": _errors(model, code, model.neutral(code), rest, skin),
        "transfer": _errors(model, code, model.transfer(tf.roll(code, 1, 0), code), swapped, skin),
    }
    rest = rest[:faces]
    rest_code = _codes(model, rest)
    for number, name in enumerate(known.names):
        weights = np.zeros([faces, len(known.names)], np.float32)
        weights[:, number] = STRENGTH
        truth = muscles.apply(rest, weights, known.muscles)
        far = np.linalg.norm(truth - rest, axis=-1).mean(axis=0)
        result = model.express(rest_code, {name: STRENGTH})
        errors[name] = _errors(model, rest_code, result, truth, far / far.sum())
    return errors


def _codes(model, vertices):
    """The codes `[B, Ks]` whose faces are nearest to vertices `[B, V, 3]`."""
    start = tf.zeros([len(vertices), model.config.shape_code_size])
    return of_codes.moved(
        lambda code: model.decode_shape(code)[1], start, tf.constant(vertices, tf.float32)
    )


def _errors(model, before, after, truth, weights):
    """Errors in mm of codes before and after, and of the best."""

    def error(code):
        distance = np.linalg.norm(model.decode_shape(code)[1] - truth, axis=-1)
        return float((distance @ weights).mean() * model.face.units)

    return error(before), error(after), error(_codes(model, truth))


def table(errors: Mapping[str, tuple[float, ...]]) -> str:
    """The errors as lines of Markdown."""
    lines = ["| | as it was (mm) | result (mm) | the codes' limit (mm) |", "| --- " * 4 + "|"]
    for name, values in errors.items():
        lines.append(" | ".join([f"| {name}", *(f"{value:.2f}" for value in values)]) + " |")
    return "\n".join(lines)
