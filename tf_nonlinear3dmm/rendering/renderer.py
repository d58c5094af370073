"""Face, albedo, camera and light to an image, in one call."""

from typing import NamedTuple

import tensorflow as tf

from tf_nonlinear3dmm.core import shapes
from tf_nonlinear3dmm.core.types import Size
from tf_nonlinear3dmm.rendering import (
    antialiasing,
    camera,
    lighting,
    rasterizer,
    sampling,
    sparse,
    uv_layout,
)
from tf_nonlinear3dmm.rendering.uv_layout import UVLayout


class Rendering(NamedTuple):
    """A drawn face; `image`, `mask` and `fragments` are None where no image was asked for.

    Attributes:
        image: `[B, H, W, 3]` RGB of the face, not clipped; 0 where it is not seen.
        mask: `[B, H, W, 1]`, how much of a pixel the face covers: 0 or 1, or a share at
            antialiased silhouettes.
        texture: `[B, Hu, Wu, 3]` albedo times shading, not clipped.
        shading: `[B, Hu, Wu, 3]`; 1 without illumination.
        image_points: `[B, V, 3]` (x, y, depth) pixels.
        fragments: `rasterizer.Fragments` of the image.
    """

    image: tf.Tensor | None
    mask: tf.Tensor | None
    texture: tf.Tensor
    shading: tf.Tensor
    image_points: tf.Tensor
    fragments: rasterizer.Fragments | None


def shading_map(
    vertices: tf.Tensor, projection: tf.Tensor, illumination: tf.Tensor, layout: UVLayout
) -> tf.Tensor:
    """The light on the face as a UV map `[B, Hu, Wu, 3]`.

    Vertex normals are rotated to the camera frame, spread over the map by fixed barycentrics and
    not normalised again, as in the paper.
    """
    normals = lighting.vertex_normals(vertices, layout.normal_triangles)
    normals = tf.matmul(normals, camera.rotation(projection), transpose_b=True)
    return lighting.shading(uv_layout.to_texels(normals, layout), illumination)


def render(
    vertices: tf.Tensor,
    albedo_map: tf.Tensor,
    projection: tf.Tensor,
    illumination: tf.Tensor | None,
    layout: UVLayout,
    image_size: Size | None,
    antialiased: bool = False,
) -> Rendering:
    """Draws faces.

    Args:
        vertices: `[B, V, 3]` in the face frame.
        albedo_map: `[B, Hu, Wu, 3]` RGB; the texture itself where `illumination` is None.
        projection: `[B, 2, 4]`, face units to pixels.
        illumination: `[B, 9, 3]`, or None: no light.
        layout: `uv_layout.UVLayout` of (Hu, Wu).
        image_size: (height, width) of the image; None draws no image.
        antialiased: blend the pixels at silhouettes, so that gradients feel outlines move.

    Returns:
        `Rendering`; its `image`, `mask` and `fragments` are None without `image_size`.

    Raises:
        ValueError: if a static shape differs from the above, or types of numbers differ.

    Gradients:
        Reach `vertices` and `projection` through the texture coordinates of the pixels and through
        the normals, `albedo_map` and `illumination` through the colours; through `image` and `mask`
        at silhouettes where these are antialiased.
    """
    height, width = layout.size
    shapes.check(
        vertices=(vertices, "B V 3"),
        albedo_map=(albedo_map, f"B {height} {width} 3"),
        projection=(projection, "B 2 4"),
    )
    light = {} if illumination is None else {"illumination": illumination}
    shapes.check_floats(vertices=vertices, albedo_map=albedo_map, projection=projection, **light)
    if illumination is None:
        shading = tf.ones_like(albedo_map)
    else:
        shading = shading_map(vertices, projection, illumination, layout)
    image_points = camera.project(vertices, projection)
    texture = albedo_map * shading
    if image_size is None:
        return Rendering(None, None, texture, shading, image_points, None)
    fragments = rasterizer.rasterize(image_points, layout.triangles, image_size)
    image, mask = draw(texture, fragments, layout)
    if antialiased:
        image, mask = _antialias(image, mask, fragments, image_points, layout)
    return Rendering(image, mask, texture, shading, image_points, fragments)


def draw(
    texture: tf.Tensor, fragments: rasterizer.Fragments, layout: UVLayout
) -> tuple[tf.Tensor, tf.Tensor]:
    """Samples a texture `[B, Hu, Wu, 3]` where the pixels see the face.

    Returns:
        image `[B, H, W, 3]`, 0 where the face is not seen, and mask `[B, H, W, 1]`.
    """
    shape = tf.shape(fragments.triangle_id)
    ids = tf.reshape(fragments.triangle_id, [-1])
    pixel = sparse.flatnonzero(ids >= 0)
    corners = tf.reshape(tf.gather(layout.uv, layout.triangles), [-1, 6])  # u, v of each corner
    corners = sparse.gather(tf.cast(corners, texture.dtype), sparse.gather(ids, pixel))
    corners = tf.unstack(corners, axis=1)
    weights = sparse.gather_rows(tf.reshape(fragments.barycentric, [-1, 3]), pixel)
    weights = tf.unstack(weights, axis=1)
    u, v = (sum(w * c for w, c in zip(weights, corners[k::2], strict=True)) for k in (0, 1))

    height, width = layout.size
    points = sampling.texels(sparse.stack_columns([u, v]), layout.size)
    first = pixel // (shape[1] * shape[2]) * (height * width)
    colours = sampling.lookup(tf.reshape(texture, [-1, 3]), points, first, layout.size)
    image = sparse.scatter_add(colours, pixel, tf.size(ids))
    image = tf.reshape(image, tf.concat([shape, [3]], axis=0))
    mask = tf.cast(fragments.triangle_id >= 0, texture.dtype)[..., tf.newaxis]
    return tf.ensure_shape(image, [*fragments.triangle_id.shape, 3]), mask


def _antialias(image, mask, fragments, image_points, layout):
    """Image and mask with antialiased silhouettes; where the mask thins out, colours stay."""
    layers = tf.concat([image, mask], axis=-1)
    layers = antialiasing.antialias(
        layers, fragments, image_points, layout.triangles, layout.neighbours
    )
    image, mask = layers[..., :3], layers[..., 3:]
    return tf.math.divide_no_nan(image, mask), mask


def blend(rendering: Rendering, background: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
    """The drawn face over a background.

    Args:
        rendering: `Rendering`.
        background: `[B, H, W, 3]`, in training the input image.
        mask: `[B, H, W, 1]`, 0 where something hides the face; None: nothing does.

    Returns:
        `[B, H, W, 3]`: image * mask + background * (1 - mask).

    Raises:
        ValueError: if `rendering` has no image.
    """
    if rendering.image is None or rendering.mask is None:
        raise ValueError("`rendering` must have an image and a mask, got None.")
    visible = rendering.mask if mask is None else rendering.mask * mask
    return rendering.image * visible + background * (1 - visible)
