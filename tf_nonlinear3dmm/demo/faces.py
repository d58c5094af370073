"""The face that the page shows: its numbers, and its vertices with the expressions of sliders."""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.core import graphs
from tf_nonlinear3dmm.face import muscles, separation
from tf_nonlinear3dmm.face.morph_targets import MorphTargets
from tf_nonlinear3dmm.face.population import EMBEDDED
from tf_nonlinear3dmm.fitting import Residual
from tf_nonlinear3dmm.model import Nonlinear3DMM, Reconstruction

REMEMBERED = 8  # faces that are taken apart


class Face(NamedTuple):
    """One face, batch of 1: the codes of a `model.Reconstruction`, and a `fitting.Residual`."""

    shape_code: np.ndarray
    albedo_code: np.ndarray
    illumination: np.ndarray | None
    projection: np.ndarray
    shape_residual: np.ndarray
    albedo_residual: np.ndarray

    @property
    def residual(self) -> Residual:
        """What is added to the decoders' maps."""
        return Residual(tf.constant(self.shape_residual), tf.constant(self.albedo_residual))


def of_reconstruction(reconstruction: Reconstruction, residual: Residual, number: int = 0) -> Face:
    """The `Face` of one of the images of a `Reconstruction`."""
    codes = [getattr(reconstruction, name) for name in Face._fields[:-2]]
    parts: list[Any] = [
        None if t is None else t[number : number + 1].numpy() for t in (*codes, *residual)
    ]
    return Face(*parts)


class Shapes:
    """Shape codes and weights of named expressions -> vertices; each face is taken apart once.

    Args:
        model: `Nonlinear3DMM`.

    Attributes:
        names: of the expressions; none on a face whose units have no names.
    """

    def __init__(self, model: Nonlinear3DMM) -> None:
        known = model.face.name in EMBEDDED
        self._expressions = separation.expressions(model.face) if known else None
        self.names = self._expressions.names if self._expressions else ()
        self._decode = graphs.function(lambda code: model.decode_shape(code)[1])
        self._apart = functools.lru_cache(REMEMBERED)(self._take_apart)

    def weights(self, shape_code: np.ndarray) -> dict[str, float]:
        """The weights of named expressions, 0 to 1, that a code `[1, Ks]` shows."""
        if self._expressions is None:
            return {}
        [weights] = self._apart(shape_code.tobytes())[0].weights
        return dict(zip(self.names, weights.tolist(), strict=True))

    def vertices(self, shape_code: np.ndarray, weights: Mapping[str, float]) -> np.ndarray:
        """`[1, V, 3]`: the face of a code `[1, Ks]`, with new `weights` of expressions.

        Those that `weights` does not name stay as they are; other names in it count for nothing.
        """
        changes = {name: weights[name] for name in self.names if name in weights}
        if self._expressions is None or not changes:
            return self._decode(tf.constant(shape_code)).numpy()
        (neutral, shown), left = self._apart(shape_code.tobytes())
        shown = separation.replaced(shown, changes, self._expressions)
        return left + muscles.apply(neutral, shown, self._expressions.muscles)

    def morph_targets(self, vertices: np.ndarray) -> MorphTargets | None:
        """The named expressions of a face `[V, 3]` as it is shown; None without names."""
        if self._expressions is None:
            return None
        return separation.morph_targets(vertices, self._expressions)

    def _take_apart(self, contents):
        """`separation.Separation` of a code's bytes, and what its face has `[1, V, 3]` beyond."""
        code = np.frombuffer(contents, np.float32)[np.newaxis]
        vertices = self._decode(tf.constant(code)).numpy()
        apart = separation.separate(vertices, self._expressions)
        return apart, vertices - muscles.apply(*apart, self._expressions.muscles)
