"""How far a face is from landmarks: a robust distance, weighted by what is known of each."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_nonlinear3dmm.core import shapes
from tf_nonlinear3dmm.fitting import places
from tf_nonlinear3dmm.rendering import camera, lighting

OUTLIER = 3.0  # deviations from which a landmark counts less and less
IN_SIGHT = 0.15  # cosine to the viewing direction about which a point goes out of sight


class Landmarks(NamedTuple):
    """Points that are known in `B` images.

    Attributes:
        points: `[B, K, 2]` pixels; finite, any number where `precision` is 0.
        precision: `[B, K]`: 1 / variance in pixels^-2; 0 where a point is not known.
        pair_precision: `[B, Q]`: likewise, of how far two of `places.Places.pairs` are apart.
        size: `[B]` pixels, of the faces.
    """

    points: tf.Tensor
    precision: tf.Tensor
    pair_precision: tf.Tensor
    size: tf.Tensor


def known(
    points: npt.ArrayLike,
    confidence: npt.ArrayLike,
    marked: places.Places,
    size: npt.ArrayLike,
) -> Landmarks:
    """`Landmarks` of what a person or a detector says.

    What a confidence below 1 adds to the variance of a point is an error of all points together
    (`detection.confidence`). In the difference of two it counts once, not once for each point.

    Args:
        points: `[B, K, 2]` pixels; NaN where hidden.
        confidence: `[B]` or `[B, K]` in [0, 1].
        marked: `places.Places` of the points.
        size: `[B]` pixels, of the faces.
    """
    points, size = np.asarray(points, np.float32)[..., :2], np.asarray(size, np.float32)
    noise, pairs = marked.noise, marked.pairs
    shapes.check(points=(points, "B K 2"), noise=(noise, "K"), size=(size, "B"))
    confidence = np.asarray(confidence, np.float32)
    confidence = confidence.reshape(*confidence.shape, *[1] * (2 - confidence.ndim))
    confidence = confidence * np.isfinite(points).all(axis=-1)
    pixels = size[:, np.newaxis] / 100
    precision = confidence / np.square(noise * pixels)
    share = confidence[:, pairs]  # [B, Q, 2]
    together = np.square(noise[pairs]) * (1 - share) / np.maximum(share, 1e-6) / len(noise)
    variance = np.square(marked.pair_noise) + together.mean(axis=-1)
    pair_precision = (share.min(axis=-1) > 0) / (variance * np.square(pixels))
    points = np.where(np.isfinite(points), points, 0)
    arrays = points, precision, pair_precision, size
    return Landmarks(*(tf.constant(array, tf.float32) for array in arrays))


def in_sight(
    vertices: tf.Tensor,
    projection: tf.Tensor,
    marked: places.Places,
    normal_triangles: np.ndarray | None,
) -> tf.Tensor:
    """`[B, K]` in [0, 1]: how surely places on `vertices` `[B, V, 3]` face the camera.

    1 where `normal_triangles` is None: landmarks that the face hides are known as the others.
    """
    if normal_triangles is None:
        return tf.ones([tf.shape(vertices)[0], len(marked.noise)], vertices.dtype)
    normals = tf.gather(lighting.vertex_normals(vertices, normal_triangles), marked.around, axis=1)
    normals = tf.math.l2_normalize(tf.reduce_mean(normals, axis=2), axis=-1)
    towards = tf.linalg.matvec(normals, camera.rotation(projection)[:, 2])
    return tf.stop_gradient(tf.sigmoid((towards - IN_SIGHT) / (IN_SIGHT / 4)))


def robust(squares: tf.Tensor, outlier: float = OUTLIER) -> tf.Tensor:
    """Squared distances in deviations, as they count: like a logarithm beyond `outlier`."""
    return outlier**2 * tf.math.log1p(squares / outlier**2)


def energy(predicted: tf.Tensor, landmarks: Landmarks, visible: tf.Tensor) -> tf.Tensor:
    """`[B]`: minus twice the log-likelihood of `predicted` `[B, K, 2]` places."""
    squares = tf.reduce_sum(tf.square(predicted - landmarks.points), axis=-1)
    return tf.reduce_sum(robust(visible * landmarks.precision * squares), axis=-1)


def distance(predicted: tf.Tensor, landmarks: Landmarks, visible: tf.Tensor) -> tf.Tensor:
    """`[B]`: mean distance in percent of the face's size, weighted as the fit weighs; 0 of none."""
    weights = landmarks.precision * visible
    lengths = tf.norm(predicted - landmarks.points, axis=-1)
    mean = tf.math.divide_no_nan(
        tf.reduce_sum(weights * lengths, axis=-1), tf.reduce_sum(weights, axis=-1)
    )
    return 100 * mean / landmarks.size
