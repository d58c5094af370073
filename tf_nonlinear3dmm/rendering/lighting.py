"""Normals, spherical harmonics, and albedo times light.

The nine harmonics of a unit normal n in the camera frame (x right, y up, z to the camera), in the
order and with the constants of the paper's code (Lambert's convolution included):

    0        1                               sqrt(1 / 4 pi)
    1 2 3    n_z, n_y, n_x                   2 pi / 3  sqrt(3 / 4 pi)
    4        2 n_z^2 - n_x^2 - n_y^2         pi / 8    sqrt(5 / 4 pi)
    5 6 7    n_y n_z, n_x n_z, n_x n_y       3 pi / 4  sqrt(5 / 12 pi)
    8        n_x^2 - n_y^2                   3 pi / 8  sqrt(5 / 12 pi)
"""

import math

import tensorflow as tf

from tf_nonlinear3dmm.core import shapes
from tf_nonlinear3dmm.rendering import sparse

SH_CONSTANTS = (
    math.sqrt(1 / (4 * math.pi)),
    *[2 * math.pi / 3 * math.sqrt(3 / (4 * math.pi))] * 3,
    math.pi / 8 * math.sqrt(5 / (4 * math.pi)),
    *[3 * math.pi / 4 * math.sqrt(5 / (12 * math.pi))] * 3,
    3 * math.pi / 8 * math.sqrt(5 / (12 * math.pi)),
)


def vertex_normals(
    vertices: tf.Tensor, triangles: tf.Tensor, normal_triangles: tf.Tensor | None = None
) -> tf.Tensor:
    """Outward unit normals: the sum of the triangles' normals weighted by their area.

    Args:
        vertices: `[B, V, 3]` in any right-handed frame.
        triangles: `[T, 3]` int32, counter-clockwise seen from outside.
        normal_triangles: `[T]` bool, the triangles that count; all where None.

    Returns:
        `[B, V, 3]` unit normals in the vertices' frame; 0 at a vertex without area around it.

    Raises:
        ValueError: if a static shape differs from the above.

    Gradients:
        Reach `vertices`; finite for degenerate triangles.
    """
    shapes.check(vertices=(vertices, "B V 3"), triangles=(triangles, "T 3"))
    triangles = tf.convert_to_tensor(triangles)
    if normal_triangles is not None:
        triangles = tf.boolean_mask(triangles, normal_triangles)
    shape = tf.shape(vertices)
    by_vertex = tf.reshape(tf.transpose(vertices, [1, 2, 0]), [shape[1], -1])  # [V, 3 B]
    count = tf.shape(triangles)[0]
    triangle, one = tf.range(count), tf.ones([count], vertices.dtype)
    a, b, c = tf.unstack(triangles, axis=1)

    def edge(start, end):  # [T, B] in x, y and z
        pairs = sparse.pairs(tf.tile(triangle, [2]), tf.concat([end, start], axis=0))
        weights = tf.concat([one, -one], axis=0)
        edges = sparse.matmul(pairs, weights, by_vertex, count)
        return tf.unstack(tf.reshape(edges, [count, 3, -1]), axis=1)

    (ux, uy, uz), (vx, vy, vz) = edge(a, b), edge(a, c)
    areas = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx]
    pairs = sparse.pairs(tf.concat([a, b, c], axis=0), tf.tile(triangle, [3]))
    normals = sparse.matmul(
        pairs, tf.tile(one, [3]), tf.reshape(tf.stack(areas, axis=1), [count, -1]), shape[1]
    )
    normals = tf.transpose(tf.reshape(normals, [shape[1], 3, -1]), [2, 0, 1])
    return _unit(tf.ensure_shape(normals, vertices.shape))


def sh_basis(normals: tf.Tensor) -> tf.Tensor:
    """The nine harmonics (see above) of `normals` `[..., 3]`: `[..., 9]`.

    A normal shorter than 1, as interpolation leaves it, is used as it is; 0 sees only the first.
    """
    shapes.check(normals=(normals, "... 3"))
    return tf.stack(_harmonics(normals), axis=-1)


def _harmonics(normals):
    """The columns of `sh_basis`."""
    x, y, z = tf.unstack(normals, axis=-1)
    polynomials = [tf.ones_like(x), z, y, x, 2 * z * z - x * x - y * y]
    polynomials += [y * z, x * z, x * y, x * x - y * y]
    return [p * constant for p, constant in zip(polynomials, SH_CONSTANTS, strict=True)]


def shading(normals: tf.Tensor, illumination: tf.Tensor) -> tf.Tensor:
    """The light that falls on `normals` `[B, ..., 3]` from `illumination` `[B, 9, 3]`: RGB."""
    shapes.check(normals=(normals, "... 3"), illumination=(illumination, "B 9 3"))
    shape = tf.shape(normals)
    basis = tf.stack(_harmonics(tf.reshape(normals, [shape[0], -1, 3])), axis=1)  # [B, 9, N]
    light = tf.matmul(illumination, basis, transpose_a=True)  # [B, 3, N]
    return tf.ensure_shape(tf.reshape(tf.transpose(light, [0, 2, 1]), shape), normals.shape)


def mirror(illumination: tf.Tensor) -> tf.Tensor:
    """The light `[B, 9, 3]` in mirrored images: harmonics that are odd in n_x change their sign."""
    signs = tf.constant([1.0, 1, 1, -1, 1, 1, -1, -1, 1], illumination.dtype)
    return signs[:, tf.newaxis] * illumination


def shade(albedo: tf.Tensor, normals: tf.Tensor, illumination: tf.Tensor) -> tf.Tensor:
    """Albedo times light.

    Args:
        albedo: `[B, ..., 3]` RGB in [0, 1].
        normals: `[B, ..., 3]` in the camera frame.
        illumination: `[B, 9, 3]`, harmonics by colours.

    Returns:
        `[B, ..., 3]` RGB, not clipped.

    Raises:
        ValueError: if a static shape differs from the above.
    """
    shapes.check(albedo=(albedo, "... 3"))
    return albedo * shading(normals, illumination)


def directional(
    towards: tf.Tensor, strength: float | tf.Tensor = 1.0, ambient: float | tf.Tensor = 0.0
) -> tf.Tensor:
    """Illumination by a distant light and an ambient one.

    The first gives about `strength` where a surface faces it and about 0 behind.

    Args:
        towards: `[B, 3]` directions to the light in the camera frame, of any length.
        strength: number, or `[B, 1]` or `[B, 3]` colours.
        ambient: likewise, what falls on every surface besides.

    Returns:
        `[B, 9, 3]`: the best nine harmonics for strength max(n . towards, 0) + ambient; they are
        off by up to 0.1 strength.
    """
    towards = _unit(tf.convert_to_tensor(towards))
    shapes.check(towards=(towards, "B 3"))
    # The light is the harmonics at its direction; the basis carries Lambert's convolution beside
    # them (pi, 2 pi / 3, pi / 4), but for pi at the first.
    factors = [1 / math.pi] + [2 * math.pi / 3] * 3 + [math.pi / 4] * 5
    coefficients = sh_basis(towards) / tf.constant(factors, towards.dtype)
    colours, everywhere = (tf.ones_like(towards) * k for k in (strength, ambient))
    light = coefficients[..., tf.newaxis] * colours[:, tf.newaxis]
    constant = light[:, :1] + everywhere[:, tf.newaxis] / SH_CONSTANTS[0]
    return tf.concat([constant, light[:, 1:]], axis=1)


def turn(illumination: tf.Tensor, quarter_turns: int) -> tf.Tensor:
    """Illumination `[B, 9, 3]` turned about the viewing axis, clockwise as one sees the image."""
    for _ in range(quarter_turns % 4):  # (n_x, n_y) becomes (n_y, -n_x)
        signs = tf.constant([1, 1, -1, 1, 1, -1, 1, -1, -1], illumination.dtype)
        turned = tf.gather(illumination, [0, 1, 3, 2, 4, 6, 5, 7, 8], axis=1)
        illumination = turned * signs[:, tf.newaxis]
    return illumination


def _unit(vectors):
    """Unit vectors; 0 stays 0, with a finite gradient, and no length is too small."""
    squares = tf.reduce_sum(vectors * vectors, axis=-1, keepdims=True)
    return vectors * tf.math.rsqrt(tf.where(squares > 0, squares, tf.ones_like(squares)))
