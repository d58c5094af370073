"""The z-buffer: which span each pixel sees, as a sparse matrix, and what follows from it."""

from typing import NamedTuple

import tensorflow as tf

from tf_nonlinear3dmm.core.types import Size
from tf_nonlinear3dmm.rendering import scanlines, sparse


class PixelMatrix(NamedTuple):
    """Barycentrics and depth of all pixels as a sparse matrix times few dense rows.

    Along a span both are `first + place * slope`. So a span has a row with the values at its first
    pixel and, if it has two or more pixels, another with their slopes: L rows in all. A pixel that
    sees the span has weight 1 in the one and `place` in the other.

    Attributes:
        indices: `[N, 2]` int32, (pixel, row).
        weights: `[N]`; 0 where something nearer hides the span.
        barycentric: `[3, L]`.
        depth: `[L]`.
        slopes: `[4, L]`, of the barycentrics b and c in x, then in y, per pixel.
        vertices: `[3, L]` int32, the triangles' corners in the batch's points `[B V, 3]`.
    """

    indices: tf.Tensor
    weights: tf.Tensor
    barycentric: tf.Tensor
    depth: tf.Tensor
    slopes: tf.Tensor
    vertices: tf.Tensor


def depth_test(
    points: tf.Tensor, triangles: tf.Tensor, candidates: tf.Tensor, image_size: Size, int64: bool
) -> tuple[tf.Tensor, PixelMatrix]:
    """What the pixels of all images see.

    Args:
        points: `[B, V, 3]` (x, y, depth) pixels.
        triangles: `[T, 3]` int32.
        candidates: `[B, T]` bool, of `scanlines.candidates`.
        image_size: (height, width).
        int64: whether to compute with int64, see `sparse`.

    Returns:
        triangle ids `[B H W]` int32, -1 where nothing is seen, and the `PixelMatrix`.
    """
    height, width = image_size
    spans = scanlines.spans(points, triangles, candidates, image_size, int64)
    planes = scanlines.planes(spans)
    longer = sparse.flatnonzero(spans.more > 0)
    more, depth_x = sparse.gather(spans.more, longer), sparse.gather(planes.depth_x, longer)
    columns = [planes.b_x, planes.c_x, planes.b_y, planes.c_y]
    slopes = tf.unstack(sparse.gather(sparse.stack_columns(columns), longer), axis=1)

    # The first pixels of all spans, then the further ones: (pixel, span) and (place, slopes' row).
    pixel = (spans.image * height + spans.y) * width + spans.x
    first = sparse.pairs(pixel, tf.range(tf.size(pixel)))
    further = sparse.ranges(sparse.gather(first, longer), more, int64)
    start = sparse.pairs(tf.zeros_like(longer), tf.size(pixel) + tf.range(tf.size(longer)))
    place, slope_row = tf.unstack(sparse.ranges(start, more, int64), axis=1)
    further_pixel, span = tf.unstack(further, axis=1)
    pixel = tf.concat([pixel, further_pixel], axis=0)
    place = tf.cast(place, points.dtype)
    indices = [first, further, sparse.pairs(further_pixel, slope_row)]

    triangle = tf.concat([spans.triangle, sparse.gather(spans.triangle, span)], axis=0)
    depth_rank = _depth_ranks(points, spans.image, planes, span, place)
    triangle_id = sparse.segment_argmin(
        sparse.pairs(triangle, depth_rank), pixel, tf.shape(points)[0] * height * width, int64
    )
    visible = tf.cast(tf.equal(sparse.gather(triangle_id, pixel), triangle), points.dtype)
    weights = [visible, visible[tf.size(spans.more) :] * place]
    b_x, c_x = slopes[:2]
    barycentric = [tf.stack([1 - planes.b - planes.c, planes.b, planes.c])]
    barycentric += [tf.stack([-b_x - c_x, b_x, c_x])]
    owner = [tf.concat([k, sparse.gather(k, longer)], axis=0) for k in spans[:2]]
    return triangle_id, PixelMatrix(
        indices=tf.concat(indices, axis=0),
        weights=tf.concat(weights, axis=0),
        barycentric=tf.concat(barycentric, axis=1),
        depth=tf.concat([planes.depth, depth_x], axis=0),
        slopes=tf.concat([tf.stack(columns), tf.stack(slopes)], axis=1),
        vertices=tf.stack(scanlines.vertices(points, triangles, *owner)),
    )


def barycentric(points: tf.Tensor, matrix: PixelMatrix, size: int | tf.Tensor) -> tf.Tensor:
    """Barycentrics of all pixels, `[size, 3]`; the `PixelMatrix` is that of `points` `[B V, 3]`."""

    @tf.custom_gradient
    def run(points):
        def backward(upstream):
            count = tf.size(matrix.depth)
            upstream = sparse.matmul_adjoint_a(matrix.indices, matrix.weights, upstream, count)
            a, b, c = tf.unstack(upstream, axis=1)
            return _point_gradient(points, matrix, b - a, c - a, tf.zeros_like(a))

        columns = matrix.barycentric
        return sparse.matmul_adjoint_b(matrix.indices, matrix.weights, columns, size), backward

    return run(points)


def depth(points: tf.Tensor, matrix: PixelMatrix, size: int | tf.Tensor) -> tf.Tensor:
    """Depths of all pixels, `[size, 1]`; the `PixelMatrix` is that of `points` `[B V, 3]`."""

    @tf.custom_gradient
    def run(points):
        def backward(upstream):
            count = tf.size(matrix.depth)
            upstream = sparse.matmul_adjoint_a(matrix.indices, matrix.weights, upstream, count)
            upstream = upstream[:, 0]
            a, b, c = tf.unstack(sparse.gather(points[:, 2], matrix.vertices) * upstream)
            return _point_gradient(points, matrix, b - a, c - a, upstream)

        values = matrix.depth[:, tf.newaxis]
        return sparse.matmul(matrix.indices, matrix.weights, values, size), backward

    return run(points)


def _point_gradient(points, matrix, b, c, depth):
    """Gradient `[B V, 3]` of the points, given that of the matrix's barycentrics b, c and depth.

    A corner that moves by d moves all that lies at a pixel by its barycentric times d, which is as
    if the pixel moved as far the other way. `b`, `c` and `depth` are `[L]`.
    """
    b_x, c_x, b_y, c_y = tf.unstack(matrix.slopes)
    moves = tf.stack([-(b * b_x + c * c_x), -(b * b_y + c * c_y), depth])
    row = tf.broadcast_to(tf.range(tf.size(b)), tf.shape(matrix.vertices))
    indices = tf.reshape(sparse.pairs(matrix.vertices, row), [-1, 2])
    weights = tf.reshape(matrix.barycentric, [-1])
    return sparse.matmul_adjoint_b(indices, weights, moves, tf.shape(points)[0])


def _depth_ranks(points, image, planes, span, place):
    """Depth of the fragments as int32, smaller for what is nearer.

    The unit is about 2^-29 of the largest depth in the image: a power of two, so that only the
    result is rounded. `span` and `place` are those of the fragments after the first of each span.
    """
    largest = tf.abs(points[..., 2])
    largest = tf.where(largest < points.dtype.max**0.25, largest, 0)
    largest = tf.maximum(tf.reduce_max(largest, axis=1), 1e-20)
    two = tf.constant(2, points.dtype)
    unit = tf.pow(two, tf.math.ceil(tf.math.log(largest) / tf.math.log(two)) - 29)
    scale = sparse.gather(-1 / unit, image)
    lines = sparse.stack_columns([planes.depth * scale, planes.depth_x * scale])
    start, slope = tf.unstack(sparse.gather(lines, span), axis=1)
    depth = tf.concat([planes.depth * scale, start + place * slope], axis=0)
    return tf.cast(tf.round(tf.clip_by_value(depth, -(2.0**30), 2.0**30)), tf.int32)
