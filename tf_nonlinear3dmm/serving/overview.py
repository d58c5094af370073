"""A picture of the faces in photos and of their reconstructions."""

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

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
    layout, result = upsampling.fine_layout(model), portrait.result
    k = PICTURE / model.config.image_size
    image = portraits.cropped(photo, portrait.face, portrait.square, PICTURE).numpy()
    projection = camera.crop(result.projection, 0.0, 0.0, k)
    fragments = visualize.see(result.vertices, projection, layout, PICTURE)
    front = visualize.frontal(result.vertices, PICTURE)
    ahead = visualize.see(result.vertices, front, layout, PICTURE)

    def lit(light):
        parts = result.albedo_map, result.vertices, projection, light, fragments
        return upsampling.draw(model, *parts)[1:]

    columns = [
        image,
        visualize.overlay(image, result.landmarks, k=k),
        visualize.over(*lit(result.illumination), image),
        visualize.mesh(result.vertices, projection, layout, PICTURE, fragments=fragments),
        visualize.paint(result.albedo_map, ahead, model.uv_layout),
        visualize.over(*lit(_relit(result))),
    ]
    return np.stack([visualize.to_uint8(c) for c in columns], axis=1)


def _relit(result):
    """Another light, `[1, 9, 3]`, as strong as the photo's and not dim; None without lighting."""
    if result.illumination is None:
        return None
    strength = 1.3 * tf.maximum(tf.reduce_mean(result.shading), 1.2)
    return lighting.directional(tf.constant([TOWARDS_LIGHT]), strength, 0.2 * strength)
