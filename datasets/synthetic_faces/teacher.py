"""A linear model of 200 scans, built as the usual one was, and the labels it gives.

The people scanned are alike (European, young, shaven), as in the real model; the population is not.
Fits of this model are the weak supervision from which the nonlinear model starts.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import metrics
from tf_nonlinear3dmm.core.types import Size
from tf_nonlinear3dmm.data.builders.synthetic_faces.people import population
from tf_nonlinear3dmm.networks import linear
from tf_nonlinear3dmm.rendering import camera

_SCANS, _ACTORS, _EXPRESSIONS, _TEXTURES = 200, 20, 20, 40
SEED = 2009
_RESIDUAL_MM = 1.0  # how well the model is believed to fit, which sets the ridge
_ANGLE_NOISE_DEG, _SHIFT_NOISE, _SCALE_NOISE = 1.5, 1.0 / 112, 0.01


class Fit(NamedTuple):
    """Best fits of a linear model to a batch of faces.

    Attributes:
        vertices: `[B, V, 3]` of the model.
        rotation: `[B, 3, 3]`, scaled; with `translation` it moves the fit onto the face.
        translation: `[B, 3]`.
    """

    vertices: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray


def scan_200(uv_size: Size, modes: int = 160, level: int = 0) -> tuple[linear.Basis, linear.Basis]:
    """Shape and texture `linear.Basis` of the embedded face's 200 scans; see the two below."""
    scanned = population.MakeHumanPeople(level, tuple(uv_size))
    return scan_shapes(scanned, modes), _scan_textures(scanned)


def scan_shapes(
    scanned: population.MakeHumanPeople | population.LinearPeople, modes: int = 160
) -> linear.Basis:
    """The `linear.Basis` of 200 neutral scans and of 20 of these people with 20 expressions.

    Args:
        scanned: the people to scan.
        modes: how many of the modes of largest variance to keep, of scans and expressions together.
    """
    scans = scanned.neutral([scanned.subject(random) for random in _streams(0, _SCANS)])
    actors = np.repeat(scans[:_ACTORS], _EXPRESSIONS, axis=0)
    offsets = scanned.apply_expression(actors, _streams(1, len(actors)))[0] - actors
    identity = _basis(scans, _SCANS - 1, scans.mean(axis=0))
    expression = _basis(offsets, len(offsets), np.zeros_like(scans[0]))
    return linear.combine(identity, expression, modes)


def _scan_textures(scanned: population.MakeHumanPeople | population.LinearPeople) -> linear.Basis:
    """The `linear.Basis` of the albedo maps of the same people: 40 modes."""
    subjects = [scanned.subject(random, painted=True) for random in _streams(0, _SCANS)]
    maps = np.stack([subject.albedo.reshape(*scanned.size, 3) for subject in subjects])
    return _basis(maps, _TEXTURES, maps.mean(axis=0))


def _streams(kind, count):
    return [np.random.default_rng([SEED, kind, number]) for number in range(count)]


def _basis(samples, count, mean):
    """float32 `linear.Basis` of float32 samples, summed in float64: small modes count too."""
    basis = linear.pca(samples.astype(np.float64), count, mean)
    return linear.Basis(*(part.astype(np.float32) for part in basis))


def fit(vertices: np.ndarray, model: linear.Basis, units: float, rounds: int = 2) -> Fit:
    """Fits a linear model to faces: similarity alignment, then ridge regression.

    Args:
        vertices: `[B, V, 3]`.
        model: `linear.Basis` of shapes.
        units: millimetres per unit of both.
        rounds: of the two.

    Returns:
        `Fit`.
    """
    ridge = (_RESIDUAL_MM / units) ** 2
    fitted = np.broadcast_to(model.mean, vertices.shape)
    for _ in range(rounds):
        aligned = metrics.aligned(vertices, fitted, scaled=True)
        fitted = linear.decode(model, linear.project(model, aligned, ridge=ridge))
    rotation, translation = metrics.kabsch(fitted, vertices, scaled=True)
    return Fit(fitted.astype(vertices.dtype), rotation, translation)


def project(
    fit: Fit, projection: np.ndarray, random: Sequence[np.random.Generator], image_size: int
) -> np.ndarray:
    """The projections `[B, 2, 4]` of fits: those of the faces, with the errors of a real fit.

    Args:
        fit: `Fit` of the faces.
        projection: `[B, 2, 4]` of the faces.
        random: one generator for each face.
        image_size: of the evaluation crop; shifts err by a pixel at 112.
    """
    matrix, translation = projection[:, :, :3], fit.translation[..., np.newaxis]
    last = matrix @ translation + projection[:, :, 3:]
    exact = np.concatenate([matrix @ fit.rotation, last], axis=2).astype(np.float32)
    yaw, pitch, roll, scale, place = (
        value.numpy() for value in camera.decompose(tf.constant(exact))
    )
    noise = np.stack([r.normal(size=6) for r in random]).astype(np.float32)
    angles = np.stack([yaw, pitch, roll], axis=1) + np.radians(_ANGLE_NOISE_DEG) * noise[:, :3]
    scale = scale * (1 + _SCALE_NOISE * noise[:, 3])
    place = place + image_size * _SHIFT_NOISE * noise[:, 4:]
    yaw, pitch, roll = angles.astype(np.float32).T
    return camera.compose(yaw, pitch, roll, scale, place.astype(np.float32)).numpy()
