"""Face, albedo, camera and light to an image, in one call."""

from typing import NamedTuple

import numpy as np
import scipy.ndimage
import tensorflow as tf

from tf_nonlinear3dmm.core import shapes
from tf_nonlinear3dmm.rendering import antialiasing, camera, lighting, rasterizer, sampling, sparse


class FaceTensors(NamedTuple):
    """What the renderer needs of a `FaceModel` at one UV size; made once by `face_tensors`.

    Attributes:
        triangles: `[T, 3]` int32.
        normal_triangles: `[Tn, 3]` int32, those that count for normals.
        uv: `[V, 2]` float32 in [0, 1], v down.
        texel_vertices: `[Hu, Wu, 3]` int32, corners of the triangle a texel lies in; a texel that
            the layout leaves empty has those of the nearest covered one.
        texel_weights: `[Hu, Wu, 3]` float32 barycentrics, likewise.
        texel_triangle: `[Hu, Wu]` int32, -1 where the layout leaves the texel empty.
        neighbours: `[T, 3]` int32, of `antialiasing.neighbours`.
    """

    triangles: tf.Tensor
    normal_triangles: tf.Tensor
    uv: tf.Tensor
    texel_vertices: tf.Tensor
    texel_weights: tf.Tensor
    texel_triangle: tf.Tensor
    neighbours: tf.Tensor


class Rendering(NamedTuple):
    """A drawn face.

    Attributes:
        image: `[B, H, W, 3]` RGB of the face, not clipped; 0 where it is not seen.
        mask: `[B, H, W, 1]`, how much of a pixel the face covers: 0 or 1, or a share at soft
            outlines.
        texture: `[B, Hu, Wu, 3]` albedo times shading, not clipped.
        shading: `[B, Hu, Wu, 3]`; 1 without illumination.
        image_points: `[B, V, 3]` (x, y, depth) pixels.
        fragments: `rasterizer.Fragments` of the image.
    """

    image: tf.Tensor
    mask: tf.Tensor
    texture: tf.Tensor
    shading: tf.Tensor
    image_points: tf.Tensor
    fragments: rasterizer.Fragments


def face_tensors(face, uv_size):
    """The constants of a `FaceModel` for maps of `uv_size` (height, width): `FaceTensors`."""
    triangles = np.asarray(face.triangles, np.int32)
    uv = np.asarray(face.uv, np.float32)
    with tf.init_scope():
        fragments = rasterizer.uv_fragments(tf.constant(uv), tf.constant(triangles), uv_size)
        triangle_id = fragments.triangle_id[0].numpy()
        weights = fragments.barycentric[0].numpy()
    nearest = scipy.ndimage.distance_transform_edt(
        triangle_id < 0, return_distances=False, return_indices=True
    )
    return FaceTensors(
        triangles=triangles,
        normal_triangles=triangles[np.asarray(face.normal_triangles, bool)],
        uv=uv,
        texel_vertices=triangles[triangle_id[tuple(nearest)]],
        texel_weights=weights[tuple(nearest)],
        texel_triangle=triangle_id,
        neighbours=antialiasing.neighbours(triangles),
    )


def to_texels(attributes, face):
    """Spreads vertex attributes `[B, V, C]` over the UV map: `[B, Hu, Wu, C]`."""
    shapes.check(attributes=(attributes, "B V C"))
    batch, channels = tf.shape(attributes)[0], attributes.shape[2]
    height, width, _ = face.texel_vertices.shape
    spread = _spread_texels(tf.transpose(attributes, [1, 2, 0]), face)  # [Hu Wu, C, B]
    spread = tf.transpose(spread, [2, 0, 1])
    return tf.reshape(spread, [batch, height, width, channels])


def _spread_texels(attributes, face):
    """`[V, ...]` to `[Hu Wu, ...]`: a sparse matrix, whose gradient is its transpose."""
    vertices = tf.reshape(face.texel_vertices, [-1])
    texel = tf.range(tf.size(vertices)) // 3
    weights = tf.cast(tf.reshape(face.texel_weights, [-1]), attributes.dtype)
    flat = tf.reshape(attributes, [tf.shape(attributes)[0], -1])
    spread = sparse.spread(
        sparse.Int64.pairs(texel, vertices), weights, flat, tf.size(vertices) // 3
    )
    return tf.reshape(spread, tf.concat([[-1], tf.shape(attributes)[1:]], axis=0))


def shading_map(vertices, projection, illumination, face):
    """The light on the face as a UV map `[B, Hu, Wu, 3]`.

    Vertex normals are turned to the camera frame, spread over the map by fixed barycentrics and
    not made unit again, as in the paper.
    """
    normals = lighting.vertex_normals(vertices, face.normal_triangles)
    normals = tf.matmul(normals, camera.rotation(projection), transpose_b=True)
    return lighting.shading(to_texels(normals, face), illumination)


def render(vertices, albedo_map, projection, illumination, face, image_size, soft_outlines=False):
    """Draws faces.

    Args:
        vertices: `[B, V, 3]` in the face frame.
        albedo_map: `[B, Hu, Wu, 3]` RGB; the texture itself where `illumination` is None.
        projection: `[B, 2, 4]`, face units to pixels.
        illumination: `[B, 9, 3]`, or None: no light.
        face: `FaceTensors` made for (Hu, Wu).
        image_size: (height, width) of the image; None draws no image.
        soft_outlines: blend the pixels at outlines, so that gradients feel outlines move.

    Returns:
        `Rendering`; its `image`, `mask` and `fragments` are None without `image_size`.

    Raises:
        ValueError: if a static shape differs from the above.

    Gradients:
        Reach `vertices` and `projection` through the texture coordinates of the pixels and through
        the normals, `albedo_map` and `illumination` through the colours. Outlines are felt in
        `image` and `mask` where they are soft.
    """
    height, width = face.texel_triangle.shape
    shapes.check(
        vertices=(vertices, "B V 3"),
        albedo_map=(albedo_map, f"B {height} {width} 3"),
        projection=(projection, "B 2 4"),
    )
    if illumination is None:
        shading = tf.ones_like(albedo_map)
    else:
        shading = shading_map(vertices, projection, illumination, face)
    image_points = camera.project(vertices, projection)
    texture = albedo_map * shading
    if image_size is None:
        return Rendering(None, None, texture, shading, image_points, None)
    fragments = rasterizer.rasterize(image_points, face.triangles, image_size)
    image, mask = draw(texture, fragments, face)
    if soft_outlines:
        image, mask = _soften(image, mask, fragments, image_points, face)
    return Rendering(image, mask, texture, shading, image_points, fragments)


def draw(texture, fragments, face):
    """Samples a texture `[B, Hu, Wu, 3]` where the pixels see the face.

    Returns:
        image `[B, H, W, 3]`, 0 where the face is not seen, and mask `[B, H, W, 1]`.
    """
    shape = tf.shape(fragments.triangle_id)
    ids = tf.reshape(fragments.triangle_id, [-1])
    pixel = tf.cast(tf.where(ids >= 0)[:, 0], tf.int32)
    corners = tf.reshape(tf.gather(face.uv, face.triangles), [-1, 6])  # u, v of each corner
    corners = sparse.columns(sparse.pick(tf.cast(corners, texture.dtype), sparse.pick(ids, pixel)))
    weights = sparse.columns(sparse.take(tf.reshape(fragments.barycentric, [-1, 3]), pixel))
    u, v = (sum(w * c for w, c in zip(weights, corners[k::2], strict=True)) for k in (0, 1))

    size = face.texel_triangle.shape
    points = sampling.texels(sparse.rows([u, v]), size)
    first = pixel // (shape[1] * shape[2]) * (size[0] * size[1])
    colours = sampling.lookup(tf.reshape(texture, [-1, 3]), points, first, size)
    image = tf.reshape(sparse.put(colours, pixel, tf.size(ids)), tf.concat([shape, [3]], axis=0))
    mask = tf.cast(fragments.triangle_id >= 0, texture.dtype)[..., tf.newaxis]
    return tf.ensure_shape(image, [*fragments.triangle_id.shape, 3]), mask


def _soften(image, mask, fragments, image_points, face):
    """Image and mask with soft outlines; the image keeps the face's colour where it thins out."""
    layers = tf.concat([image, mask], axis=-1)
    layers = antialiasing.soften(layers, fragments, image_points, face.triangles, face.neighbours)
    image, mask = layers[..., :3], layers[..., 3:]
    return tf.math.divide_no_nan(image, mask), mask


def blend(rendering, background, mask=None):
    """The drawn face over a background.

    Args:
        rendering: `Rendering`.
        background: `[B, H, W, 3]`, in training the input image.
        mask: `[B, H, W, 1]`, 0 where something hides the face; None: nothing does.

    Returns:
        `[B, H, W, 3]`: image * mask + background * (1 - mask).
    """
    visible = rendering.mask if mask is None else rendering.mask * mask
    return rendering.image * visible + background * (1 - visible)
