"""What generated faces, whose labels are complete, tell about a trained model."""

import pathlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import data, serving, training
from tf_nonlinear3dmm.configs import Config
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.evaluation import directions
from tf_nonlinear3dmm.model import Nonlinear3DMM

FILE = "directions.npz"
BATCH = 32


def directions_of(
    run: Path | None = None, say: Callable[[str], None] = print
) -> list[directions.Direction]:
    """The named directions of a model.

    Args:
        run: as for `serving.load`; None: what comes with the package.
        say: called with a line if they are computed, or cannot be.

    Returns:
        list of `directions.Direction`: those saved beside the weights. For a run without, they are
        computed and saved if its training faces are prepared; else the list is empty.
    """
    folder = pathlib.Path(serving.SHIPPED if run is None else run)
    path = (folder if folder.is_dir() else folder.parent) / FILE
    if path.is_file():
        return directions.load(path)
    if not (folder / "config.json").is_file():
        return []
    model, config = training.load(folder)
    if not data.is_prepared(data.requests(config)[0][0], config):
        say(f"{folder}: no named directions, its training faces are not in {config.data.folder}/")
        return []
    say(f"{folder}: finding named directions in its training faces")
    computed = find_directions(model, config)
    directions.save(path, computed)
    return computed


def find_directions(
    model: Nonlinear3DMM, config: Config, count: int = directions.FACES
) -> list[directions.Direction]:
    """The directions regressed on the labels of the first `count` training faces."""
    split = data.open_first(config, "train")
    labelled = directions.labelled(model, split, count)
    return directions.fit(*labelled) if labelled else []


def difference(
    model: Nonlinear3DMM, other: Nonlinear3DMM, config: Config, count: int = 64
) -> list[float]:
    """How far two models differ on the first training faces.

    Returns:
        mean distance of landmarks in pixels, and of vertices in millimetres.
    """
    split = data.open_first(config, "train")
    pixels, millimetres = [], []
    rows = split.rows[:count]
    for batch in data.in_order(split, config.model.image_size, BATCH, ["image"], rows):
        a, b = (m(batch["image"], draw=False) for m in (model, other))
        pixels.append(tf.norm(a.landmarks - b.landmarks, axis=-1))
        millimetres.append(tf.norm(a.vertices - b.vertices, axis=-1) * model.face.units)
    return [float(np.mean(np.concatenate(parts))) for parts in (pixels, millimetres)]
