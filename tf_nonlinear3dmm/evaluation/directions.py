"""Named directions in the code spaces: what to add to a code to make a face older, or smile.

Regression of labelled faces on their standardised attributes tells the effect of each attribute,
with the others held fixed but for those that it brings about; the direction is the step that the
decoder turns into that effect.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import data
from tf_nonlinear3dmm.core import array_files, shapes
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.model import Nonlinear3DMM

BATCH = 32
FACES = 3000  # labelled ones that directions are found in
GROUPS = {
    "shape": ("Shape", ("male", "age", "weight", "muscle", "african", "asian", "caucasian")),
    "expression": ("Expression", ("jaw_open", "smile", "blink", "brow_raise")),
    "albedo": (
        "Skin and hair",
        ("melanin", "beard", "make_up", "freckles", "wrinkles", "hair_lightness", "age"),
    ),
}
LABELS = {"male": "masculine", "make_up": "make-up"}  # where the name in words is not good enough
CONSEQUENCES = {"age": ("wrinkles", "hair_lightness")}  # what growing old is, not held fixed


class Direction(NamedTuple):
    """One direction in a code space.

    Attributes:
        name: unique key.
        label: what people read.
        group: the heading it stands under.
        part: "shape" or "albedo": the code that it moves.
        step: `[K]` float32, what one standard deviation of the attribute adds to the code.
    """

    name: str
    label: str
    group: str
    part: str
    step: np.ndarray


def regress(codes: np.ndarray, attributes: np.ndarray, ridge: float = 1.0) -> np.ndarray:
    """What one standard deviation of each attribute adds to the code.

    Args:
        codes: `[N, K]`.
        attributes: `[N, A]`; one that never varies has no effect.
        ridge: added to the diagonal of the normal equations, in examples.

    Returns:
        `[A, K]` in the dtype of `codes`.

    Raises:
        ValueError: if a shape differs from the above.
    """
    codes, attributes = np.asarray(codes), np.asarray(attributes)
    shapes.check(codes=(codes, "N K"), attributes=(attributes, "N A"))
    centred = attributes - attributes.mean(axis=0)
    spread = centred.std(axis=0)
    standard = centred / np.where(spread > 0, spread, 1)
    normal = standard.T @ standard + ridge * np.eye(standard.shape[1])
    steps = np.linalg.solve(normal, standard.T @ (codes - codes.mean(axis=0)))
    return steps.astype(codes.dtype)


def through(
    decode: Callable[[np.ndarray], tf.Tensor],
    codes: np.ndarray,
    effects: np.ndarray,
    ridge: float = 0.002,
) -> np.ndarray:
    """Steps in a code space that a decoder turns into effects, as nearly as it can.

    The codes that an encoder finds tell an attribute only in part; what the decoder makes of a step
    is what people see. The decoder is taken as linear over one standard deviation of the codes on
    either side of their mean.

    Args:
        decode: codes `[B, K]` float32 -> `[B, D]`.
        codes: `[N, K]` of real faces, which say how far codes spread in each direction.
        effects: `[A, D]`, what a step should add.
        ridge: what a step as long as the codes' standard deviation costs; to miss an effect
            altogether costs 1.

    Returns:
        `[A, K]` float32.

    Raises:
        ValueError: if a shape differs from the above.
    """
    shapes.check(codes=(codes, "N K"), effects=(effects, "A D"))
    codes, effects = np.asarray(codes, np.float64), np.asarray(effects, np.float64)
    middle, covariance = codes.mean(axis=0), np.atleast_2d(np.cov(codes.T))
    identity = np.eye(len(covariance))
    floor = 1e-4 * np.trace(covariance) / len(covariance) + 1e-12
    moves = np.linalg.cholesky(covariance + floor * identity).T  # one deviation along each axis
    ends = (
        np.asarray(decode((middle + s * moves).astype(np.float32)), np.float64) for s in (1, -1)
    )
    slopes = np.subtract(*ends) / 2  # [K, D]
    size = np.sum(effects**2, axis=1)[:, np.newaxis, np.newaxis] + 1e-20
    normal = slopes @ slopes.T / size + ridge * identity
    lengths = np.linalg.solve(normal, (effects @ slopes.T)[..., np.newaxis] / size)[..., 0]
    return (lengths @ moves).astype(np.float32)


class Part(NamedTuple):
    """One of the two code spaces, with labelled faces.

    Attributes:
        decode: codes `[B, K]` -> `[B, D]`.
        codes: `[N, K]` of the faces.
        ground_truth: `[N, D]` what a perfect decoder would make of them.
    """

    decode: Callable[[np.ndarray], tf.Tensor]
    codes: np.ndarray
    ground_truth: np.ndarray


def labelled(
    model: Nonlinear3DMM, split: data.Split, count: int = FACES
) -> tuple[dict[str, Part], np.ndarray, list[str]] | None:
    """What `fit` needs, of the first faces of a split.

    Args:
        model: `Nonlinear3DMM`.
        split: `data.Split`.
        count: at most so many faces.

    Returns:
        (parts, attributes, names); None where the split lacks a label.
    """
    labels = ("attributes", "vertices", "albedo")
    if not all(label in split for label in labels):
        return None
    batches: dict[str, list] = {name: [] for name in ("shape_code", "albedo_code", *labels)}
    size, features = model.config.image_size, [*labels, "image"]
    for batch in data.in_order(split, size, BATCH, features, split.rows[:count]):
        codes = model.encode(batch["image"])
        for name, values in batches.items():
            values.append(batch[name] if name in labels else getattr(codes, name))
    arrays = {name: np.concatenate(values) for name, values in batches.items()}

    def part(name, decode, label):
        return Part(lambda code: _flat(decode(code)), arrays[name], _flat(arrays[label]).numpy())

    shape = part("shape_code", lambda code: model.decode_shape(code)[1], "vertices")
    albedo = part("albedo_code", model.decode_albedo, "albedo")
    names = split.builder.info.metadata["attributes"]
    return {"shape": shape, "albedo": albedo}, arrays["attributes"], list(names)


def _flat(values):
    return tf.reshape(values, [values.shape[0], -1])


def fit(
    parts: Mapping[str, Part],
    attributes: np.ndarray,
    names: Sequence[str],
    groups: Mapping[str, tuple[str, tuple[str, ...]]] | None = None,
) -> list[Direction]:
    """The directions that labelled faces allow.

    Args:
        parts: dict of "shape" and "albedo", each a `Part`.
        attributes: `[N, A]` of the same faces.
        names: A names; those that `groups` does not list are only held fixed.
        groups: as `GROUPS`, which it is where None.

    Returns:
        list of `Direction`.
    """
    names, groups, directions = list(names), groups or GROUPS, []
    listed = [(g, name) for g, (_, members) in groups.items() for name in members if name in names]
    for kind, part in parts.items():
        here = [(g, name) for g, name in listed if (g == "albedo") == (kind == "albedo")]
        if not here:
            continue
        effects = _effects(part.ground_truth, attributes, names, [name for _, name in here])
        steps = through(part.decode, part.codes, effects)
        for (group, name), step in zip(here, steps, strict=True):
            label = LABELS.get(name, name.replace("_", " "))
            directions.append(Direction(f"{group}_{name}", label, groups[group][0], kind, step))
    return directions


def _effects(ground_truth, attributes, names, wanted):
    """What one deviation of each attribute does `[W, D]`, with all that it brings about."""

    @functools.cache
    def without(consequences):
        held = [k for k, name in enumerate(names) if name not in consequences]
        effects = regress(ground_truth, attributes[:, held])
        return {names[k]: effect for k, effect in zip(held, effects, strict=True)}

    return np.stack([without(CONSEQUENCES.get(name, ()))[name] for name in wanted])


def save(path: Path, directions: Sequence[Direction]) -> None:
    """Writes directions to an .npz file; `load` reads them again."""
    arrays: dict[str, Any] = {
        f"step_{i}": d.step.astype(np.float32) for i, d in enumerate(directions)
    }
    words = np.array([[d.name, d.label, d.group, d.part] for d in directions])
    with array_files.replacing(path) as file:
        np.savez_compressed(file, words=words, **arrays)


def load(path: Path) -> list[Direction]:
    """The directions of a file that `save` wrote: list of `Direction`; `ValueError` of another."""
    arrays = array_files.arrays(path)
    try:
        return [
            Direction(
                str(name),
                str(label),
                str(group),
                str(part),
                np.asarray(arrays[f"step_{i}"], np.float32),
            )
            for i, (name, label, group, part) in enumerate(arrays["words"])
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not a file of directions: {error}") from None
