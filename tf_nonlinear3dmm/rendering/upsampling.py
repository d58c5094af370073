"""Finer maps than the networks have, for people to look at.

Where the UV map is dense, as around the lips, the light on a few of the model's texels makes
streaks. Here the albedo is stretched and the light computed for every fine texel.
"""

import functools
from typing import Any, NamedTuple

import tensorflow as tf

from tf_nonlinear3dmm.core.types import Size
from tf_nonlinear3dmm.rendering import rasterizer, renderer, uv_layout

FINER = 4  # times the texels of the model's maps, each way


class Drawing(NamedTuple):
    """Faces rendered with a fine texture.

    Attributes:
        texture: `[B, FINER Hu, FINER Wu, 3]` RGB in [0, 1], the light in it.
        image: `[B, H, W, 3]` RGB of the face; 0 where it is not seen.
        mask: `[B, H, W, 1]`, 1 on the face.
    """

    texture: tf.Tensor
    image: tf.Tensor
    mask: tf.Tensor


@functools.lru_cache(maxsize=2)
def fine_layout(model: Any) -> uv_layout.UVLayout:
    """`uv_layout.UVLayout` of a `Nonlinear3DMM` for maps that are `FINER` times as fine."""
    height, width = model.config.uv_size
    return uv_layout.build(model.face, (FINER * height, FINER * width))


def stretch(maps: tf.Tensor, uv_size: Size) -> tf.Tensor:
    """UV maps `[B, Hu, Wu, C]` at another size: first and last texel centres stay at the ends."""
    end = 1 - 1e-6  # beyond 1, be it by rounding, the operation gives 0
    boxes = tf.tile([[0.0, 0.0, end, end]], [tf.shape(maps)[0], 1])
    return tf.image.crop_and_resize(maps, boxes, tf.range(tf.shape(maps)[0]), [*uv_size])


def texture(
    model: Any,
    albedo_map: tf.Tensor,
    vertices: tf.Tensor,
    projection: tf.Tensor,
    illumination: tf.Tensor | None,
) -> tf.Tensor:
    """Albedo times light on fine maps.

    Args:
        model: `Nonlinear3DMM`.
        albedo_map: `[B, Hu, Wu, 3]` of the model's size.
        vertices: `[B, V, 3]`.
        projection: `[B, 2, 4]`.
        illumination: `[B, 9, 3]`, or None: no light.

    Returns:
        `[B, FINER Hu, FINER Wu, 3]` in [0, 1].
    """
    layout = fine_layout(model)
    fine = stretch(albedo_map, layout.size)
    if illumination is not None:
        fine *= renderer.shading_map(vertices, projection, illumination, layout)
    return tf.clip_by_value(fine, 0, 1)


def draw(
    model: Any,
    albedo_map: tf.Tensor,
    vertices: tf.Tensor,
    projection: tf.Tensor,
    illumination: tf.Tensor | None,
    fragments: rasterizer.Fragments,
) -> Drawing:
    """Lights decoded faces and renders them.

    Args:
        model, albedo_map, vertices, projection, illumination: see `texture`.
        fragments: `rasterizer.Fragments` of the pictures.

    Returns:
        `Drawing`.
    """
    colours = texture(model, albedo_map, vertices, projection, illumination)
    return Drawing(colours, *renderer.draw(colours, fragments, fine_layout(model)))
