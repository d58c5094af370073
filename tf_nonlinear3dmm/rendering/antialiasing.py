"""Antialiased silhouettes, through which gradients reach the outlines of a mesh.

A rasterized pixel belongs to one triangle, so no gradient says that an outline should move. Here an
outline that passes between the centres of two neighbouring pixels blends their colours. It lies at
a share `s` of the way from the pixel that sees the surface it ends, `near`, to the other, `far`:

    s < 1/2    `near` is covered by 1/2 + s, the rest is the colour of `far`
    s > 1/2    `far` is covered by s - 1/2

At s = 0 and s = 1 a pixel is half covered; there the pair changes, and the image does not jump.
Blending pairs of pixels is an idea of "Modular Primitives for High-Performance Differentiable
Rendering" (Laine et al. 2020), following the edges of outlines one of DEODR (de La Gorce et al.
2008).

Steep edges blend pairs in a row, flat edges pairs in a column. Rows go first, columns work on their
result; every pixel remains a mean of colours. An outline is an edge of a triangle that faces the
camera beyond which none does. It counts where its own surface is seen: where `near` lies in front
of `far`, and the edge too. Of several edges between two pixels the outermost counts, so that
triangles may be smaller than pixels. What remains discontinuous: a corner between a steep and a
flat edge that passes the row or column of a pixel, and what lies behind.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.core import shapes
from tf_nonlinear3dmm.rendering import scanlines, sparse
from tf_nonlinear3dmm.rendering.rasterizer import Fragments

_INT64 = False  # see `sparse`; silhouette edges are few, and int64 gains nothing


class _Crossings(NamedTuple):
    """Where outlines pass between two neighbouring pixels; `[N]` each.

    Attributes:
        near, far: int32 pixels, counted through the batch; `near` sees the outline's surface.
        start, end: int32 ends of the edge, rows of the batch's points `[B V, 3]`.
        along: the place of `near` in its row or column.
        across: which row, or minus which column.
        step: 1 where `far` comes after `near`, else -1.
    """

    near: tf.Tensor
    far: tf.Tensor
    start: tf.Tensor
    end: tf.Tensor
    along: tf.Tensor
    across: tf.Tensor
    step: tf.Tensor


def neighbours(triangles: np.ndarray) -> np.ndarray:
    """The triangle beyond each edge.

    Args:
        triangles: `[T, 3]` int array.

    Returns:
        `[T, 3]` int32 array: the other triangle at the edge from corner k to corner k + 1; T where
        there is none, or more than one.
    """
    triangles = np.asarray(triangles)
    ends = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    _, edge, count = np.unique(ends, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(edge.reshape(-1), kind="stable")
    first = (np.cumsum(count) - count)[count == 2]
    one, two = order[first], order[first + 1]
    beyond = np.full(len(ends), len(triangles), np.int32)
    beyond[one], beyond[two] = two // 3, one // 3
    return beyond.reshape(-1, 3)


def antialias(
    image: tf.Tensor,
    fragments: Fragments,
    image_points: tf.Tensor,
    triangles: tf.Tensor,
    neighbours: tf.Tensor,
) -> tf.Tensor:
    """Blends pixels across the mesh's silhouettes.

    Args:
        image: `[B, H, W, C]` floats: colours, a mask, or both.
        fragments: `rasterizer.Fragments` of the image.
        image_points: `[B, V, 3]` (x, y, depth) pixels.
        triangles: `[T, 3]` int32.
        neighbours: `[T, 3]` int32 of the function of that name.

    Returns:
        `[B, H, W, C]` in the dtype of `image`; pixels away from outlines are as they were.

    Raises:
        ValueError: if a static shape differs from the above.

    Gradients:
        Reach `image`, and x and y of `image_points` at the ends of the outlines' edges; finite.
    """
    image, image_points = tf.convert_to_tensor(image), tf.convert_to_tensor(image_points)
    shapes.check(
        image=(image, "B H W C"),
        triangle_id=(fragments.triangle_id, "B H W"),
        depth=(fragments.depth, "B H W"),
        image_points=(image_points, "B V 3"),
        triangles=(triangles, "T 3"),
        neighbours=(neighbours, "T 3"),
    )
    points = tf.reshape(image_points, [-1, 3])
    outlines = _outlines(image_points, tf.convert_to_tensor(triangles), neighbours)
    colours = tf.reshape(image, [-1, image.shape[3] or tf.shape(image)[3]])
    for axis in (0, 1):
        crossings = _crossings(tf.stop_gradient(points), *outlines, fragments, axis)
        colours = _blend(colours, points, crossings, axis)
    return tf.ensure_shape(tf.reshape(colours, tf.shape(image)), image.shape)


def _outlines(points, triangles, neighbours) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Edges of triangles that face the camera, beyond which none does.

    Returns:
        image `[E]` int32, and the rows of the batch's points `[B V, 3]` at which they start and end
        `[E]`: the triangle lies to their left in an image whose y runs down.
    """
    facing = scanlines.facing(tf.stop_gradient(points), triangles)  # [T, B]
    with_none = tf.pad(facing, [[0, 1], [0, 0]])
    beyond = [tf.gather(with_none, k) for k in tf.unstack(neighbours, axis=1)]
    edges = tf.cast(tf.where(tf.stack([facing & ~k for k in beyond])), tf.int32)
    corner, triangle, image = tf.unstack(edges, axis=1)
    ends = [tf.gather_nd(triangles, tf.stack([triangle, k % 3], 1)) for k in (corner, corner + 1)]
    start, end = (image * tf.shape(points)[1] + k for k in ends)
    return image, start, end


def _crossings(points, image, start, end, fragments, axis):
    """`_Crossings` of the outlines with rows of pixels, `axis` 0, or with columns, 1."""
    shape = tf.shape(fragments.triangle_id)
    height, width = (tf.cast(size, points.dtype) for size in tf.unstack(shape[1:]))
    lowest, highest, length = ((0, height - 1, width), (1 - width, 0, height))[axis]
    (u, v), (to_u, to_v) = _turned(points, start, axis), _turned(points, end, axis)
    rise, run = to_v - v, to_u - u
    steep = (tf.abs(rise) >= tf.abs(run)) if axis == 0 else (tf.abs(rise) > tf.abs(run))
    first = tf.maximum(tf.math.ceil(tf.minimum(v, to_v)), lowest)
    last = tf.minimum(tf.math.ceil(tf.maximum(v, to_v)) - 1, highest)
    count = tf.where(steep, tf.cast(tf.maximum(last - first + 1, 0), tf.int32), 0)

    edge = tf.range(tf.size(count))
    start_edge = sparse.pairs(tf.zeros_like(edge), edge)
    place, edge = tf.unstack(sparse.ranges(start_edge, count, _INT64), axis=1)
    across = sparse.gather(first, edge) + tf.cast(place - 1, points.dtype)
    image, start, end = (sparse.gather(k, edge) for k in (image, start, end))
    step = -tf.sign(sparse.gather(rise, edge))
    slope = sparse.gather(run / rise, edge)
    where = sparse.gather(u, edge) + (across - sparse.gather(v, edge)) * slope
    along = tf.where(step > 0, tf.floor(where), tf.math.ceil(where))
    within = (tf.minimum(along, along + step) >= 0) & (tf.maximum(along, along + step) < length)
    near, far = _pixels(image, along, across, step, shape, axis)
    crossings = _Crossings(near, far, start, end, along, across, step)
    crossings = _select(crossings, sparse.flatnonzero(within))
    return _outermost(_visible(crossings, points, fragments, axis), points, axis)


def _select(crossings, rows):
    return _Crossings(*(sparse.gather(field, rows) for field in crossings))


def _pixels(image, along, across, step, shape, axis):
    """The near and the far pixel, counted through the batch."""
    along, across, step = (tf.cast(k, tf.int32) for k in (along, across, step))
    row, column = ((across, along), (along, -across))[axis]
    near = (image * shape[1] + row) * shape[2] + column
    return near, near + step * (1 if axis == 0 else shape[2])


def _visible(crossings, points, fragments, axis):
    """Those `crossings` whose near pixel and whose edge lie in front of the far pixel."""
    ids, depths = tf.reshape(fragments.triangle_id, [-1]), tf.reshape(fragments.depth, [-1])
    behind = sparse.gather(depths, crossings.far)
    visible = sparse.gather(ids, crossings.near) >= 0
    front = sparse.gather(depths, crossings.near) > behind
    front &= _at(crossings, points, axis)[1] > behind
    visible &= front | (sparse.gather(ids, crossings.far) < 0)
    return _select(crossings, sparse.flatnonzero(visible))


def _outermost(crossings, points, axis):
    """Of the crossings from one pixel to the same other one: the nearest to the other."""
    pair = 2 * crossings.near + tf.cast(crossings.step > 0, tf.int32)
    distinct, segment = tf.unique(pair)
    rank = tf.cast(-_share(crossings, points, axis) * 2.0**24, tf.int32)
    ranked = sparse.pairs(tf.range(tf.size(rank)), rank)
    return _select(crossings, sparse.segment_argmin(ranked, segment, tf.size(distinct), _INT64))


def _blend(colours, points, crossings, axis):
    """`colours` `[B H W, C]` after the `crossings`."""
    more = _share(crossings, points, axis) - 0.5  # of the near colour
    near, far = (sparse.gather_rows(colours, k) for k in crossings[:2])
    change = tf.cast(more, colours.dtype)[:, tf.newaxis] * (near - far)
    where = tf.where(more > 0, crossings.far, crossings.near)[:, tf.newaxis]
    return tf.tensor_scatter_nd_add(colours, where, change)


def _share(crossings, points, axis):
    """`[N]`, how far from the near pixel, 0, to the far one, 1, the outlines pass."""
    return (_at(crossings, points, axis)[0] - crossings.along) * crossings.step


def _at(crossings, points, axis):
    """Place along the row or column, and depth, where the outlines cross it; `[N]` each."""
    (u, v), (to_u, to_v) = (_turned(points, k, axis) for k in crossings[2:4])
    share = (crossings.across - v) / (to_v - v)
    depth, to_depth = (sparse.gather(points[:, 2], k) for k in crossings[2:4])
    return u + share * (to_u - u), depth + share * (to_depth - depth)


def _turned(points, rows, axis):
    """x and y of `points` `[N, 3]` at `rows`, or y and -x: a turn, so that left remains left."""
    x, y, _ = tf.unstack(sparse.gather_rows(points, rows), axis=1)
    return (x, y) if axis == 0 else (y, -x)
