"""All that a face has, on the pixels and the landmarks: Adam through the renderer."""

import math
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.fitting import landmarks, parameters, places, priors, progress
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.networks.encoder import Codes
from tf_nonlinear3dmm.rendering import camera, rasterizer

if TYPE_CHECKING:
    from tf_nonlinear3dmm.fitting import solver

RATE, LAST_RATE = 0.08, 0.01  # of Adam, in units of `parameters.Change`
COLOUR = 0.08  # how far a pixel's colour is off, where the model explains it
OUTLIER = 2.0  # so many times that: from there on, something hides the face
PIXELS = 100.0  # all of a face's pixels count as so many: neighbours err together


def refine(
    model: Nonlinear3DMM,
    face: Codes,
    change: parameters.Change,
    images: tf.Tensor,
    known: landmarks.Landmarks | None,
    marked: places.Places | None,
    normal_triangles: np.ndarray | None,
    settings: "solver.Settings",
    number: tf.Tensor,
) -> parameters.Change:
    """The most probable camera, light and codes near a guess, given pixels and landmarks.

    Args:
        model: `Nonlinear3DMM`.
        face: `Codes` that the encoder sees.
        change: `parameters.Change` of it to start from.
        images: `[B, S, S, 3]` in [0, 1].
        known, marked, normal_triangles: as in `alignment.align`; `known` may be None.
        settings: `steps` of Adam, and `same_person`, see `priors`.
        number: of whom to tell how far it is, see `progress`.

    Returns:
        `parameters.Change`.
    """
    size = model.config.image_size
    empty = tf.zeros([tf.shape(images)[0], 0])
    parts = [empty if part is None else part for part in change]
    means, squares = ([tf.zeros_like(part) for part in parts] for _ in range(2))
    for step in tf.range(settings.steps):
        with tf.GradientTape() as tape:
            tape.watch(parts)
            now = priors.tied(_change(parts, face), settings.same_person)
            looks = parameters.changed(face, now, size)
            _, vertices = model.decode_shape(looks.shape_code)
            total = priors.energy(now, settings.same_person) + pixels(
                model, looks, vertices, images
            )
            if known is not None and marked is not None:
                points = camera.project(places.on(vertices, marked), looks.projection)[..., :2]
                seen = landmarks.in_sight(vertices, looks.projection, marked, normal_triangles)
                total += landmarks.energy(points, known, seen)
            total = tf.reduce_sum(total)
        gradients = tape.gradient(total, parts, unconnected_gradients="zero")
        parts, means, squares = _adam(parts, gradients, means, squares, step, settings.steps)
        progress.tell(number, (step + 1) / settings.steps)
    return priors.tied(_change(parts, face), settings.same_person)


def pixels(model: Nonlinear3DMM, face: Codes, vertices: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """`[B]`: minus twice the log-likelihood of the pixels that see the face's skin and eyes."""
    albedo = model.decode_albedo(face.albedo_code)
    drawn = model.render(vertices, albedo, face.projection, face.illumination)
    squares = tf.reduce_sum(tf.square((drawn.image - images) / COLOUR), axis=-1, keepdims=True)
    distance = landmarks.robust(squares, OUTLIER)
    mask = skin(model, drawn.fragments)  # type: ignore[arg-type]  # it is drawn
    sums = (tf.reduce_sum(part, axis=[1, 2, 3]) for part in (mask * distance, mask))
    return PIXELS * tf.math.divide_no_nan(*sums)


def skin(model: Nonlinear3DMM, fragments: rasterizer.Fragments) -> tf.Tensor:
    """`[B, H, W, 1]` in [0, 1]: what pixels see of the face but for the inside of the mouth."""
    inside = model.face.regions.get("mouth", 0 * model.face.regions["skin"])
    outside = tf.constant(1 - inside)[tf.newaxis, :, tf.newaxis]
    fragments = rasterizer.Fragments(*map(tf.stop_gradient, fragments))
    return rasterizer.interpolate(outside, model.uv_layout.triangles, fragments)


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
