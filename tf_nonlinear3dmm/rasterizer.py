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
    batch = tf.shape(points)[0]
    corners = tf.gather(points, triangles, axis=1)  # [B, T, 3, 3]
    limits = tf.constant([width - 1, height - 1], points.dtype)
    first = tf.maximum(tf.math.ceil(tf.reduce_min(corners[..., :2], axis=2)), 0)
    last = tf.minimum(tf.floor(tf.reduce_max(corners[..., :2], axis=2)), limits)
    area = _cross(
        corners[..., 1, :2] - corners[..., 0, :2], corners[..., 2, :2] - corners[..., 0, :2]
    )
    finite = tf.math.is_finite(area + tf.reduce_sum(corners[..., 2], axis=2))
    drawn = (area < 0) & finite & tf.reduce_all(first <= last, axis=-1)

    image, triangle = tf.unstack(tf.cast(tf.where(drawn), tf.int32), axis=1)
    where = tf.stack([image, triangle], axis=1)
    first = tf.cast(tf.gather_nd(first, where), tf.int32)
    size = tf.cast(tf.gather_nd(last, where), tf.int32) - first + 1
    corners = tf.gather_nd(corners, where)

    count = size[:, 0] * size[:, 1]  # pixels of the bounding box
    box = tf.repeat(tf.range(tf.shape(count)[0]), count)
    place = tf.range(tf.shape(box)[0]) - tf.gather(tf.cumsum(count, exclusive=True), box)
    columns = tf.gather(size[:, 0], box)
    pixel = tf.gather(first, box) + tf.stack([place % columns, place // columns], axis=1)

    relative = (
        tf.gather(corners, box)
        - tf.pad(tf.cast(pixel, points.dtype), [[0, 0], [0, 1]])[:, tf.newaxis]
    )
    a, b, c = tf.unstack(relative, axis=1)
    weights = tf.stack([_cross(b, c), _cross(c, a), _cross(a, b)], axis=1)
    inside = tf.reduce_all(weights <= 0, axis=1)
    weights, box, relative, pixel = (
        tf.boolean_mask(t, inside) for t in (weights, box, relative, pixel)
    )
    depth = tf.reduce_sum(weights * relative[..., 2], axis=1) / tf.reduce_sum(weights, axis=1)

    slot = (tf.gather(image, box) * height + pixel[:, 1]) * width + pixel[:, 0]
    slots = batch * height * width
    nearest = tf.math.unsorted_segment_max(depth, slot, slots)
    nearest = depth >= tf.gather(nearest, slot)
    triangle = tf.gather(triangle, tf.boolean_mask(box, nearest))
    none = tf.shape(triangles)[0]
    seen = tf.math.unsorted_segment_min(triangle, tf.boolean_mask(slot, nearest), slots)
    seen = tf.where(seen < none, seen, -1)
    return tf.reshape(seen, [batch, height, width])


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
