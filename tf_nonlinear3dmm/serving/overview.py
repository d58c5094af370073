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
AMBIENT = 0.25  # of its strength falls on every surface
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
        if light is None:
            relit = renderer.draw(delit, fragments, layout)
        else:
            relit = _relit(delit, vertices, projection, fragments, layout, lit[0])
        return (
            visualize.over(*lit, image),
            visualize.clay(vertices, projection, layout, size, fragments=fragments),
            visualize.paint(albedo_map, ahead, model.uv_layout),
            visualize.over(*relit),
        )

    return draw


def _relit(delit, vertices, projection, fragments, layout, least):
    """Face and mask in another light: as bright as its albedo, and as `least`, an image of it."""
    light = lighting.directional(tf.constant([TOWARDS_LIGHT]), 1.0, AMBIENT)
    shading = renderer.shading_map(vertices, projection, light, layout)
    unlit, _ = renderer.draw(delit, fragments, layout)
    image, mask = renderer.draw(delit * shading, fragments, layout)
    wanted = tf.maximum(tf.reduce_sum(unlit), tf.reduce_sum(least))
    return image * tf.math.divide_no_nan(wanted, tf.reduce_sum(image)), mask
