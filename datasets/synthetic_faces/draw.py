"""Pixels of the head: colour, light and highlights where the rasterizer found a triangle."""

import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import camera, lighting, rasterizer


class Buffers(NamedTuple):
    """A rasterized batch as NumPy arrays; normals `[B, V, 3]` are in the camera frame."""

    triangle_id: np.ndarray
    barycentric: np.ndarray
    depth: np.ndarray
    normals: np.ndarray


@functools.partial(tf.function, reduce_retracing=True)
def _rasterize(vertices, projection, triangles, normal_triangles, side):
    points = camera.project(vertices, projection)
    fragments = rasterizer.rasterize(points, triangles, (side, side))
    normals = lighting.vertex_normals(vertices, normal_triangles)
    normals = tf.matmul(normals, camera.rotation(projection), transpose_b=True)
    return fragments.triangle_id, fragments.barycentric, fragments.depth, normals


def rasterize(vertices, projection, triangles, normal_triangles, side):
    """`Buffers` of square images of `side` pixels."""
    buffers = _rasterize(
        tf.constant(vertices), tf.constant(projection), triangles, normal_triangles, side
    )
    return Buffers(*(value.numpy() for value in buffers))


def bilinear(texture, uv):
    """Colours `[N, C]` of a map `[H, W, C]` at `uv` `[N, 2]`."""
    height, width, channels = texture.shape
    place = uv * np.array([width - 1, height - 1], np.float32)
    corner = np.clip(place.astype(np.int32), 0, [width - 2, height - 2])
    fx, fy = (place - corner).T[..., np.newaxis]
    index = corner[:, 1] * width + corner[:, 0]
    flat = texture.reshape(-1, channels)
    top = flat[index] * (1 - fx) + flat[index + 1] * fx
    low = flat[index + width] * (1 - fx) + flat[index + width + 1] * fx
    return top * (1 - fy) + low * fy


def harmonics(normals):
    """`lighting.sh_basis` for NumPy arrays `[N, 3]`: `[N, 9]`."""
    x, y, z = normals.T
    one = np.ones_like(x)
    basis = [one, z, y, x, 2 * z * z - x * x - y * y, y * z, x * z, x * y, x * x - y * y]
    return np.stack(basis, axis=1) * np.array(lighting.SH_CONSTANTS, np.float32)


def shade(colour, normals, light, gloss, power):
    """Albedo `[N, 3]` under a `scene.Light`, with highlights of `gloss` and `power` `[N]`."""
    diffuse = np.maximum(harmonics(normals) @ light.illumination, 0)
    return colour * diffuse + shine(normals, light, gloss, power)


def shine(normals, light, gloss, power):
    """Highlights `[N, 3]` of lamps on normals `[N, 3]` (Blinn), seen from +z."""
    result = 0
    for direction, colour in zip(light.directions, light.colours, strict=True):
        half = direction + np.array([0, 0, 1], np.float32)
        half = half / np.linalg.norm(half)
        facing = np.maximum(normals @ half, 0)
        result = result + (gloss * facing**power)[:, np.newaxis] * colour
    return result


def unit(vectors):
    """Unit vectors along the last axis; 0 stays 0."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-8)
