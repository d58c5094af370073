"""Image points to fragments: which triangle each pixel sees, and where in it.

Plain TensorFlow ops. A triangle covers a pixel whose centre lies in it or on its edge. The nearest
depth at the pixel wins; an exact tie goes to the smaller triangle id. Only triangles that face the
camera are drawn: those of negative signed area in the image. A triangle without area, or with a
corner that is NaN or infinite, is never drawn.

Candidate triangles face the camera and have a pixel in their bounding box; `scanlines` turns them
into spans of pixels, `visibility` finds the nearest span at each pixel, and a sparse product gives
barycentrics and depth. docs/rendering.md tells why it is done so.
"""

import itertools
from typing import NamedTuple

import tensorflow as tf

from tf_nonlinear3dmm.core import shapes
from tf_nonlinear3dmm.core.types import Size
from tf_nonlinear3dmm.rendering import scanlines, sparse, visibility

LARGEST_SIDE = 16_000  # of an image: a column and a row share 32 bits
_MOST_PARTS = 8  # of a batch
_LEAST_PART = 1 << 14  # pixels of a part, about: each adds its ops to what is traced


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


def rasterize(
    image_points: tf.Tensor, triangles: tf.Tensor, image_size: Size, int64: bool = True
) -> Fragments:
    """Finds the triangle that each pixel sees.

    Args:
        image_points: `[B, V, 3]` (x, y, depth) pixels, y down, larger depth is nearer.
        triangles: `[T, 3]` int32 vertex ids, counter-clockwise seen from outside in 3D.
        image_size: (height, width).
        int64: False gives the same without int64 numbers, for devices that lack their kernels.

    Returns:
        `Fragments` of `[B, height, width]` images, in the dtype of `image_points`.

    Raises:
        ValueError: if a static shape differs from the above, or a side exceeds `LARGEST_SIDE`.

    Gradients:
        Reach `image_points` from `barycentric` and `depth`, in closed form. None passes
        `triangle_id`: an outline that moves is not felt (see `antialiasing`).
    """
    image_points, triangles = tf.convert_to_tensor(image_points), tf.convert_to_tensor(triangles)
    shapes.check(image_points=(image_points, "B V 3"), triangles=(triangles, "T 3"))
    height, width = image_size
    if max(height, width) > LARGEST_SIDE:
        raise ValueError(f"`image_size` must be at most {LARGEST_SIDE}, got {height, width}.")
    candidates = scanlines.candidates(tf.stop_gradient(image_points), triangles, image_size)
    ends = _part_ends(image_points, height * width)
    # Not slices, whose gradient is slower; GPUs have no kernel that splits bools.
    points = tf.split(image_points, [end - start for start, end in ends], num=len(ends))
    parts = [
        _rasterize(part, candidates[start:end], triangles, image_size, int64)
        for part, (start, end) in zip(points, ends, strict=True)
    ]
    triangle_id, barycentric, depth = (tf.concat(p, axis=0) for p in zip(*parts, strict=True))
    shape = [image_points.shape[0], height, width]
    return Fragments(
        tf.ensure_shape(triangle_id, shape),
        tf.ensure_shape(barycentric, [*shape, 3]),
        tf.ensure_shape(depth, shape),
    )


def interpolate(attributes: tf.Tensor, triangles: tf.Tensor, fragments: Fragments) -> tf.Tensor:
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
    shape = tf.shape(fragments.triangle_id)
    ids = tf.reshape(fragments.triangle_id, [-1])
    pixel = sparse.flatnonzero(ids >= 0)
    corners = tf.unstack(sparse.gather(triangles, sparse.gather(ids, pixel)), axis=1)
    if attributes.shape[0] != 1:
        first = pixel // (shape[1] * shape[2]) * tf.shape(attributes)[1]
        corners = [first + corner for corner in corners]
    channels = attributes.shape[2] or tf.shape(attributes)[2]
    weights = tf.reshape(fragments.barycentric, [-1, 3])
    image = _interpolate(tf.reshape(attributes, [-1, channels]), weights, pixel, tf.stack(corners))
    image = tf.reshape(image, tf.concat([shape, [channels]], axis=0))
    return tf.ensure_shape(image, [*fragments.triangle_id.shape, attributes.shape[2]])


def uv_fragments(uv: tf.Tensor, triangles: tf.Tensor, uv_size: Size) -> Fragments:
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


def _part_ends(images, pixels):
    """Where parts of a batch start and end; parts are rasterized side by side, on several cores."""
    batch = images.shape[0]
    count = 2
    if batch is not None:
        count = max(1, min(_MOST_PARTS, batch // 2, batch * pixels // _LEAST_PART))
    batch = batch or tf.shape(images)[0]
    return [*itertools.pairwise(batch * part // count for part in range(count + 1))]


def _rasterize(points, candidates, triangles, image_size, int64):
    """The fields of `Fragments`."""
    shape = tf.stack([tf.shape(points)[0], *image_size])
    triangle_id, matrix = visibility.depth_test(
        tf.stop_gradient(points), triangles, candidates, image_size, int64
    )
    flat, size = tf.reshape(points, [-1, 3]), tf.size(triangle_id)
    barycentric = visibility.barycentric(flat, matrix, size)
    depth = visibility.depth(flat, matrix, size)
    return (
        tf.reshape(triangle_id, shape),
        tf.reshape(barycentric, tf.concat([shape, [3]], axis=0)),
        tf.reshape(depth, shape),
    )


@tf.custom_gradient
def _interpolate(values, barycentric, pixel, vertices):
    """`[size, C]`: at `pixel` `[F]` the `values` `[N, C]` of `vertices` `[3, F]`, elsewhere 0."""
    size = tf.shape(barycentric)[0]
    indices = sparse.pairs(tf.tile(pixel, [3]), tf.reshape(vertices, [-1]))
    weights = tf.concat(tf.unstack(sparse.gather(barycentric, pixel), axis=1), axis=0)

    def backward(upstream):
        to_values = sparse.matmul_adjoint_a(indices, weights, upstream, tf.shape(values)[0])
        corners = sparse.gather(values, vertices)  # [3, F, C]
        to_weights = sparse.dot(corners, sparse.gather(upstream, pixel))  # [3, F]
        scatter = sparse.pairs(pixel, tf.range(tf.size(pixel)))
        ones = tf.ones_like(weights[: tf.size(pixel)])
        to_weights = sparse.matmul_adjoint_b(scatter, ones, to_weights, size)
        return to_values, to_weights, None, None

    return sparse.matmul(indices, weights, values, size), backward
