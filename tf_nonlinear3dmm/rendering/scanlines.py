"""Triangles to spans: the rows of pixels whose centres they cover.

Columns of numbers stand for many triangles or spans at a time; a, b, c are a triangle's corners.
"""

from typing import NamedTuple

import tensorflow as tf

from tf_nonlinear3dmm.rendering import sparse


class Spans(NamedTuple):
    """Rows of neighbouring pixels, each in one triangle; L of them, image after image.

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
    """Barycentrics and depth, linear in the pixel, at the spans' first pixels; all `[L]`.

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


def find(points, triangles, chosen, image_size, kit):
    """The spans of triangles.

    Args:
        points: `[B, V, 3]` (x, y, depth) pixels.
        triangles: `[T, 3]` int32.
        chosen: `[B, T]` bool, of the triangles that `candidates` finds.
        image_size: (height, width).
        kit: `sparse.Int64` or `sparse.Int32`.

    Returns:
        `Spans`.
    """
    chosen = tf.cast(tf.where(chosen), tf.int32)
    corners = vertices(points, triangles, *sparse.columns(chosen))
    corners = [sparse.pick(tf.reshape(points, [-1, 3]), corner) for corner in corners]

    # The first row of every triangle, then the further rows of those that have any.
    *first, rows = _cross_row(corners, 0, image_size)
    taller = sparse.places(rows > 1)
    start = kit.pairs(tf.zeros_like(taller), taller)
    row, owner = sparse.columns(kit.runs(start, sparse.pick(rows, taller) - 1))
    tall = [sparse.pick(corner, owner) for corner in corners]
    *further, _ = _cross_row(tall, row, image_size)

    owner = tf.concat([tf.range(tf.size(rows)), owner], axis=0)
    x, y, more = (tf.concat(parts, axis=0) for parts in zip(first, further, strict=True))
    filled = sparse.pick(sparse.rows([x, y, more, owner]), sparse.places(more >= 0))
    x, y, more, owner = sparse.columns(filled)
    image, triangle = sparse.columns(sparse.pick(chosen, owner))
    corners = [sparse.pick(corner, owner) for corner in corners]
    return Spans(image, triangle, corners, x, y, more)


def vertices(points, triangles, image, triangle):
    """Three `[N]` rows of the batch's points `[B V, 3]`: the corners of `triangle` in `image`."""
    first = image * tf.shape(points)[1]
    return [first + k for k in sparse.columns(sparse.pick(triangles, triangle))]


def planes(spans):
    """The `Planes` of `Spans`."""
    (ax, ay, az), b, c = (sparse.columns(corner) for corner in spans.corners)
    bx, by, bz = (k - a for k, a in zip(b, (ax, ay, az), strict=True))
    cx, cy, cz = (k - a for k, a in zip(c, (ax, ay, az), strict=True))
    area = tf.minimum(bx * cy - by * cx, -1e-28)  # it is negative, but might round to 0
    b_x, c_x, b_y, c_y = cy / area, -by / area, -cx / area, bx / area
    x, y = tf.cast(spans.x, ax.dtype) - ax, tf.cast(spans.y, ay.dtype) - ay
    b, c = x * b_x + y * b_y, x * c_x + y * c_y
    return Planes(b, c, az + b * bz + c * cz, b_x, c_x, b_y, c_y, b_x * bz + c_x * cz)


def candidates(points, triangles, image_size):
    """Which triangles face the camera and have a pixel in their bounding box: `[B, T]` bool.

    Args:
        points: `[B, V, 3]` (x, y, depth) pixels.
        triangles: `[T, 3]` int32.
        image_size: (height, width).
    """
    height, width = image_size
    x, y = _by_vertex(points)
    cell = tf.bitwise.left_shift(_cell(y, height), 16) + _cell(x, width)
    a, b, c = (tf.gather(cell, corner) for corner in sparse.columns(triangles))
    differ = tf.bitwise.bitwise_or(tf.bitwise.bitwise_xor(a, b), tf.bitwise.bitwise_xor(b, c))
    filled = (differ > 0xFFFF) & (tf.bitwise.bitwise_and(differ, 0xFFFF) > 0)
    return tf.transpose(_facing(x, y, triangles) & filled)


def facing(points, triangles):
    """Which of `triangles` `[T, 3]` face the camera in `points` `[B, V, 3]`: `[T, B]` bool."""
    return _facing(*_by_vertex(points), triangles)


def _facing(x, y, triangles):
    """`facing` of the coordinates `[V, B]`. No `pick`, since the batch may be empty."""
    a, b, c = sparse.columns(triangles)
    ax, bx, cx = (tf.gather(x, corner) for corner in (a, b, c))
    ay, by, cy = (tf.gather(y, corner) for corner in (a, b, c))
    return (bx - ax) * (cy - ay) < (by - ay) * (cx - ax)


def _by_vertex(points):
    """x and y of `points` `[B, V, 3]`, as `[V, B]` each.

    With the batch last, one gather moves a whole row of images. x is NaN where any coordinate is
    NaN, infinite, or so far that products would overflow.
    """
    x, y, z = tf.unstack(tf.transpose(points, [2, 1, 0]))
    far = points.dtype.max**0.75
    bad = x * far + y * far + z * far
    return x + (bad - bad), y


def _cell(coordinate, size):
    """Even numbers on pixels' centres, odd ones between: equal where no centre lies between."""
    inside = tf.clip_by_value(coordinate, -1.0, float(size))
    return tf.cast(tf.floor(inside) + tf.math.ceil(inside), tf.int32) + 2


def _cross_row(corners, row, image_size):
    """Where a row of pixels crosses triangles of three `corners` `[S, 3]`.

    Every edge is followed down from its upper end, so that two triangles that share it find the
    same crossing: no pixel is missed between them.

    Returns:
        x, y: the first pixel covered; more: pixels after it, negative if none is covered; rows: how
        many rows the triangle reaches. All `[S]` int32. `row` counts from the first of these.
    """
    height, width = image_size
    a, b, c = (sparse.columns(corner)[:2] for corner in corners)
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
