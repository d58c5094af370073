"""Vertices to image points: the scaled orthographic (weak perspective) camera.

A `projection` `[B, 2, 4]` takes homogeneous vertices in the face frame (x to the subject's left,
y up, z to the camera) to pixels (x right, y down). In the camera frame x is right in the image, y
up and z to the camera; only `projection` and image points have y down.
"""

import numpy.typing as npt
import tensorflow as tf

from tf_nonlinear3dmm.core import shapes


def project(vertices: tf.Tensor, projection: tf.Tensor) -> tf.Tensor:
    """Image points of a mesh.

    Args:
        vertices: `[B, V, 3]` in the face frame.
        projection: `[B, 2, 4]`, face units to pixels, y down.

    Returns:
        `[B, V, 3]` (x, y, depth) pixels. Depth is measured along the viewing direction, scaled by
        the mean norm of the projection's rows; larger is nearer; its zero is the face's origin.

    Raises:
        ValueError: if a static shape differs from the above.
    """
    shapes.check(vertices=(vertices, "B V 3"), projection=(projection, "B 2 4"))
    linear = tf.concat([projection[..., :3], _depth_row(projection)], axis=1)
    offset = tf.concat([projection[..., 3], tf.zeros_like(projection[:, :1, 3])], axis=1)
    return tf.matmul(vertices, linear, transpose_b=True) + offset[:, tf.newaxis]


def rotation(projection: tf.Tensor) -> tf.Tensor:
    """The rotation of a projection, face frame to camera frame.

    Args:
        projection: `[B, 2, 4]`. Its rows need not be orthogonal or equally long: the two
            axes of the result lie in their plane, equally far from the rows' directions.

    Returns:
        `[B, 3, 3]`, orthonormal with determinant +1; rows are right, up, to the camera.
    """
    shapes.check(projection=(projection, "B 2 4"))
    right, down = tf.unstack(tf.math.l2_normalize(projection[..., :3], axis=-1), axis=1)
    between = tf.math.l2_normalize(right - down, axis=-1)
    across = tf.math.l2_normalize(right + down, axis=-1)
    right, up = (between + across) * 0.5**0.5, (between - across) * 0.5**0.5
    return tf.stack([right, up, tf.linalg.cross(right, up)], axis=1)


def scale(projection: tf.Tensor) -> tf.Tensor:
    """Pixels per face unit: the mean norm of the two rows, `[B]`."""
    rows = projection[..., :3]
    norms = tf.reduce_sum(rows * tf.math.l2_normalize(rows, axis=-1), axis=-1)  # smooth at 0
    return tf.reduce_mean(norms, axis=-1)


def compose(
    yaw: tf.Tensor, pitch: tf.Tensor, roll: tf.Tensor, scale: tf.Tensor, translation: tf.Tensor
) -> tf.Tensor:
    """The projection of a pose.

    Args:
        yaw: `[B]` radians about the up axis; positive turns the nose to the image's right.
        pitch: `[B]` radians about the right axis; positive turns the nose down.
        roll: `[B]` radians about the viewing axis; positive turns the head anticlockwise.
        scale: `[B]` pixels per face unit.
        translation: `[B, 2]` (x, y) pixels: where the face's origin lands.

    Returns:
        `[B, 2, 4]`: roll after pitch after yaw, scaled and moved.
    """
    turn = tf.matmul(_about("z", roll), tf.matmul(_about("x", pitch), _about("y", yaw)))
    rows = turn[:, :2] * tf.constant([[1.0], [-1.0]], turn.dtype) * scale[:, tf.newaxis, tf.newaxis]
    return tf.concat([rows, translation[..., tf.newaxis]], axis=-1)


def from_six(
    numbers: tf.Tensor,
    scale: tf.Tensor,
    place: tf.Tensor,
    point: npt.ArrayLike = (0.0, 0.0, 0.0),
) -> tf.Tensor:
    """The projection whose rotation six unconstrained numbers give (Zhou et al., CVPR 2019).

    The map is continuous, which no map from three or four numbers to all rotations is.

    Args:
        numbers: `[B, 6]`: two vectors in the face frame, near the camera's right and up, made
            orthonormal: the first keeps its direction, the second turns within their plane.
        scale: `[B]` pixels per face unit.
        place: `[B, 2]` (x, y) pixels: where `point` lands.
        point: `[3]` of the face frame.

    Returns:
        `[B, 2, 4]`, rows of equal length and at right angles.
    """
    shapes.check(numbers=(numbers, "B 6"), scale=(scale, "B"), place=(place, "B 2"))
    right, up = tf.split(numbers, 2, axis=-1)
    right = tf.math.l2_normalize(right, axis=-1)
    up = tf.math.l2_normalize(up - right * tf.reduce_sum(right * up, -1, keepdims=True), axis=-1)
    rows = tf.stack([right, -up], axis=1) * scale[:, tf.newaxis, tf.newaxis]
    translation = place - tf.linalg.matvec(rows, tf.cast(point, rows.dtype))
    return tf.concat([rows, translation[..., tf.newaxis]], axis=-1)


def from_rotation(
    turn: tf.Tensor,
    scale: tf.Tensor,
    place: tf.Tensor,
    point: npt.ArrayLike = (0.0, 0.0, 0.0),
) -> tf.Tensor:
    """The projection `[B, 2, 4]` of a `rotation` `[B, 3, 3]`; the rest as for `from_six`."""
    return from_six(tf.reshape(turn[:, :2], [-1, 6]), scale, place, point)


def seen(projection: tf.Tensor, point: npt.ArrayLike) -> tf.Tensor:
    """`[B, 2]` pixels: where projections `[B, 2, 4]` see a `point` `[3]` of the face frame."""
    linear = projection[..., :3]
    return tf.linalg.matvec(linear, tf.cast(point, linear.dtype)) + projection[..., 3]


def mirror(projection: tf.Tensor, width: int) -> tf.Tensor:
    """The projections `[B, 2, 4]` of mirrored faces in mirrored images, `width` pixels wide."""
    projection = tf.convert_to_tensor(projection)
    signs = tf.constant([[1.0, -1, -1, -1], [-1, 1, 1, 1]], projection.dtype)
    return signs * projection + tf.constant([[0, 0, 0, width - 1.0], [0] * 4], projection.dtype)


def decompose(
    projection: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """The inverse of `compose`: `yaw, pitch, roll, scale` `[B]` and `translation` `[B, 2]`.

    Pitch lies in [-pi/2, pi/2]; at its ends yaw and roll are not unique.
    """
    turn = rotation(projection)
    pitch = tf.asin(tf.clip_by_value(turn[:, 2, 1], -1.0, 1.0))
    yaw = tf.atan2(-turn[:, 2, 0], turn[:, 2, 2])
    roll = tf.atan2(-turn[:, 0, 1], turn[:, 1, 1])
    return yaw, pitch, roll, scale(projection), projection[..., 3]


def crop(
    projection: tf.Tensor, x0: float | tf.Tensor, y0: float | tf.Tensor, k: float | tf.Tensor
) -> tf.Tensor:
    """The projection into the image resampled by `k` from offset (`x0`, `y0`).

    Args:
        projection: `[B, 2, 4]`.
        x0: scalar or `[B]`, pixels of the old image, left edge of the crop.
        y0: likewise, upper edge.
        k: scalar or `[B]`, new pixels per old pixel.

    Returns:
        `[B, 2, 4]`; points move by x' = k (x - x0 + 0.5) - 0.5.
    """
    shapes.check(projection=(projection, "B 2 4"))
    dtype = projection.dtype
    k = tf.convert_to_tensor(k, dtype)[..., tf.newaxis]
    corner = tf.stack([tf.convert_to_tensor(x0, dtype), tf.convert_to_tensor(y0, dtype)], axis=-1)
    offset = k * (projection[..., 3] - corner + 0.5) - 0.5
    return tf.concat([projection[..., :3] * k[..., tf.newaxis], offset[..., tf.newaxis]], axis=-1)


def crop_points(
    points: tf.Tensor, x0: float | tf.Tensor, y0: float | tf.Tensor, k: float | tf.Tensor
) -> tf.Tensor:
    """Moves `[B, N, 2]` or `[B, N, 3]` points as `crop` moves a projection; depth scales by `k`."""
    dtype = points.dtype
    k = tf.convert_to_tensor(k, dtype)[..., tf.newaxis, tf.newaxis]
    corner = tf.stack([tf.convert_to_tensor(x0, dtype), tf.convert_to_tensor(y0, dtype)], axis=-1)
    moved = k * (points[..., :2] - corner[..., tf.newaxis, :] + 0.5) - 0.5
    return tf.concat([moved, points[..., 2:] * k], axis=-1)


def _depth_row(projection):
    directions = tf.math.l2_normalize(projection[..., :3], axis=-1)
    towards = tf.linalg.cross(directions[:, 1], directions[:, 0])  # y down, so row 2 x row 1
    towards = tf.math.l2_normalize(towards, axis=-1)
    return (towards * scale(projection)[:, tf.newaxis])[:, tf.newaxis]


def _about(axis, angle):
    """`[B, 3, 3]` rotations about one axis of the camera frame, see `compose` for their senses."""
    c, s, zero, one = tf.cos(angle), tf.sin(angle), tf.zeros_like(angle), tf.ones_like(angle)
    rows = {
        "x": [[one, zero, zero], [zero, c, -s], [zero, s, c]],
        "y": [[c, zero, s], [zero, one, zero], [-s, zero, c]],
        "z": [[c, -s, zero], [s, c, zero], [zero, zero, one]],
    }[axis]
    return tf.stack([tf.stack(row, axis=-1) for row in rows], axis=1)
