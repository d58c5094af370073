"""Shape codes at rest, with named expressions, and with the expressions of others.

A code is decoded, its face taken apart and put together again by `face.separation`, and the code is
moved to the face that results. Nothing is learned from the weights of a model: any serves whose
face is an embedded one.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_nonlinear3dmm.core import shapes
from tf_nonlinear3dmm.face import muscles, separation
from tf_nonlinear3dmm.face.separation import Expressions

NOISE = 0.015  # dm: what a coordinate may be off to spare a code one standard deviation
STEPS = 3
Decode = Callable[[tf.Tensor], tf.Tensor]  # shape codes `[B, Ks]` -> vertices `[B, V, 3]`


def neutral(decode: Decode, code: npt.ArrayLike, expressions: Expressions) -> tf.Tensor:
    """The codes `[B, Ks]` of the same people at rest; see `Nonlinear3DMM.neutral`."""
    return _changed(decode, code, expressions, np.zeros_like)


def express(
    decode: Decode,
    code: npt.ArrayLike,
    weights: Mapping[str, npt.ArrayLike],
    expressions: Expressions,
) -> tf.Tensor:
    """The codes `[B, Ks]` with named expressions; see `Nonlinear3DMM.express`."""
    return _changed(
        decode, code, expressions, lambda now: separation.replaced(now, weights, expressions)
    )


def transfer(
    decode: Decode, source: npt.ArrayLike, target: npt.ArrayLike, expressions: Expressions
) -> tf.Tensor:
    """The codes `[B, Ks]` of targets with sources' expressions; see `Nonlinear3DMM.transfer`."""
    source = tf.convert_to_tensor(source, tf.float32)
    shapes.check(source=(source, "B K"), target=(np.asarray(target), "B K"))
    weights = separation.separate(decode(source).numpy(), expressions).weights
    return _changed(decode, target, expressions, lambda now: weights)


def _changed(decode, code, expressions, change):
    """The codes of the faces of `code`, whose weights of units `change` turns into others."""
    code = tf.convert_to_tensor(code, tf.float32)
    shapes.check(code=(code, "B K"))
    vertices = decode(code).numpy()
    rest, weights = separation.separate(vertices, expressions)
    before, after = (
        muscles.apply(rest, each, expressions.muscles) for each in (weights, change(weights))
    )
    return moved(decode, code, tf.constant(vertices + (after - before), tf.float32))


def moved(decode: Decode, code: tf.Tensor, vertices: tf.Tensor) -> tf.Tensor:
    """The codes, near given ones, whose faces are nearest to others: Gauss-Newton.

    Args:
        decode: shape codes `[B, Ks]` -> vertices `[B, V, 3]`.
        code: `[B, Ks]` to start from, and to stay near.
        vertices: `[B, V, 3]`, of the faces that are wanted.

    Returns:
        `[B, Ks]`; exactly `code` where its faces are those already.
    """
    size = code.shape[1]
    faces = decode(tf.concat([tf.zeros([1, size]), tf.eye(size)], axis=0))  # nearly linear
    slopes = tf.reshape(faces[1:] - faces[:1], [size, -1]) / NOISE
    normal = tf.matmul(slopes, slopes, transpose_b=True) + tf.eye(size)
    change = tf.zeros_like(code)
    for _ in range(STEPS):
        off = tf.reshape(vertices - decode(code + change), [len(code), -1]) / NOISE
        right = tf.matmul(off, slopes, transpose_b=True) - change
        change += tf.transpose(tf.linalg.solve(normal, tf.transpose(right)))
    return code + change
