"""The texture of a face's mesh: the photo's colours where it shows the face, or the model's."""

import numpy as np
import scipy.ndimage
import tensorflow as tf

from tf_nonlinear3dmm.data import crop, photos
from tf_nonlinear3dmm.rendering import camera, lighting, unwrap, upsampling, uv_layout

KINDS = ("photo", "albedo", "lit")
AROUND = 1.6  # the photo's colours come from a square so many times the crop's


def texture_map(portrait, photo, model, texture):
    """`[Hu, Wu, 3]` RGB in [0, 1] of a kind in `KINDS`."""
    if texture not in KINDS:
        raise ValueError(f"`texture` must be one of {', '.join(KINDS)}, got {texture!r}")
    if texture == "albedo":
        return portrait.result.albedo_map[0].numpy()
    result = portrait.result
    parts = result.albedo_map, result.vertices, result.projection, result.illumination
    lit = upsampling.texture(model, *parts)[0].numpy()
    return lit if texture == "lit" else _of_photo(portrait, photo, model, lit)


def _of_photo(portrait, photo, model, lit):
    """The photo's colours, where they are sure, over those of `lit`, both `[Hu, Wu, 3]`."""
    layout = upsampling.fine_layout(model)
    size = int(2 * max(layout.size))
    square = crop.grow(portrait.square, AROUND)
    photo = photos.upright(photo, portrait.face)
    image = tf.clip_by_value(crop.image(photo, square, size) / 255, 0, 1)[tf.newaxis]
    projection = crop.projection(portrait.projection[np.newaxis], square, size)
    vertices = portrait.result.vertices
    colours, visible = unwrap.unwrap(image, vertices, projection, layout)
    normals = lighting.vertex_normals(vertices, layout.normal_triangles)
    towards = tf.matmul(normals, camera.rotation(projection), transpose_b=True)[..., 2:]
    weight = _feather(visible[0].numpy(), uv_layout.to_texels(towards, layout)[0].numpy())
    fallback = _matched(lit, colours[0].numpy(), weight)
    return weight * colours[0].numpy() + (1 - weight) * fallback


def _feather(visible, towards):
    """Weights `[Hu, Wu, 1]` of the photo's colours: a soft seam, and none at grazing angles.

    Args:
        visible: `[Hu, Wu, 1]`, 1 where the photo shows the texel.
        towards: `[Hu, Wu, 1]`, cosine of the angle to the viewing direction.
    """
    depth = scipy.ndimage.distance_transform_edt(np.pad(visible[..., 0] > 0, 1))[1:-1, 1:-1, None]
    return np.clip(depth / (0.015 * max(depth.shape)), 0, 1) * np.clip((towards - 0.2) / 0.3, 0, 1)


def _matched(fallback, colours, weight):
    """`fallback` with the mean and spread that `colours` have where `weight` is large."""
    sure = weight[..., 0] > 0.5
    if not sure.any():
        return fallback
    own, other = colours[sure], fallback[sure]
    gain = np.clip(own.std(axis=0) / np.maximum(other.std(axis=0), 1e-3), 0.5, 2)
    return np.clip((fallback - other.mean(axis=0)) * gain + own.mean(axis=0), 0, 1)
