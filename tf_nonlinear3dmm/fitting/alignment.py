"""Camera and shape code on landmarks: Gauss-Newton, nothing is drawn.

The shape decoder is almost linear in its code, so that one derivative, at the mean code, serves
every step; the distance is always that of the decoded face.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.fitting import landmarks, parameters, places, priors
from tf_nonlinear3dmm.networks.encoder import Codes
from tf_nonlinear3dmm.rendering import camera

STEPS = 6


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
    image_size: int,
    normal_triangles: np.ndarray | None,
    same_person: bool = False,
) -> parameters.Change:
    """The most probable camera and shape code, given landmarks.

    Args:
        face: `Codes` to start from.
        known: `landmarks.Landmarks`.
        marked: `places.Places` of the landmarks.
        decode: shape codes `[B, Ks]` -> vertices `[B, V, 3]`.
        image_size: side of the images in pixels.
        normal_triangles: `[Tn, 3]`, or None: points that the face hides are known as the others.
        same_person: whether all images show one person, see `priors`.

    Returns:
        `parameters.Change` of `face`.
    """
    moves = slopes(decode, face.shape_code.shape[1], marked)
    none = parameters.none(face)

    def step(camera_, shape):
        change = none._replace(camera=camera_, shape=shape)
        now = parameters.changed(face, change, image_size)
        vertices = decode(now.shape_code)
        visible = landmarks.in_sight(vertices, now.projection, marked, normal_triangles)
        precision = known.precision * visible
        points = places.on(vertices, marked)
        move = _step(now, change, points, moves, known.points, precision, image_size, same_person)
        projection = parameters.moved(now.projection, move[:, :6], image_size)
        return parameters.between(face.projection, projection, image_size), shape + move[:, 6:]

    start = none.camera, none.shape
    camera_, shape = tf.while_loop(lambda *_: True, step, start, maximum_iterations=STEPS)
    return none._replace(camera=camera_, shape=shape)


def _step(face, change, points, moves, targets, precision, image_size, same_person):
    """`[B, 6 + Ks]`: of camera and shape code, to the minimum if all were linear."""
    residual = targets - camera.project(points, face.projection)[..., :2]
    squares = precision * tf.reduce_sum(tf.square(residual), axis=-1)
    weights = precision / (1 + squares / landmarks.OUTLIER**2)
    slope = jacobian(face.projection, points, moves, image_size)  # [B, 2 K, P]
    weighted = slope * tf.repeat(weights, 2, axis=1)[..., tf.newaxis]
    residual = tf.reshape(residual, [tf.shape(residual)[0], -1])
    pull, stiffness = priors.of_codes(change.shape, same_person)
    diagonal = tf.concat([tf.ones_like(change.camera), stiffness], axis=1)
    normal = tf.matmul(weighted, slope, transpose_a=True) + tf.linalg.diag(diagonal)
    right = tf.linalg.matvec(weighted, residual, transpose_a=True)
    right -= tf.concat([change.camera, pull], axis=1)
    return tf.linalg.solve(normal, right[..., tf.newaxis])[..., 0]


def jacobian(
    projection: tf.Tensor, points: tf.Tensor, moves: tf.Tensor, image_size: float
) -> tf.Tensor:
    """`[B, 2 K, 6 + Ks]`: how image points x, y move with each number of camera and code."""
    turned = tf.matmul(points, camera.rotation(projection), transpose_b=True)
    x, y, z = tf.unstack(camera.scale(projection)[:, tf.newaxis, tf.newaxis] * turned, axis=-1)
    o, place = tf.zeros_like(x), parameters.PLACE * image_size * tf.ones_like(x)
    turn, scale = parameters.TURN, parameters.LOG_SCALE
    right = tf.stack([o, turn * z, -turn * y, scale * x, place, o], axis=-1)
    down = tf.stack([turn * z, o, -turn * x, -scale * y, o, place], axis=-1)
    of_code = tf.einsum("bij,pkj->bkip", projection[..., :3], moves)
    both = tf.concat([tf.stack([right, down], axis=2), of_code], axis=-1)
    return tf.reshape(both, [tf.shape(both)[0], -1, both.shape[-1]])
