"""A picture of the faces in photos and of their reconstructions."""

import functools
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.core import graphs
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.rendering import camera, lighting, renderer, upsampling, visualize
from tf_nonlinear3dmm.serving import portraits
from tf_nonlinear3dmm.serving.portraits import Portrait

PICTURE = 320  # pixels of one picture
TOWARDS_LIGHT = (-0.6, 0.5, 0.6)  # of the relit picture: from the upper left
STRENGTH, AMBIENT = 1.2, 0.3
COLUMNS = ("photo", "landmarks", "overlay", "mesh", "albedo", "relit")


def draw(
    faces: Iterable[tuple[Portrait, np.ndarray, np.ndarray]], model: Nonlinear3DMM
) -> np.ndarray:
    """`[H, W, 3]` uint8, pictures in `COLUMNS` with a row for each face.

    Args:
        faces: (`Portrait`, its photo, its texture "delit" of `textures.maps`).
        model: `Nonlinear3DMM`.
    """
    rows = np.concatenate([_row(*face, model) for face in faces])
    return visualize.grid(rows, COLUMNS)


def _row(portrait, photo, delit, model):
    """`[1, 6, S, S, 3]` uint8: the `COLUMNS` of one face."""
    result = portrait.result
    image = portraits.cropped(photo, portrait.face, portrait.square, PICTURE)
    k = PICTURE / model.config.image_size
    parts = result.albedo_map, delit[np.newaxis], result.vertices, result.projection
    light = result.illumination
    overlay, mesh, albedo, relit = _drawing(model, PICTURE, visualize.FINE)(image, *parts, light)
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
    def draw(image, albedo_map, delit, vertices, projection, light):
        projection = camera.crop(projection, 0.0, 0.0, size / model.config.image_size)
        fragments = visualize.see(vertices, projection, layout, size)
        ahead = visualize.see(vertices, visualize.frontal(vertices, size), layout, size)

        _, *lit = upsampling.draw(model, albedo_map, vertices, projection, light, fragments)
        relit = delit
        if light is not None:
            relit *= renderer.shading_map(vertices, projection, _another_light(), layout)
        return (
            visualize.over(*lit, image),
            visualize.clay(vertices, projection, layout, size, fragments=fragments),
            visualize.paint(albedo_map, ahead, model.uv_layout),
            visualize.paint(relit, fragments, layout),
        )

    return draw


def _another_light():
    """`[1, 9, 3]`, the same for all faces: skin that is pale stays so, and none is burnt out."""
    return lighting.directional(tf.constant([TOWARDS_LIGHT]), STRENGTH, AMBIENT)
