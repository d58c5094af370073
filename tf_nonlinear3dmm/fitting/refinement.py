"""All that a face has, on the pixels and on what landmarks say: Adam through the renderer."""

import math
from typing import TYPE_CHECKING

import tensorflow as tf

from tf_nonlinear3dmm.fitting import alignment, landmarks, parameters, priors
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.networks.encoder import Codes
from tf_nonlinear3dmm.rendering import camera, lighting, rasterizer

if TYPE_CHECKING:
    from tf_nonlinear3dmm.fitting import solver

RATE, LAST_RATE = 0.08, 0.01  # of Adam, in units of `parameters.Change`
COLOUR = 0.08  # how far a pixel's colour is off, at least
OUTLIER = 2.0  # so many times that: from there on, something hides the face
PIXELS = 100.0  # all of a face's pixels count as so many: neighbours err together
FACING, EDGE = 0.35, 0.1  # cosine to the viewing direction from which skin counts; its softness


def refine(
    model: Nonlinear3DMM,
    face: Codes,
    aligned: alignment.Aligned,
    images: tf.Tensor,
    units: parameters.Units,
    settings: "solver.Settings",
) -> parameters.Change:
    """The most probable camera, light and codes near the aligned ones, given the pixels as well.

    Args:
        model: `Nonlinear3DMM`.
        face: `Codes` that the encoder sees.
        aligned: `alignment.Aligned`.
        images: `[B, S, S, 3]` in [0, 1].
        units: `parameters.Units`.
        settings: `steps` of Adam, and `same_person`, see `priors`.

    Returns:
        `parameters.Change`.
    """
    empty = tf.zeros([tf.shape(images)[0], 0])
    parts = [empty if part is None else part for part in aligned.change]
    means, squares = ([tf.zeros_like(part) for part in parts] for _ in range(2))
    start = parameters.changed(face, aligned.change, units)
    colour = tf.maximum(COLOUR, off(*_drawn(model, start), images))
    for step in tf.range(settings.steps):
        with tf.GradientTape() as tape:
            tape.watch(parts)
            now = priors.tied(_change(parts, face), settings.same_person)
            image, mask = _drawn(model, parameters.changed(face, now, units))
            total = priors.energy(now, settings.same_person) + alignment.energy(aligned, now)
            total = tf.reduce_sum(total + pixels(image, mask, images, colour))
        gradients = tape.gradient(total, parts, unconnected_gradients="zero")
        return count + 1, *_adam(parts, gradients, means, squares, count, settings.steps)

    start = tf.constant(0), parts, means, squares
    _, parts, _, _ = tf.while_loop(lambda count, *_: count < settings.steps, step, start)
    return priors.tied(_change(parts, face), settings.same_person)


def pixels(image: tf.Tensor, mask: tf.Tensor, images: tf.Tensor, colour: tf.Tensor) -> tf.Tensor:
    """`[B]`: minus twice the log-likelihood of `images`, of which `mask` counts.

    Args:
        image: `[B, H, W, 3]`, as the model draws it.
        mask: `[B, H, W, 1]` in [0, 1].
        images: `[B, H, W, 3]`.
        colour: `[B]`, how far a pixel's colour is off.
    """
    apart = (image - images) / colour[:, tf.newaxis, tf.newaxis, tf.newaxis]
    squares = tf.reduce_sum(tf.square(apart), axis=-1, keepdims=True)
    return PIXELS * _mean(mask, landmarks.robust(squares, OUTLIER))


def off(image: tf.Tensor, mask: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """`[B]`: mean distance of colours where `mask` counts; shapes as in `pixels`."""
    return _mean(mask, tf.reduce_mean(tf.abs(image - images), axis=-1, keepdims=True))


def skin(
    model: Nonlinear3DMM,
    vertices: tf.Tensor,
    projection: tf.Tensor,
    fragments: rasterizer.Fragments,
) -> tf.Tensor:
    """`[B, H, W, 1]` in [0, 1]: what pixels see of the face and what faces them.

    The inside of the mouth, the ears, which hair hides, and the outline, beyond which another
    thing begins, do not count.
    """
    regions = model.face.regions
    inner = 1 - sum(regions.get(name, 0 * regions["skin"]) for name in ("mouth", "ear"))
    normals = lighting.vertex_normals(vertices, model.uv_layout.normal_triangles)
    towards = tf.linalg.matvec(normals, camera.rotation(projection)[:, 2])
    facing = tf.sigmoid((towards - FACING) / (EDGE / 2)) * tf.maximum(inner, 0)
    fragments = rasterizer.Fragments(*map(tf.stop_gradient, fragments))
    facing = tf.stop_gradient(facing)[..., tf.newaxis]
    return rasterizer.interpolate(facing, model.uv_layout.triangles, fragments)


def _drawn(model, face):
    """The image of `Codes`, and the `skin` that counts in it."""
    _, vertices = model.decode_shape(face.shape_code)
    albedo = model.decode_albedo(face.albedo_code)
    drawn = model.render(vertices, albedo, face.projection, face.illumination)
    return drawn.image, skin(model, vertices, face.projection, drawn.fragments)


def _mean(mask, values):
    sums = (tf.reduce_sum(part, axis=[1, 2, 3]) for part in (mask * values, mask))
    return tf.math.divide_no_nan(*sums)


def _change(parts, face):
    change = parameters.Change(*parts)
    return change if face.illumination is not None else change._replace(light=None)


def _adam(parts, gradients, means, squares, step, steps):
    """One step of Adam, its rate falling along a cosine."""
    done = tf.cast(step, tf.float32) / tf.cast(steps, tf.float32)
    rate = LAST_RATE + (RATE - LAST_RATE) * (1 + tf.cos(math.pi * done)) / 2
    count = tf.cast(step + 1, tf.float32)
    means = [0.9 * m + 0.1 * g for m, g in zip(means, gradients, strict=True)]
    squares = [0.98 * s + 0.02 * g * g for s, g in zip(squares, gradients, strict=True)]
    rate *= tf.sqrt(1 - 0.98**count) / (1 - 0.9**count)
    moved = [
        p - rate * m / (tf.sqrt(s) + 1e-6) for p, m, s in zip(parts, means, squares, strict=True)
    ]
    return moved, means, squares
