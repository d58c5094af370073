"""The texture of a face's mesh: the photo's colours where it shows the face, or the model's."""

import numpy as np
import scipy.ndimage
import tensorflow as tf

from tf_nonlinear3dmm.data import crop
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.rendering import camera, lighting, unwrap, upsampling, uv_layout
from tf_nonlinear3dmm.serving import portraits
from tf_nonlinear3dmm.serving.portraits import Portrait

KINDS = ("photo", "albedo", "lit")
AROUND = 1.6  # the photo's colours come from a square so many times the crop's


def texture_map(
    portrait: Portrait, photo: np.ndarray, model: Nonlinear3DMM, texture: str
) -> np.ndarray:
    """`[Hu, Wu, 3]` RGB in [0, 1] of a kind in `KINDS`."""
    if texture not in KINDS:
        raise ValueError(f"`texture` must be one of {', '.join(KINDS)}, got {texture!r}")
    if texture == "albedo":
        return np.asarray(portrait.result.albedo_map)[0]
    result = portrait.result
    parts = result.albedo_map, result.vertices, result.projection, result.illumination
    lit = upsampling.texture(model, *parts)[0].numpy()
    return lit if texture == "lit" else _of_photo(portrait, photo, model, lit)


def _of_photo(portrait, photo, model, lit):
    """The photo's colours, where they are reliable, over those of `lit`, both `[Hu, Wu, 3]`."""
    layout = upsampling.fine_layout(model)
    size = int(2 * max(layout.size))
    square = crop.grow(portrait.square, AROUND)
    image = portraits.cropped(photo, portrait.face, square, size)
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
    """`fallback` with the mean and deviation that `colours` have where `weight` is large."""
    reliable = weight[..., 0] > 0.5
    if not reliable.any():
        return fallback
    target, source = colours[reliable], fallback[reliable]
    gain = np.clip(target.std(axis=0) / np.maximum(source.std(axis=0), 1e-3), 0.5, 2)
    return np.clip((fallback - source.mean(axis=0)) * gain + target.mean(axis=0), 0, 1)
