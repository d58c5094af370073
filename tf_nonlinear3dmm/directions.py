"""Named directions in the code spaces: what to add to a code to make a face older, or smile.

Found by ridge regression of the codes of labelled faces on their standardised attributes, so that
each direction is the effect of its attribute with the others held fixed.
"""

from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm import shapes

GROUPS = {
    "shape": ("Shape", ("male", "age", "weight", "muscle", "african", "asian", "caucasian")),
    "expression": ("Expression", ("jaw_open", "smile", "blink", "brow_raise")),
    "albedo": (
        "Skin and hair",
        ("melanin", "beard", "make_up", "freckles", "wrinkles", "hair_lightness", "age"),
    ),
}
LABELS = {"male": "masculine", "make_up": "make-up"}  # where the name in words is not good enough


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


def regress(codes, attributes, ridge=1.0):
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


def fit(shape_codes, albedo_codes, attributes, names):
    """The directions of `GROUPS` that `attributes` `[N, A]`, called `names`, allow.

    Args:
        shape_codes: `[N, Ks]`.
        albedo_codes: `[N, Ka]`.
        attributes: `[N, A]`.
        names: A names; those that `GROUPS` does not list are only held fixed.

    Returns:
        list of `Direction`.
    """
    steps = {"shape": regress(shape_codes, attributes), "albedo": regress(albedo_codes, attributes)}
    names = list(names)
    return [
        Direction(
            f"{group}_{name}",
            LABELS.get(name, name.replace("_", " ")),
            title,
            "albedo" if group == "albedo" else "shape",
            steps["albedo" if group == "albedo" else "shape"][names.index(name)],
        )
        for group, (title, wanted) in GROUPS.items()
        for name in wanted
        if name in names
    ]


def save(path, directions):
    """Writes directions to an .npz file; `load` reads them again."""
    arrays = {f"step_{i}": d.step.astype(np.float32) for i, d in enumerate(directions)}
    words = np.array([[d.name, d.label, d.group, d.part] for d in directions])
    with open(path, "wb") as file:
        np.savez_compressed(file, words=words, **arrays)


def load(path):
    """The directions of a file that `save` wrote: list of `Direction`."""
    with np.load(path, allow_pickle=False) as arrays:
        return [
            Direction(*map(str, words), arrays[f"step_{i}"])
            for i, words in enumerate(arrays["words"])
        ]
