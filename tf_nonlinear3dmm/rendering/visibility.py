"""What each pixel sees, as a sparse matrix: pixels by spans of triangles."""

from typing import NamedTuple

import tensorflow as tf

from tf_nonlinear3dmm.rendering import scanlines, sparse


class Terms(NamedTuple):
    """Barycentrics and depth of all pixels as the product of a sparse matrix and few terms.

    Along a span both are `first + place * slope`. So there is a term for every span, its values at
    the first pixel, and one more for every span of two or more pixels, its slopes: L in all. A
    pixel that sees the span has weight 1 on the one and `place` on the other.

    Attributes:
        pairs: `[N, 2]` int32, (pixel, term).
        weights: `[N]`; 0 where something nearer hides the span.
        barycentric: `[3, L]`.
        depth: `[L]`.
        slopes: `[4, L]`, of the barycentrics b and c in x, then in y, per pixel.
        vertices: `[3, L]` int32, rows of the batch's points `[B V, 3]`.
    """

    pairs: tf.Tensor
    weights: tf.Tensor
    barycentric: tf.Tensor
    depth: tf.Tensor
    slopes: tf.Tensor
    vertices: tf.Tensor


def find(points, triangles, chosen, image_size, kit):
    """What the pixels of all images see.

    Args:
        points: `[B, V, 3]` (x, y, depth) pixels.
        triangles: `[T, 3]` int32.
        chosen: `[B, T]` bool, of `scanlines.candidates`.
        image_size: (height, width).
        kit: `sparse.Int64` or `sparse.Int32`.

    Returns:
        triangle ids `[B H W]` int32, -1 where nothing is seen, and `Terms`.
    """
    height, width = image_size
    found = scanlines.find(points, triangles, chosen, image_size, kit)
    planes = scanlines.planes(found)
    longer = sparse.places(found.more > 0)
    more, depth_x = sparse.pick(found.more, longer), sparse.pick(planes.depth_x, longer)
    columns = [planes.b_x, planes.c_x, planes.b_y, planes.c_y]
    slopes = sparse.columns(sparse.pick(sparse.rows(columns), longer))

    # The first pixels of all spans, then the further ones: (pixel, span) and (place, slopes' term).
    pixel = (found.image * height + found.y) * width + found.x
    first = kit.pairs(pixel, tf.range(tf.size(pixel)))
    further = kit.runs(sparse.pick(first, longer), more)
    start = kit.pairs(tf.zeros_like(longer), tf.size(pixel) + tf.range(tf.size(longer)))
    place, term = sparse.columns(kit.runs(start, more))
    further_pixel, span = sparse.columns(further)
    pixel = tf.concat([pixel, further_pixel], axis=0)
    place = tf.cast(place, points.dtype)
    pairs = [first, further, kit.pairs(further_pixel, term)]

    triangle = tf.concat([found.triangle, sparse.pick(found.triangle, span)], axis=0)
    depth = _ranks(points, found.image, planes, span, place)
    triangle_id = kit.smallest(
        kit.pairs(triangle, depth), pixel, tf.shape(points)[0] * height * width
    )
    seen = tf.cast(tf.equal(sparse.pick(triangle_id, pixel), triangle), points.dtype)
    weights = [seen, seen[tf.size(found.more) :] * place]
    b_x, c_x = slopes[:2]
    barycentric = [tf.stack([1 - planes.b - planes.c, planes.b, planes.c])]
    barycentric += [tf.stack([-b_x - c_x, b_x, c_x])]
    owner = [tf.concat([k, sparse.pick(k, longer)], axis=0) for k in found[:2]]
    return triangle_id, Terms(
        pairs=tf.concat(pairs, axis=0),
        weights=tf.concat(weights, axis=0),
        barycentric=tf.concat(barycentric, axis=1),
        depth=tf.concat([planes.depth, depth_x], axis=0),
        slopes=tf.concat([tf.stack(columns), tf.stack(slopes)], axis=1),
        vertices=tf.stack(scanlines.vertices(points, triangles, *owner)),
    )


def _ranks(points, image, planes, span, place):
    """Depth of the fragments as int32, smaller for what is nearer.

    The unit is 2^-29 of the largest depth in the image or so: a power of two, so that only the
    result is rounded. `span` and `place` are those of the fragments after the first of each span.
    """
    largest = tf.abs(points[..., 2])
    largest = tf.where(largest < points.dtype.max**0.25, largest, 0)
    largest = tf.maximum(tf.reduce_max(largest, axis=1), 1e-20)
    two = tf.constant(2, points.dtype)
    unit = tf.pow(two, tf.math.ceil(tf.math.log(largest) / tf.math.log(two)) - 29)
    scale = sparse.pick(-1 / unit, image)
    lines = sparse.rows([planes.depth * scale, planes.depth_x * scale])
    start, slope = sparse.columns(sparse.pick(lines, span))
    depth = tf.concat([planes.depth * scale, start + place * slope], axis=0)
    return tf.cast(tf.round(tf.clip_by_value(depth, -(2.0**30), 2.0**30)), tf.int32)
