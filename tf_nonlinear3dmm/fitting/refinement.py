"""All that a face has, on the pixels and on what landmarks say: Adam through the renderer."""

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.fitting import alignment, descent, landmarks, parameters, priors
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.networks.encoder import Codes
from tf_nonlinear3dmm.rendering import rasterizer, renderer

if TYPE_CHECKING:
    from tf_nonlinear3dmm.fitting import solver

COLOUR = 0.08  # how far a pixel's colour is off, at least
OUTLIER = 2.0  # so many times that: from there on, something hides the face
HELD = 0.3  # deviation of the camera from the aligned one, of that from the encoder's
LEFT = 4.0  # so many times that is a pixel off that the face leaves
PIXELS = 50.0  # all of a face's pixels count as so many: neighbours err together


def refine(
    model: Nonlinear3DMM,
    face: Codes,
    aligned: alignment.Aligned,
    images: tf.Tensor,
    units: parameters.Units,
    settings: "solver.Settings",
    number: tf.Tensor,
) -> parameters.Change:
    """The most probable camera, light and codes near the aligned ones, given the pixels as well.

    Args:
        model: `Nonlinear3DMM`.
        face: `Codes` that the encoder sees.
        aligned: `alignment.Aligned`.
        images: `[B, S, S, 3]` in [0, 1].
        units: `parameters.Units`.
        settings: `steps` of Adam, and `same_person`, see `priors`.
        number: of whom to tell how far it is, see `progress`.

    Returns:
        `parameters.Change`.
    """
    empty = tf.zeros([tf.shape(images)[0], 0])
    parts = [empty if part is None else part for part in aligned.change]
    drawn = _drawn(model, parameters.changed(face, aligned.change, units))
    counts = skin(model, drawn.fragments)  # type: ignore[arg-type]  # it is drawn
    colour = tf.maximum(COLOUR, off(drawn, counts, images))

    def energy(parts):
        now = priors.tied(_change(parts, face), settings.same_person)
        drawn = _drawn(model, parameters.changed(face, now, units))
        total = priors.energy(now, settings.same_person) + alignment.energy(aligned, now)
        total += tf.reduce_sum(tf.square((now.camera - aligned.change.camera) / HELD), axis=1)
        return total + pixels(drawn, counts, images, colour)

    parts = descent.descend(energy, parts, settings.steps, number)
    return priors.tied(_change(parts, face), settings.same_person)


def pixels(
    drawn: renderer.Rendering, counts: tf.Tensor, images: tf.Tensor, colour: tf.Tensor
) -> tf.Tensor:
    """`[B]`: minus twice the log-likelihood of those pixels that count.

    They are the same whatever is drawn: a face that leaves them does not explain them.

    Args:
        drawn: `renderer.Rendering`.
        counts: `[B, H, W, 1]` in [0, 1], how far a pixel counts.
        images: `[B, H, W, 3]`.
        colour: `[B]`, how far a pixel's colour is off.
    """
    apart = (drawn.image - images) / colour[:, tf.newaxis, tf.newaxis, tf.newaxis]
    squares = tf.reduce_sum(tf.square(apart), axis=-1, keepdims=True)
    shown = drawn.mask * landmarks.robust(squares, OUTLIER)
    left = (1.0 - drawn.mask) * landmarks.robust(LEFT**2, OUTLIER)  # type: ignore[operator]
    return PIXELS * _mean(counts, shown + left)


def off(drawn: renderer.Rendering, counts: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """`[B]`: mean distance of colours; arguments as in `pixels`."""
    return _mean(counts, tf.reduce_mean(tf.abs(drawn.image - images), axis=-1, keepdims=True))


def skin(model: Nonlinear3DMM, fragments: rasterizer.Fragments) -> tf.Tensor:
    """`[B, H, W, 1]` in [0, 1]: what pixels see of the face.

    The inside of the mouth and the ears, which hair hides, do not count.
    """
    regions = model.face.regions
    other = sum(regions.get(name, 0 * regions["skin"]) for name in ("mouth", "ear"))
    outside = tf.constant(1 - np.minimum(other, 1), tf.float32)[tf.newaxis, :, tf.newaxis]
    return rasterizer.interpolate(outside, model.uv_layout.triangles, fragments)


def _drawn(model, face):
    """`renderer.Rendering` of `Codes`."""
    _, vertices = model.decode_shape(face.shape_code)
    albedo = model.decode_albedo(face.albedo_code)
    return model.render(vertices, albedo, face.projection, face.illumination)


def _mean(mask, values):
    sums = (tf.reduce_sum(part, axis=[1, 2, 3]) for part in (mask * values, mask))
    return tf.math.divide_no_nan(*sums)


def _change(parts, face):
    change = parameters.Change(*parts)
    return change if face.illumination is not None else change._replace(light=None)
