"""What generated faces, of which everything is known, tell of a trained model."""

import pathlib

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import data, serving, training
from tf_nonlinear3dmm.evaluation import directions

FILE = "directions.npz"
SOURCE = "synthetic_faces"
BATCH = 32


def directions_of(run=None, say=print):
    """The named directions of a model.

    Args:
        run: as for `serving.load`; None: what comes with the package.
        say: called with a line where they are made, or cannot be.

    Returns:
        list of `directions.Direction`: those beside the weights. For a run without, they are found
        and kept if its training faces are at hand; else there are none.
    """
    folder = pathlib.Path(serving.SHIPPED if run is None else run)
    path = (folder if folder.is_dir() else folder.parent) / FILE
    if path.is_file():
        return directions.load(path)
    if not (folder / "config.json").is_file():
        return []
    model, config = training.load(folder)
    if not data.is_prepared(request_of(config), config):
        say(f"{folder}: no named directions, its training faces are not in {config.data.folder}/")
        return []
    say(f"{folder}: finding named directions in its training faces")
    steps = find_directions(model, config)
    directions.save(path, steps)
    return steps


def find_directions(model, config, count=1000):
    """The directions that the labels of the first `count` training faces tell, a list."""
    split = data.open_first(config, "train")
    labelled = directions.labelled(model, split, count)
    return directions.fit(*labelled) if labelled else []


def difference(model, other, config, count=64):
    """How far two models are apart on the first training faces.

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


def request_of(config):
    """The `data.Request` of a run's first source."""
    return data.requests(config)[0][0]
