"""The UV layout of a mesh at one map size: vertices to texels and back."""

from typing import NamedTuple

import numpy as np
import scipy.ndimage
import tensorflow as tf

from tf_nonlinear3dmm.core import shapes
from tf_nonlinear3dmm.core.types import Size
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import antialiasing, rasterizer, sampling, sparse

OFFSETS, COLOURS = (-1.0, 1.0, 1.0), (1.0, 1.0, 1.0)  # signs of channels in mirrored maps


class UVLayout(NamedTuple):
    """How the triangles of a `FaceModel` lie in UV maps of one size; made by `build`.

    Attributes:
        triangles: `[T, 3]` int32.
        normal_triangles: `[Tn, 3]` int32, those that count for normals.
        neighbours: `[T, 3]` int32, of `antialiasing.neighbours`.
        uv: `[V, 2]` float32 in [0, 1], v down.
        texel_triangle: `[Hu, Wu]` int32, -1 where no triangle covers the texel.
        texel_vertices: `[Hu, Wu, 3]` int32, corners of the triangle that covers a texel; an empty
            texel has those of the nearest covered one.
        texel_weights: `[Hu, Wu, 3]` float32 barycentrics, likewise.
        vertex_texels: `[4, V]` int32, the texels around a vertex, counted row by row.
        vertex_weights: `[4, V]` float32, their bilinear weights.
    """

    triangles: np.ndarray
    normal_triangles: np.ndarray
    neighbours: np.ndarray
    uv: np.ndarray
    texel_triangle: np.ndarray
    texel_vertices: np.ndarray
    texel_weights: np.ndarray
    vertex_texels: np.ndarray
    vertex_weights: np.ndarray

    @property
    def size(self) -> Size:
        """(height, width) of the maps."""
        return tuple(self.texel_triangle.shape)


def build(face: FaceModel, uv_size: Size) -> UVLayout:
    """The `UVLayout` of a `FaceModel` for maps of `uv_size` (height, width)."""
    triangles = np.asarray(face.triangles, np.int32)
    uv = np.asarray(face.uv, np.float32)
    with tf.init_scope():
        fragments = rasterizer.uv_fragments(tf.constant(uv), tf.constant(triangles), uv_size)
        triangle_id = fragments.triangle_id[0].numpy()
        barycentric = fragments.barycentric[0].numpy()
        points = sampling.texels(tf.constant(uv), uv_size)
        vertex_texels, vertex_weights = (k.numpy() for k in sampling.corners(points, uv_size))
    nearest = scipy.ndimage.distance_transform_edt(
        triangle_id < 0, return_distances=False, return_indices=True
    )
    return UVLayout(
        triangles=triangles,
        normal_triangles=triangles[np.asarray(face.normal_triangles, bool)],
        neighbours=antialiasing.neighbours(triangles),
        uv=uv,
        texel_triangle=triangle_id,
        texel_vertices=triangles[triangle_id[tuple(nearest)]],
        texel_weights=barycentric[tuple(nearest)],
        vertex_texels=vertex_texels,
        vertex_weights=vertex_weights,
    )


def mirror(maps: tf.Tensor, signs: tuple[float, float, float]) -> tf.Tensor:
    """Maps `[B, Hu, Wu, 3]` of mirrored faces; `signs` of the channels: `OFFSETS` or `COLOURS`."""
    return tf.reverse(maps, [2]) * tf.constant(signs, maps.dtype)


def to_texels(attributes: tf.Tensor, layout: UVLayout) -> tf.Tensor:
    """Spreads vertex attributes `[B, V, C]` over the UV map: `[B, Hu, Wu, C]`."""
    shapes.check(attributes=(attributes, "B V C"))
    batch, channels = tf.shape(attributes)[0], attributes.shape[2]
    height, width = layout.size
    vertices = tf.reshape(layout.texel_vertices, [-1])
    indices = sparse.pairs(tf.range(tf.size(vertices)) // 3, vertices)
    weights = tf.cast(tf.reshape(layout.texel_weights, [-1]), attributes.dtype)
    columns = _batch_last(attributes)
    texels = sparse.matmul(indices, weights, columns, height * width)
    return tf.reshape(_batch_first(texels, channels), [batch, height, width, channels])


def to_vertices(maps: tf.Tensor, layout: UVLayout) -> tf.Tensor:
    """Samples UV maps `[B, Hu, Wu, C]` at the vertices: `[B, V, C]`.

    The weights are those of `sampling.bilinear`. Values are gathered, for exports to runtimes that
    lack sparse products; the gradient is the transposed sparse product.
    """
    height, width = layout.size
    shapes.check(maps=(maps, f"B {height} {width} C"))
    channels = maps.shape[3]

    @tf.custom_gradient
    def run(maps):
        weights = tf.cast(layout.vertex_weights, maps.dtype)

        def backward(upstream):
            texels = tf.convert_to_tensor(layout.vertex_texels)
            vertex = tf.broadcast_to(tf.range(texels.shape[1]), texels.shape)
            indices = tf.reshape(sparse.pairs(vertex, texels), [-1, 2])
            to_maps = sparse.matmul_adjoint_a(
                indices, tf.reshape(weights, [-1]), _batch_last(upstream), height * width
            )
            return tf.reshape(_batch_first(to_maps, channels), tf.shape(maps))

        texels = tf.reshape(maps, [-1, height * width, channels])
        a, b, c, d = (
            tf.gather(texels, layout.vertex_texels[k], axis=1) * weights[k, :, tf.newaxis]
            for k in range(4)
        )
        return (a + b) + (c + d), backward

    return run(maps)


def _batch_last(values):
    """`[B, N, C]` as `[N, C B]`: one row of a sparse product then serves all images."""
    return tf.reshape(tf.transpose(values, [1, 2, 0]), [tf.shape(values)[1], -1])


def _batch_first(columns, channels):
    """`[N, C B]` as `[B, N, C]`."""
    count = tf.shape(columns)[0]
    return tf.transpose(tf.reshape(columns, [count, channels, -1]), [2, 0, 1])
