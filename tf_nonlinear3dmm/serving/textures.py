"""The texture of a face's mesh: the photo's colours where it shows the face, or the model's."""

import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.data import crop, photos
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.rendering import camera, lighting, unwrap, upsampling, uv_layout
from tf_nonlinear3dmm.serving import completion, confidence, portraits
from tf_nonlinear3dmm.serving.portraits import Portrait

KINDS = ("photo", "delit", "albedo", "lit")
AROUND = 1.6  # the photo's colours come from a square so many times the crop's
PIXELS = 1.5  # of that square's side, for each texel of the map's longer side


class Unwrapped(NamedTuple):
    """A photo's colours on a face.

    Attributes:
        colours: `[Hu, Wu, 3]` RGB in [0, 1], 0 where unseen.
        visible: `[Hu, Wu, 1]`, 1 where the photo shows the texel.
        towards: `[Hu / FINER, Wu / FINER, 1]`, cosine of the angle to the viewing direction.
    """

    colours: np.ndarray
    visible: np.ndarray
    towards: np.ndarray


def check(texture: str) -> None:
    """Refuses another kind than those in `KINDS`."""
    if texture not in KINDS:
        raise ValueError(f"`texture` must be one of {', '.join(KINDS)}, got {texture!r}")


def texture_map(
    portrait: Portrait, photo: np.ndarray, model: Nonlinear3DMM, texture: str
) -> np.ndarray:
    """`[Hu, Wu, 3]` RGB in [0, 1] of a kind in `KINDS`, see `maps`."""
    check(texture)
    return maps(portrait, photo, model)[texture]


def maps(portrait: Portrait, photo: np.ndarray, model: Nonlinear3DMM) -> dict[str, np.ndarray]:
    """The textures of a face, from each of `KINDS` to `[Hu, Wu, 3]` RGB in [0, 1].

    `photo` has the photo's colours where it shows the face, and is completed elsewhere; `delit`
    has these without the light that the model sees in them; `albedo` and `lit` are the model's own.
    """
    result = portrait.result
    parts = result.vertices, result.projection
    lit, albedo = (
        upsampling.texture(model, result.albedo_map, *parts, light)[0].numpy()
        for light in (result.illumination, None)
    )
    ratio = completed(unwrapped(portrait, photo, model), lit, model)
    return {
        "photo": completion.colours(ratio, lit),
        "delit": completion.colours(ratio, albedo),
        "albedo": result.albedo_map[0].numpy(),  # type: ignore[index]  # the fine one has no more
        "lit": lit,
    }


def completed(photo: Unwrapped, lit: np.ndarray, model: Nonlinear3DMM) -> np.ndarray:
    """The photo's `completion.log_ratio` to `lit`, completed by the other side, `[Hu, Wu, 3]`."""
    ratio = completion.log_ratio(photo.colours, lit)
    weight = confidence.reliable(ratio, photo.visible, photo.towards, _tolerance(model))
    return completion.complete(ratio, weight)


def unwrapped(portrait: Portrait, photo: np.ndarray, model: Nonlinear3DMM) -> Unwrapped:
    """The `Unwrapped` photo of a face."""
    size = int(PIXELS * max(upsampling.fine_layout(model).size))
    square = crop.grow(portrait.square, AROUND)
    image = portraits.cropped(photo, portrait.face, square, size)
    height, width = photos.upright(photo, portrait.face).shape[:2]
    inside = _inside(square.y0, square.side, size, height)[:, None] & _inside(
        square.x0, square.side, size, width
    )
    projection = crop.projection(portrait.projection[np.newaxis], square, size)
    parts = _unwrap(model, image, inside, portrait.result.vertices, projection)
    return Unwrapped(*(part[0].numpy() for part in parts))


def _inside(start, side, size, photo_size):
    """Which of a square's `size` rows or columns lie in the photo with their neighbours, bool."""
    step = float(side) / size
    centre = float(start) + (np.arange(size) + 0.5) * step - 0.5
    reach = max(step, 1)
    return (centre >= reach) & (centre <= photo_size - 1 - reach)


def _unwrap(model, image, inside, vertices, projection):
    """The fields of `Unwrapped`, with a batch of 1."""
    layout = upsampling.fine_layout(model)
    shown = tf.cast(inside, tf.float32)[tf.newaxis, ..., tf.newaxis]
    colours, visible = unwrap.unwrap(image, vertices, projection, layout, shown)
    normals = lighting.vertex_normals(vertices, layout.normal_triangles)
    towards = tf.matmul(normals, camera.rotation(projection), transpose_b=True)[..., 2:]
    return colours, visible, uv_layout.to_texels(towards, model.uv_layout)


@functools.lru_cache(maxsize=2)
def _tolerance(model):
    return confidence.tolerance(model.face, model.uv_layout)
