"""Triangles to spans: the runs of pixels that a triangle covers in each row of the image.

Every tensor `[N]` holds one number per triangle or span; a, b, c are a triangle's corners.
"""

from typing import NamedTuple

import tensorflow as tf

from tf_nonlinear3dmm.core.types import Size
from tf_nonlinear3dmm.rendering import sparse


class Spans(NamedTuple):
    """Horizontal runs of pixels, each inside one triangle; L of them, image after image.

    Attributes:
        image: `[L]` int32, which image of the batch.
        triangle: `[L]` int32.
        corners: three `[L, 3]`, (x, y, depth) of the triangle's corners.
        x: `[L]` int32, column of the first pixel.
        y: `[L]` int32, row.
        more: `[L]` int32, how many pixels follow the first.
    """

    image: tf.Tensor
    triangle: tf.Tensor
    corners: list
    x: tf.Tensor
    y: tf.Tensor
    more: tf.Tensor


class Planes(NamedTuple):
    """Barycentrics and depth at the spans' first pixels, and their slopes in the image; all `[L]`.

    Attributes:
        b, c: barycentrics of the corners b and c; that of a is 1 - b - c.
        depth: in pixels.
        b_x, c_x, b_y, c_y: slopes per pixel of the barycentrics.
        depth_x: slope of the depth along the row.
    """

    b: tf.Tensor
    c: tf.Tensor
    depth: tf.Tensor
    b_x: tf.Tensor
    c_x: tf.Tensor
    b_y: tf.Tensor
    c_y: tf.Tensor
    depth_x: tf.Tensor


def spans(
    points: tf.Tensor, triangles: tf.Tensor, candidates: tf.Tensor, image_size: Size, int64: bool
) -> Spans:
    """The `Spans` of the triangles that may be seen.

    Args:
        points: `[B, V, 3]` (x, y, depth) pixels.
        triangles: `[T, 3]` int32.
        candidates: `[B, T]` bool, of the function of that name.
        image_size: (height, width).
        int64: whether to compute with int64, see `sparse`.
    """
    image_triangle = tf.cast(tf.where(candidates), tf.int32)
    corners = vertices(points, triangles, *tf.unstack(image_triangle, axis=1))
    corners = [sparse.gather(tf.reshape(points, [-1, 3]), corner) for corner in corners]

    # The first row of every triangle, then the further rows of those that have any.
    *first, rows = _scan_row(corners, 0, image_size)
    taller = sparse.flatnonzero(rows > 1)
    start = sparse.pairs(tf.zeros_like(taller), taller)
    further_rows = sparse.ranges(start, sparse.gather(rows, taller) - 1, int64)
    row, owner = tf.unstack(further_rows, axis=1)
    tall = [sparse.gather(corner, owner) for corner in corners]
    *further, _ = _scan_row(tall, row, image_size)

    owner = tf.concat([tf.range(tf.size(rows)), owner], axis=0)
    x, y, more = (tf.concat(parts, axis=0) for parts in zip(first, further, strict=True))
    fields = sparse.stack_columns([x, y, more, owner])
    covered = sparse.gather(fields, sparse.flatnonzero(more >= 0))
    x, y, more, owner = tf.unstack(covered, axis=1)
    image, triangle = tf.unstack(sparse.gather(image_triangle, owner), axis=1)
    corners = [sparse.gather(corner, owner) for corner in corners]
    return Spans(image, triangle, corners, x, y, more)


def vertices(
    points: tf.Tensor, triangles: tf.Tensor, image: tf.Tensor, triangle: tf.Tensor
) -> list[tf.Tensor]:
    """Rows of the batch's points `[B V, 3]`: the three corners, `[N]` each, of `triangle` `[N]`."""
    first = image * tf.shape(points)[1]
    return [first + k for k in tf.unstack(sparse.gather(triangles, triangle), axis=1)]


def planes(spans: Spans) -> Planes:
    """The `Planes` of `Spans`."""
    (ax, ay, az), b, c = (tf.unstack(corner, axis=1) for corner in spans.corners)
    bx, by, bz = (k - a for k, a in zip(b, (ax, ay, az), strict=True))
    cx, cy, cz = (k - a for k, a in zip(c, (ax, ay, az), strict=True))
    area = tf.minimum(bx * cy - by * cx, -1e-28)  # it is negative, but might round to 0
    b_x, c_x, b_y, c_y = cy / area, -by / area, -cx / area, bx / area
    x, y = tf.cast(spans.x, ax.dtype) - ax, tf.cast(spans.y, ay.dtype) - ay
    b, c = x * b_x + y * b_y, x * c_x + y * c_y
    return Planes(b, c, az + b * bz + c * cz, b_x, c_x, b_y, c_y, b_x * bz + c_x * cz)


def candidates(points: tf.Tensor, triangles: tf.Tensor, image_size: Size) -> tf.Tensor:
    """Which triangles face the camera and have a pixel in their bounding box: `[B, T]` bool.

    Args:
        points: `[B, V, 3]` (x, y, depth) pixels.
        triangles: `[T, 3]` int32.
        image_size: (height, width).
    """
    height, width = image_size
    x, y = _batch_last(points)
    cell = tf.bitwise.left_shift(_cell(y, height), 16) + _cell(x, width)
    a, b, c = (tf.gather(cell, corner) for corner in tf.unstack(triangles, axis=1))
    differ = tf.bitwise.bitwise_or(tf.bitwise.bitwise_xor(a, b), tf.bitwise.bitwise_xor(b, c))
    has_pixel = (differ > 0xFFFF) & (tf.bitwise.bitwise_and(differ, 0xFFFF) > 0)
    return tf.transpose(_facing(x, y, triangles) & has_pixel)


def facing(points: tf.Tensor, triangles: tf.Tensor) -> tf.Tensor:
    """Which of `triangles` `[T, 3]` face the camera in `points` `[B, V, 3]`: `[T, B]` bool."""
    return _facing(*_batch_last(points), triangles)


def _facing(x, y, triangles):
    """`facing` of coordinates `[V, B]`; not by `sparse.gather`, since the batch may be empty."""
    a, b, c = tf.unstack(triangles, axis=1)
    ax, bx, cx = (tf.gather(x, corner) for corner in (a, b, c))
    ay, by, cy = (tf.gather(y, corner) for corner in (a, b, c))
    return (bx - ax) * (cy - ay) < (by - ay) * (cx - ax)


def _batch_last(points) -> tuple[tf.Tensor, tf.Tensor]:
    """x and y of `points` `[B, V, 3]`, as `[V, B]` each: one gather then serves all images.

    x is NaN where any coordinate is NaN, infinite, or so large that products would overflow.
    """
    x, y, z = tf.unstack(tf.transpose(points, [2, 1, 0]))
    far = points.dtype.max**0.75
    bad = x * far + y * far + z * far
    return x + (bad - bad), y


def _cell(coordinate, size):
    """Even on a pixel's centre, odd between two: equal where no centre lies between."""
    inside = tf.clip_by_value(coordinate, -1.0, float(size))
    return tf.cast(tf.floor(inside) + tf.math.ceil(inside), tf.int32) + 2


def _scan_row(corners, row, image_size):
    """Intersects triangles of three `corners` `[N, 3]` with a row of pixels.

    Every edge is followed down from its upper end, so that the two triangles that share it compute
    the same intersection and leave no pixel between them.

    Returns:
        x, y: the first pixel covered; more: pixels after it, negative if none is covered; rows: how
        many rows the triangle reaches. All `[N]` int32. `row` counts from the first of these.
    """
    height, width = image_size
    a, b, c = (tf.unstack(corner, axis=1)[:2] for corner in corners)
    (ax, ay), (bx, by) = _by_height(*a, *b)
    (bx, by), (cx, cy) = _by_height(bx, by, *c)
    (ax, ay), (bx, by) = _by_height(ax, ay, bx, by)
    top = tf.maximum(tf.math.ceil(ay), 0.0)
    rows = tf.cast(tf.minimum(tf.floor(cy), height - 1.0) - top, tf.int32) + 1
    y = top + tf.cast(row, top.dtype)

    upper = y < by  # the row crosses a-c, and a-b or b-c
    start_x, start_y = tf.where(upper, ax, bx), tf.where(upper, ay, by)
    end_x, end_y = tf.where(upper, bx, cx), tf.where(upper, by, cy)
    one = ax + tf.math.divide_no_nan((y - ay) * (cx - ax), cy - ay)
    two = start_x + tf.math.divide_no_nan((y - start_y) * (end_x - start_x), end_y - start_y)
    x = tf.maximum(tf.math.ceil(tf.minimum(one, two)), 0.0)
    last = tf.minimum(tf.floor(tf.maximum(one, two)), width - 1.0)
    more = tf.where(rows > 0, tf.cast(last - x, tf.int32), -1)
    return tf.cast(x, tf.int32), tf.cast(y, tf.int32), more, rows


def _by_height(ax, ay, bx, by):
    """Two points, the upper one first."""
    swap = by < ay
    upper = tf.where(swap, bx, ax), tf.minimum(ay, by)
    return upper, (tf.where(swap, ax, bx), tf.maximum(ay, by))
