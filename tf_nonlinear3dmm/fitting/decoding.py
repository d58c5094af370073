"""Shape code -> vertices as one graph, and how codes move the vertices; made once for a model."""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.core import graphs
from tf_nonlinear3dmm.fitting import alignment, places
from tf_nonlinear3dmm.model import Nonlinear3DMM


@functools.lru_cache(maxsize=8)
def vertices(model: Nonlinear3DMM) -> Callable[[tf.Tensor], tf.Tensor]:
    """Shape codes `[B, Ks]` -> vertices `[B, V, 3]`."""
    return graphs.function(lambda code: model.decode_shape(code)[1], reduce_retracing=True)


@functools.lru_cache(maxsize=8)
def moves(model: Nonlinear3DMM) -> np.ndarray:
    """`[Ks, V, 3]`: how far a unit of each shape code moves the vertices, about the mean code."""
    every = places.of_vertices(np.arange(len(model.face.mean_vertices)))
    return alignment.slopes(vertices(model), model.config.shape_code_size, every).numpy()
