"""Pixels of a mesh: what they see, where in it, and how the light makes it look.

Everything of a pixel lies along the last axis: colours are `[3, N]`, attributes `[C, N]`.
"""

import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.core import graphs
from tf_nonlinear3dmm.data.builders.synthetic_faces.scene.light import Light
from tf_nonlinear3dmm.rendering import camera, lighting, rasterizer

SH_CONSTANTS = np.array(lighting.SH_CONSTANTS, np.float32)


class Buffers(NamedTuple):
    """A rasterized batch.

    Attributes:
        triangle_id: `[B, H, W]`, -1 where nothing is seen.
        points: `[B, V, 3]` (x, y, depth) pixels.
        normals: `[B, V, 3]` in the camera frame.
    """

    triangle_id: np.ndarray
    points: np.ndarray
    normals: np.ndarray


class Pixels(NamedTuple):
    """The N pixels of one image that see a mesh.

    Attributes:
        index: `[N]` places in the image, row by row.
        triangle: `[N]` ids.
        corners: `[3, N]` vertex ids.
        weights: `[3, N]` barycentric coordinates.
        depth: `[N]` pixels, larger is nearer.
    """

    index: np.ndarray
    triangle: np.ndarray
    corners: np.ndarray
    weights: np.ndarray
    depth: np.ndarray

    def gather(self, places: np.ndarray) -> "Pixels":
        """Those of the pixels at `places` `[M]` among them."""
        return Pixels(*(np.take(value, places, axis=-1) for value in self))


@functools.partial(graphs.function, reduce_retracing=True)
def _rasterize(vertices, projection, triangles, normal_triangles, side):
    points = camera.project(vertices, projection)
    fragments = rasterizer.rasterize(points, triangles, (side, side))
    normals = lighting.vertex_normals(vertices, normal_triangles)
    normals = tf.matmul(normals, camera.rotation(projection), transpose_b=True)
    return fragments.triangle_id, points, normals


def rasterize(
    vertices: np.ndarray,
    projection: np.ndarray,
    triangles: np.ndarray,
    normal_triangles: np.ndarray,
    side: int,
) -> Buffers:
    """`Buffers` of square images of `side` pixels."""
    buffers = _rasterize(
        tf.constant(vertices), tf.constant(projection), triangles, normal_triangles, side
    )
    return Buffers(*(value.numpy() for value in buffers))


def visible_pixels(buffers: Buffers, i: int, triangles: np.ndarray) -> Pixels:
    """The `Pixels` of image `i`, which saw `triangles` `[T, 3]`."""
    triangle_id, width = buffers.triangle_id[i].ravel(), buffers.triangle_id.shape[2]
    index = np.flatnonzero(triangle_id >= 0).astype(np.int32)
    triangle, y = triangle_id[index], index // width
    x = index - y * width
    corners = np.take(np.ascontiguousarray(triangles.T), triangle, axis=1)
    points = np.take(np.ascontiguousarray(buffers.points[i].T), corners, axis=1)  # [3, 3, N]
    (ax, bx, cx), (ay, by, cy) = points[0] - x.astype("f4"), points[1] - y.astype("f4")
    weights = np.stack([bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx])
    weights /= weights[0] + weights[1] + weights[2]
    return Pixels(index, triangle, corners, weights, (weights * points[2]).sum(axis=0))


def interpolate(attributes: np.ndarray, pixels: Pixels) -> np.ndarray:
    """Vertex attributes `[V, C]` at pixels: `[C, N]`."""
    rows = np.ascontiguousarray(attributes.T, np.float32)
    result = np.take(rows, pixels.corners[0], axis=1) * pixels.weights[0]
    result += np.take(rows, pixels.corners[1], axis=1) * pixels.weights[1]
    result += np.take(rows, pixels.corners[2], axis=1) * pixels.weights[2]
    return result


def bilinear(texture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Colours `[C, N]` of a map `[H, W, C]` at `uv` `[2, N]`."""
    height, width, channels = texture.shape
    x, y = uv[0] * (width - 1), uv[1] * (height - 1)
    left = np.clip(x.astype(np.int32), 0, width - 2)
    top = np.clip(y.astype(np.int32), 0, height - 2)
    x, y = x - left, y - top
    rows, index = np.ascontiguousarray(texture.reshape(-1, channels).T), top * width + left
    result = np.take(rows, index, axis=1) * ((1 - x) * (1 - y))
    result += np.take(rows, index + 1, axis=1) * (x * (1 - y))
    result += np.take(rows, index + width, axis=1) * ((1 - x) * y)
    result += np.take(rows, index + width + 1, axis=1) * (x * y)
    return result


def shade(
    colour: np.ndarray,
    normals: np.ndarray,
    light: Light,
    gloss: float | np.ndarray,
    power: float | np.ndarray,
) -> np.ndarray:
    """Albedo `[3, N]` under a `Light`, with highlights of `gloss` and `power` (`[N]`)."""
    x, y, z = normals
    basis = np.empty([9, len(x)], np.float32)
    basis[0] = 1
    basis[1], basis[2], basis[3] = z, y, x
    basis[4] = 2 * z * z - x * x - y * y
    basis[5], basis[6], basis[7] = y * z, x * z, x * y
    basis[8] = x * x - y * y
    diffuse = (light.illumination * SH_CONSTANTS[:, np.newaxis]).T @ basis
    result = colour * np.maximum(diffuse, 0, out=diffuse)
    for direction, tint in zip(light.directions, light.colours, strict=True):
        half = direction + np.array([0, 0, 1], np.float32)
        facing = np.maximum((half / np.linalg.norm(half)) @ normals, 1e-6)
        result += tint[:, np.newaxis] * (gloss * np.exp(power * np.log(facing)))
    return result


def unit(vectors: np.ndarray) -> np.ndarray:
    """Unit vectors `[3, N]`; 0 stays 0."""
    x, y, z = vectors
    return vectors / np.maximum(np.sqrt(x * x + y * y + z * z), 1e-8)
