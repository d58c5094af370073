"""Pictures of textures, and the files of a study's figures."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.evaluation import plots
from tf_nonlinear3dmm.rendering import uv_layout, visualize
from tf_nonlinear3dmm.studies.study import Study

TILE = 128


def save(study: Study, name: str, picture: np.ndarray) -> None:
    """Writes figures/<name>.png."""
    visualize.save(study.file(f"figures/{name}.png"), picture)


def textures(study: Study, maps: Mapping[str, np.ndarray]) -> np.ndarray:
    """Textures on the mean face, seen from the front; hidden texels are grey. One row per model.

    Args:
        study: `Study`.
        maps: name -> `[N, Hu, Wu, 3]`, with `visible` `[N, Hu, Wu, 1]` among them.
    """
    visible = maps["visible"]
    face = study.face()
    layout = uv_layout.build(face, study.config.model.uv_size)
    count = len(visible)
    vertices = tf.tile(tf.constant(face.mean_vertices)[tf.newaxis], [count, 1, 1])
    projection = visualize.frontal(vertices, TILE)
    fragments = visualize.see(vertices, projection, layout, TILE)
    rows, names = [], [name for name in maps if name != "visible"]
    for name in names:
        shown = maps[name] * visible + 0.75 * (1 - visible)
        painted = visualize.paint(tf.constant(shown, tf.float32), fragments, layout)
        head = plots.caption(name, TILE)[np.newaxis]
        rows.append(np.concatenate([head, visualize.to_uint8(painted)]))
    return visualize.grid(np.stack(rows), [])
