"""Camera and shape code on landmarks: Gauss-Newton, nothing is drawn.

The shape decoder is almost linear in its code, so that one derivative, at the mean code, serves
every step; the distance is always that of the decoded face.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.fitting import landmarks, parameters, places, priors
from tf_nonlinear3dmm.networks.encoder import Codes
from tf_nonlinear3dmm.rendering import camera

STEPS = 6


class Aligned(NamedTuple):
    """What landmarks say about camera and shape, P = 6 + Ks numbers.

    Attributes:
        change: `parameters.Change`, the most probable one.
        information: `[B, P, P]`, half the second derivative of the landmarks' energy there.
        pull: `[B, P]`, minus half its gradient there; the prior pulls the other way.
    """

    change: parameters.Change
    information: tf.Tensor
    pull: tf.Tensor


def energy(aligned: Aligned, change: parameters.Change) -> tf.Tensor:
    """`[B]`: what landmarks say about a change near the aligned one, up to a constant."""
    there, here = (tf.concat([c.camera, c.shape], axis=1) for c in (change, aligned.change))
    off = there - here
    curved = tf.linalg.matvec(aligned.information, off)
    return tf.reduce_sum(off * (curved - 2 * aligned.pull), axis=1)


def unknown(face: Codes) -> Aligned:
    """`Aligned` of a face without landmarks."""
    none = parameters.none(face)
    pull = tf.concat([none.camera, none.shape], axis=1)
    return Aligned(none, tf.zeros_like(pull[:, tf.newaxis] * pull[..., tf.newaxis]), pull)


def slopes(
    decode: Callable[[tf.Tensor], tf.Tensor], code_size: int, marked: places.Places
) -> tf.Tensor:
    """`[Ks, K, 3]`: how far a unit of each shape code moves the places, about the mean code.

    Args:
        decode: shape codes `[B, Ks]` -> vertices `[B, V, 3]`.
        code_size: Ks.
        marked: `places.Places`.
    """
    codes = tf.concat([tf.zeros([1, code_size]), tf.eye(code_size)], axis=0)
    points = places.on(decode(codes), marked)
    return points[1:] - points[:1]


def align(
    face: Codes,
    known: landmarks.Landmarks,
    marked: places.Places,
    decode: Callable[[tf.Tensor], tf.Tensor],
    units: parameters.Units,
    normal_triangles: np.ndarray | None,
    same_person: bool = False,
) -> Aligned:
    """The most probable camera and shape code, given landmarks.

    Args:
        face: `Codes` to start from.
        known: `landmarks.Landmarks`.
        marked: `places.Places` of the landmarks.
        decode: shape codes `[B, Ks]` -> vertices `[B, V, 3]`.
        units: `parameters.Units`.
        normal_triangles: `[Tn, 3]`, or None: points that the face hides are known as the others.
        same_person: whether all images show one person, see `priors`.

    Returns:
        `Aligned`.
    """
    moves = slopes(decode, face.shape_code.shape[1], marked)
    moves = tf.einsum("pq,qkc->pkc", units.shape, moves)
    look = functools.partial(_look, face, known, marked, decode, moves, units, normal_triangles)
    start = unknown(face).change

    def step(camera_, shape):
        at = look(start._replace(camera=camera_, shape=shape))
        change = _step(face, at, units, same_person)
        return change.camera, change.shape

    parts = tf.while_loop(
        lambda *_: True, step, (start.camera, start.shape), maximum_iterations=STEPS
    )
    return look(start._replace(camera=parts[0], shape=parts[1]))


def _look(face, known, marked, decode, moves, units, normal_triangles, change):
    """`Aligned` of a change as it is: what the landmarks say there."""
    now = parameters.changed(face, change, units)
    vertices = decode(now.shape_code)
    visible = landmarks.in_sight(vertices, now.projection, marked, normal_triangles)
    points = places.on(vertices, marked)
    equations = normal(known, now.projection, points, visible, moves, units, marked.pairs)
    return Aligned(change, *equations)


def normal(
    known: landmarks.Landmarks,
    projection: tf.Tensor,
    points: tf.Tensor,
    visible: tf.Tensor,
    moves: tf.Tensor,
    units: parameters.Units,
    pairs: np.ndarray,
) -> tuple[tf.Tensor, tf.Tensor]:
    """The normal equations of camera and shape on landmarks and how far pairs of them are apart.

    Both are reweighted for outliers.

    Args:
        known: `landmarks.Landmarks`.
        projection: `[B, 2, 4]`.
        points: `[B, K, 3]`, the places of the landmarks on the face.
        visible: `[B, K]` of `landmarks.in_sight`.
        moves: `[Ks, K, 3]`, see `slopes`.
        units: `parameters.Units`.
        pairs: `[Q, 2]` of `places.Places`.

    Returns:
        `information` `[B, P, P]` and `pull` `[B, P]`, see `Aligned`.
    """
    residual = known.points - camera.project(points, projection)[..., :2]
    slope = _jacobian(projection, points, moves, units)  # [B, K, 2, P]
    first, second = pairs[:, 0], pairs[:, 1]

    def apart(values):
        return tf.gather(values, first, axis=1) - tf.gather(values, second, axis=1)

    both_visible = tf.gather(visible, first, axis=1) * tf.gather(visible, second, axis=1)
    of_points = _weighted(residual, known.precision * visible, slope)
    of_pairs = _weighted(apart(residual), known.pair_precision * both_visible, apart(slope))
    information, pull = (a + b for a, b in zip(of_points, of_pairs, strict=True))
    return information, pull


def _weighted(residual, precision, slope):
    """The normal equations of residuals `[B, N, 2]` with slopes `[B, N, 2, P]`."""
    squares = precision * tf.reduce_sum(tf.square(residual), axis=-1)
    weights = precision / (1 + squares / landmarks.OUTLIER**2)
    weighted = slope * weights[..., tf.newaxis, tf.newaxis]
    batch, numbers = tf.shape(slope)[0], slope.shape[-1]
    rows = [tf.reshape(part, [batch, -1, numbers]) for part in (weighted, slope)]
    pull = tf.linalg.matvec(rows[0], tf.reshape(residual, [batch, -1]), transpose_a=True)
    return tf.matmul(*rows, transpose_a=True), pull


def _step(face, at, units, same_person):
    """The `parameters.Change` that were the most probable one, were all linear."""
    change = at.change
    back, stiffness = priors.of_codes(change.shape, same_person)
    diagonal = tf.concat([tf.ones_like(change.camera), stiffness], axis=1)
    matrix = at.information + tf.linalg.diag(diagonal)
    right = at.pull - tf.concat([change.camera, back], axis=1)
    step = tf.linalg.solve(matrix, right[..., tf.newaxis])[..., 0]
    projection = parameters.moved(face.projection, change.camera, units)
    projection = parameters.moved(projection, step[:, :6], units)
    camera_ = parameters.between(face.projection, projection, units)
    return change._replace(camera=camera_, shape=change.shape + step[:, 6:])


def _jacobian(
    projection: tf.Tensor, points: tf.Tensor, moves: tf.Tensor, units: parameters.Units
) -> tf.Tensor:
    """`[B, K, 2, 6 + Ks]`: how image points x, y move with each number of camera and code."""
    turned = tf.matmul(points - units.centre, camera.rotation(projection), transpose_b=True)
    x, y, z = tf.unstack(camera.scale(projection)[:, tf.newaxis, tf.newaxis] * turned, axis=-1)
    o, place = tf.zeros_like(x), parameters.PLACE * units.image_size * tf.ones_like(x)
    turn, scale = parameters.TURN, parameters.LOG_SCALE
    right = tf.stack([o, turn * z, -turn * y, scale * x, place, o], axis=-1)
    down = tf.stack([turn * z, o, -turn * x, -scale * y, o, place], axis=-1)
    of_code = tf.einsum("bij,pkj->bkip", projection[..., :3], moves)
    return tf.concat([tf.stack([right, down], axis=2), of_code], axis=-1)
