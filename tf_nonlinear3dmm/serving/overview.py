"""A picture of the faces in photos and of their reconstructions."""

import functools
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.core import graphs
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.rendering import camera, lighting, upsampling, visualize
from tf_nonlinear3dmm.serving import portraits
from tf_nonlinear3dmm.serving.portraits import Portrait

PICTURE = 320  # pixels of one picture
TOWARDS_LIGHT = (-0.6, 0.5, 0.6)  # of the relit picture: from the upper left
COLUMNS = ("photo", "landmarks", "overlay", "mesh", "albedo", "relit")


def draw(faces: Iterable[tuple[Portrait, np.ndarray]], model: Nonlinear3DMM) -> np.ndarray:
    """`[H, W, 3]` uint8, pictures in `COLUMNS` with a row for each (`Portrait`, its photo)."""
    rows = np.concatenate([_row(portrait, photo, model) for portrait, photo in faces])
    return visualize.grid(rows, COLUMNS)


def _row(portrait, photo, model):
    """`[1, 6, S, S, 3]` uint8: the `COLUMNS` of one face."""
    result = portrait.result
    image = portraits.cropped(photo, portrait.face, portrait.square, PICTURE)
    k = PICTURE / model.config.image_size
    parts = result.albedo_map, result.vertices, result.projection
    lights = result.illumination, _relit(result)
    overlay, mesh, albedo, relit = _drawing(model, PICTURE, visualize.FINE)(image, *parts, *lights)
    landmarks = visualize.overlay(image, result.landmarks, k=k)
    columns = [image, landmarks, overlay, mesh, albedo, relit]
    return np.stack([visualize.to_uint8(c) for c in columns], axis=1)


@functools.lru_cache(maxsize=2)
def _drawing(model, size, fine):
    """A graph of the columns that are drawn: overlay, mesh, albedo, relit.

    Args:
        model: `Nonlinear3DMM`.
        size: pixels of a picture.
        fine: `visualize.FINE`, which the graph keeps.
    """
    layout = upsampling.fine_layout(model)

    @graphs.function
    def draw(image, albedo_map, vertices, projection, light, relight):
        projection = camera.crop(projection, 0.0, 0.0, size / model.config.image_size)
        fragments = visualize.see(vertices, projection, layout, size)
        ahead = visualize.see(vertices, visualize.frontal(vertices, size), layout, size)

        def lit(light):
            parts = albedo_map, vertices, projection, light, fragments
            return upsampling.draw(model, *parts)[1:]

        return (
            visualize.over(*lit(light), image),
            visualize.clay(vertices, projection, layout, size, fragments=fragments),
            visualize.paint(albedo_map, ahead, model.uv_layout),
            visualize.over(*lit(relight)),
        )

    return draw


def _relit(result):
    """Another light, `[1, 9, 3]`, as strong as the photo's and not dim; None without lighting."""
    if result.illumination is None:
        return None
    strength = 1.3 * tf.maximum(tf.reduce_mean(result.shading), 1.2)
    return lighting.directional(tf.constant([TOWARDS_LIGHT]), strength, 0.2 * strength)
