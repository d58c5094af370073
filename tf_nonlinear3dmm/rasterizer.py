"""Image points to fragments: which triangle each pixel sees, and where in it. Plain TensorFlow ops.

A triangle covers a pixel whose centre lies in it or on its edge. The nearest depth at the pixel
wins; an exact tie goes to the smaller triangle id. Only triangles that face the camera are drawn:
those of negative signed area in the image. A triangle without area, or with a corner that is NaN
or infinite, is never drawn.
"""

from typing import NamedTuple

import tensorflow as tf

from tf_nonlinear3dmm import shapes


class Fragments(NamedTuple):
    """What each pixel of a `[B, H, W]` image sees.

    Attributes:
        triangle_id: `[B, H, W]` int32, -1 where nothing is seen.
        barycentric: `[B, H, W, 3]`, sums to 1; all 0 where nothing is seen.
        depth: `[B, H, W]` pixels, larger is nearer; 0 where nothing is seen.
    """

    triangle_id: tf.Tensor
    barycentric: tf.Tensor
    depth: tf.Tensor


def rasterize(image_points, triangles, image_size):
    """Finds the triangle that each pixel sees.

    Args:
        image_points: `[B, V, 3]` (x, y, depth) pixels, y down, larger depth is nearer.
        triangles: `[T, 3]` int32 vertex ids, counter-clockwise seen from outside in 3D.
        image_size: (height, width).

    Returns:
        `Fragments` of `[B, height, width]` images, in the dtype of `image_points`.

    Raises:
        ValueError: if a static shape differs from the above.

    Gradients:
        Reach `image_points` from `barycentric` and `depth`, in closed form. None passes
        `triangle_id`: an outline that moves is not felt (see `antialias`).
    """
    image_points, triangles = tf.convert_to_tensor(image_points), tf.convert_to_tensor(triangles)
    shapes.check(image_points=(image_points, "B V 3"), triangles=(triangles, "T 3"))
    height, width = image_size
    triangle_id = _visible(tf.stop_gradient(image_points), triangles, height, width)
    triangle_id = tf.ensure_shape(triangle_id, [image_points.shape[0], height, width])
    seen = triangle_id >= 0
    corners = tf.gather(  # [B, H, W, 3, 3]
        image_points, tf.gather(triangles, tf.maximum(triangle_id, 0)), batch_dims=1
    )
    y, x = tf.meshgrid(tf.range(height), tf.range(width), indexing="ij")
    pixels = tf.cast(tf.stack([x, y], axis=-1), image_points.dtype)
    weights = _barycentric(corners[..., :2], pixels)
    weights = tf.where(seen[..., tf.newaxis], weights, tf.zeros([], weights.dtype))
    depths = tf.where(seen[..., tf.newaxis], corners[..., 2], tf.zeros([], weights.dtype))
    return Fragments(triangle_id, weights, tf.reduce_sum(weights * depths, axis=-1))


def interpolate(attributes, triangles, fragments):
    """Spreads vertex attributes over the pixels that see the mesh.

    Args:
        attributes: `[B, V, C]`, any per-vertex quantity: colour, normal, uv; a batch of 1 serves
            every image.
        triangles: `[T, 3]` int32, vertex ids.
        fragments: `Fragments` of a `[B, H, W]` image.

    Returns:
        `[B, H, W, C]` in the dtype of `attributes`; 0 where nothing is seen.

    Raises:
        ValueError: if a static shape differs from the above.

    Gradients:
        Reach `attributes` and `barycentric`.
    """
    attributes, triangles = tf.convert_to_tensor(attributes), tf.convert_to_tensor(triangles)
    shapes.check(
        attributes=(attributes, "... V C"),
        triangles=(triangles, "T 3"),
        barycentric=(fragments.barycentric, "B H W 3"),
        triangle_id=(fragments.triangle_id, "B H W"),
    )
    vertex_ids = tf.gather(triangles, tf.maximum(fragments.triangle_id, 0))
    if attributes.shape[0] == 1:
        corners = tf.gather(attributes[0], vertex_ids)
    else:
        corners = tf.gather(attributes, vertex_ids, batch_dims=1)  # [B, H, W, 3, C]
    seen = (fragments.triangle_id >= 0)[..., tf.newaxis, tf.newaxis]
    corners = tf.where(seen, corners, tf.zeros([], corners.dtype))
    return tf.einsum("bhwk,bhwkc->bhwc", fragments.barycentric, corners)


def uv_fragments(uv, triangles, uv_size):
    """Which triangle each texel of a UV map lies in.

    Args:
        uv: `[V, 2]` in [0, 1], v down.
        triangles: `[T, 3]` int32, of either orientation in the map.
        uv_size: (height, width) of the map.

    Returns:
        `Fragments` of a `[1, height, width]` map with depth 0.
    """
    uv, triangles = tf.convert_to_tensor(uv), tf.convert_to_tensor(triangles)
    shapes.check(uv=(uv, "V 2"), triangles=(triangles, "T 3"))
    height, width = uv_size
    points = uv * tf.cast(tf.stack([width - 1, height - 1]), uv.dtype)
    a, b, c = tf.unstack(tf.gather(points, triangles), axis=1)
    turned = (_cross(b - a, c - a) > 0)[:, tf.newaxis]
    facing = tf.where(turned, tf.gather(triangles, [0, 2, 1], axis=1), triangles)
    points = tf.pad(points, [[0, 0], [0, 1]])[tf.newaxis]
    fragments = rasterize(points, facing, uv_size)
    turned = tf.gather(turned, tf.maximum(fragments.triangle_id, 0))
    swapped = tf.gather(fragments.barycentric, [0, 2, 1], axis=-1)
    return fragments._replace(barycentric=tf.where(turned, swapped, fragments.barycentric))


def _cross(a, b):
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _visible(points, triangles, height, width):
    """`[B, H, W]` int32 ids of the triangles that the pixels see, -1 where none."""
    image, triangle, corners, first, last = _drawn(points, triangles, height, width)
    box, pixel = _candidates(corners, first, last)
    ax, ay, az, bx, by, bz, cx, cy, cz = tf.unstack(
        tf.gather(tf.reshape(corners, [-1, 9]), box), axis=1
    )
    x, y = tf.unstack(tf.cast(pixel, points.dtype), axis=1)
    ax, bx, cx, ay, by, cy = ax - x, bx - x, cx - x, ay - y, by - y, cy - y
    a, b, c = bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx
    inside = (a <= 0) & (b <= 0) & (c <= 0)
    depth = (a * az + b * bz + c * cz) / (a + b + c)
    depth = tf.where(inside, depth, points.dtype.min)

    slot = (tf.gather(image, box) * height + pixel[:, 1]) * width + pixel[:, 0]
    slots = tf.shape(points)[0] * height * width
    nearest = tf.gather(tf.math.unsorted_segment_max(depth, slot, slots), slot)
    none = tf.shape(triangles)[0]
    triangle = tf.where(inside & (depth >= nearest), tf.gather(triangle, box), none)
    seen = tf.math.unsorted_segment_min(triangle, slot, slots)
    return tf.reshape(tf.where(seen < none, seen, -1), [-1, height, width])


def _drawn(points, triangles, height, width):
    """Triangles that face the camera and hold a pixel: image, id, corners, first and last pixel."""
    corners = tf.gather(points, triangles, axis=1)  # [B, T, 3, 3]
    limits = tf.constant([width - 1, height - 1], points.dtype)
    first = tf.maximum(tf.math.ceil(tf.reduce_min(corners[..., :2], axis=2)), 0)
    last = tf.minimum(tf.floor(tf.reduce_max(corners[..., :2], axis=2)), limits)
    area = _cross(
        corners[..., 1, :2] - corners[..., 0, :2], corners[..., 2, :2] - corners[..., 0, :2]
    )
    finite = tf.math.is_finite(area + tf.reduce_sum(corners[..., 2], axis=2))
    drawn = (area < 0) & finite & tf.reduce_all(first <= last, axis=-1)
    where = tf.cast(tf.where(drawn), tf.int32)
    corners, first, last = (tf.gather_nd(value, where) for value in (corners, first, last))
    return where[:, 0], where[:, 1], corners, first, last


def _candidates(corners, first, last):
    """The pixels that triangles `[N, 3, 3]` may cover, row by row: whose `[M]`, where `[M, 2]`.

    A row's span is cut out by the edges, a little too wide; the caller tests each pixel exactly.
    """
    rows = tf.cast(last[:, 1] - first[:, 1], tf.int32) + 1
    box, row = _count_out(rows)
    known = tf.concat([tf.reshape(corners[..., :2], [-1, 6]), first, last], axis=1)
    *edges, low, y, high, _ = tf.unstack(tf.gather(known, box), axis=1)
    y += tf.cast(row, y.dtype)
    for k in range(3):
        x0, y0, x1, y1 = (edges + edges)[2 * k : 2 * k + 4]
        rise = tf.where(tf.abs(y1 - y0) > 1e-6, y1 - y0, 0)  # a flat edge cuts no row
        slack = 0.01 + 1e-6 * (tf.abs(x0) + tf.abs(x1))
        crossing = x0 + (y - y0) * tf.math.divide_no_nan(x1 - x0, rise)
        low = tf.where(rise > 0, tf.maximum(low, tf.math.ceil(crossing - slack)), low)
        high = tf.where(rise < 0, tf.minimum(high, tf.floor(crossing + slack)), high)
    span, column = _count_out(tf.maximum(tf.cast(high - low, tf.int32) + 1, 0))
    start = tf.cast(tf.stack([low, y], axis=1), tf.int32)
    pixel = tf.gather(start, span) + tf.pad(column[:, tf.newaxis], [[0, 0], [0, 1]])
    return tf.gather(box, span), pixel


def _count_out(counts):
    """For `counts` [2, 0, 3]: owners [0, 0, 2, 2, 2] and their numbers [0, 1, 0, 1, 2]."""
    start = tf.cumsum(counts, exclusive=True)
    total = tf.reduce_sum(counts)  # not tf.repeat, whose cost grows with the largest count
    begins = tf.math.unsorted_segment_sum(tf.ones_like(start), start, total + 1)
    owner = tf.cumsum(begins[:total]) - 1
    return owner, tf.range(total) - tf.gather(start, owner)


@tf.custom_gradient
def _barycentric(corners, pixels):
    """Barycentric coordinates of `pixels` `[H, W, 2]` in triangles `[B, H, W, 3, 2]`."""
    relative = corners - pixels[:, :, tf.newaxis]
    a, b, c = tf.unstack(relative, axis=-2)
    weights = tf.stack([_cross(b, c), _cross(c, a), _cross(a, b)], axis=-1)
    area = tf.reduce_sum(weights, axis=-1, keepdims=True)
    result = tf.math.divide_no_nan(weights, area)
    slopes = tf.math.divide_no_nan(
        tf.stack([(b - c), (c - a), (a - b)], axis=-2), area[..., tf.newaxis]
    )
    slopes = tf.stack([slopes[..., 1], -slopes[..., 0]], axis=-1)  # d result / d pixel

    def backward(upstream):
        moved = tf.reduce_sum(upstream[..., tf.newaxis] * slopes, axis=-2, keepdims=True)
        return -result[..., tf.newaxis] * moved, None

    return result, backward
