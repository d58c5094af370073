"""A linear model of 200 scans, made as the usual one was, and the labels it gives.

The people scanned are alike (European, young, shaven), as in the real model; the population is not.
Fits of this model are the weak supervision from which the nonlinear model starts.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.data.builders.synthetic_faces.people import population
from tf_nonlinear3dmm.rendering import camera

SCANS, ACTORS, EXPRESSIONS, TEXTURES = 200, 20, 20, 40
SEED = 2009
RESIDUAL_MM = 1.0  # how well the model is believed to fit, which sets the ridge
ANGLE_NOISE_DEG, SHIFT_NOISE, SCALE_NOISE = 1.5, 1.0 / 112, 0.01


class LinearModel(NamedTuple):
    """Value = mean + sum of code x basis; modes in order of variance.

    Attributes:
        mean: `[V, 3]` face frame, or `[Hu, Wu, 3]` sRGB albedo.
        basis: `[K, ...]`, each mode of unit length.
        std: `[K]` standard deviations of the codes.
    """

    mean: np.ndarray
    basis: np.ndarray
    std: np.ndarray


class Fit(NamedTuple):
    """Best fits of a `LinearModel` to a batch of faces.

    Attributes:
        vertices: `[B, V, 3]` of the model.
        code: `[B, K]`.
        turn: `[B, 3, 3]` scaled rotation and shift `[B, 3]` that carry the fit to the face.
        shift: see `turn`.
    """

    vertices: np.ndarray
    code: np.ndarray
    turn: np.ndarray
    shift: np.ndarray


def scan_200(uv_size, modes=160, level=0):
    """Shape and texture `LinearModel` of the embedded face's 200 scans; see the two below."""
    scanned = population.MakeHumanPeople(level, tuple(uv_size))
    return scan_shapes(scanned, modes), scan_textures(scanned)


def scan_shapes(scanned, modes=160):
    """The `LinearModel` of 200 neutral scans and of 20 of these people with 20 expressions.

    Args:
        scanned: `population.MakeHumanPeople` or `population.LinearPeople`.
        modes: how many of the modes of largest variance to keep, of scans and expressions together.
    """
    scans = scanned.neutral([scanned.subject(random) for random in _streams(0, SCANS)])
    actors = np.repeat(scans[:ACTORS], EXPRESSIONS, axis=0)
    offsets = scanned.apply_expression(actors, _streams(1, len(actors)))[0] - actors
    mean = scans.mean(axis=0)
    both = _modes(scans - mean, SCANS - 1)
    if np.any(offsets):
        moving = _modes(offsets, len(offsets))
        both = [np.concatenate(pair) for pair in zip(both, moving, strict=True)]
    order = np.argsort(-both[1], kind="stable")[:modes]
    return LinearModel(mean, both[0][order], both[1][order])


def scan_textures(scanned):
    """The `LinearModel` of the albedo maps of the same people: 40 modes."""
    subjects = [scanned.subject(random, painted=True) for random in _streams(0, SCANS)]
    maps = np.stack([subject.albedo.reshape(*scanned.size, 3) for subject in subjects])
    return LinearModel(maps.mean(axis=0), *_modes(maps - maps.mean(axis=0), TEXTURES))


def _streams(kind, count):
    return [np.random.default_rng([SEED, kind, number]) for number in range(count)]


def _modes(samples, count):
    """The first principal directions of `samples` `[N, ...]`, and the deviations along them."""
    flat = samples.reshape(len(samples), -1).astype(np.float64)
    values, vectors = np.linalg.eigh(flat @ flat.T / len(flat))
    values, vectors = values[::-1][:count], vectors[:, ::-1][:, :count]
    keep = values > 1e-9 * values[0]
    directions = vectors[:, keep].T @ flat
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    signs = np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)])
    directions = (directions * signs[:, np.newaxis]).reshape(-1, *samples.shape[1:])
    return directions.astype(np.float32), np.sqrt(values[keep]).astype(np.float32)


class Fitter(NamedTuple):
    """A shape `LinearModel` ready to fit: `basis` `[K, 3V]`, and `solve`, its ridge inverse."""

    mean: np.ndarray
    basis: np.ndarray
    solve: np.ndarray


def fitter(model, units):
    """The `Fitter` of a shape `LinearModel` whose faces measure `units` millimetres per unit."""
    flat = model.basis.reshape(len(model.basis), -1).astype(np.float64)
    ridge = np.diag((RESIDUAL_MM / units / model.std.astype(np.float64)) ** 2)
    solve = np.linalg.solve(flat @ flat.T + ridge, flat)
    return Fitter(model.mean, flat.astype(np.float32), solve.astype(np.float32))


def fit(vertices, fitter, rounds=2):
    """Fits a model to faces `[B, V, 3]`: similarity alignment, then ridge regression. `Fit`."""
    fitted = np.broadcast_to(fitter.mean, vertices.shape)
    for _ in range(rounds):
        turn, shift = similarity(vertices, fitted)
        aligned = vertices @ turn.transpose(0, 2, 1) + shift[:, np.newaxis]
        code = (aligned - fitter.mean).reshape(len(vertices), -1) @ fitter.solve.T
        fitted = fitter.mean + (code @ fitter.basis).reshape(vertices.shape)
    turn, shift = similarity(fitted, vertices)
    return Fit(fitted, code, turn, shift)


def similarity(source, target):
    """Scaled rotations `[B, 3, 3]` and shifts `[B, 3]` that best carry `source` to `target`."""
    a, b = source.mean(axis=1), target.mean(axis=1)
    p, q = source - a[:, np.newaxis], target - b[:, np.newaxis]
    u, s, vt = np.linalg.svd(q.transpose(0, 2, 1) @ p)
    s[:, 2] *= np.sign(np.linalg.det(u @ vt))
    u[:, :, 2] *= np.sign(np.linalg.det(u @ vt))[:, np.newaxis]
    scale = s.sum(axis=1) / (p**2).sum(axis=(1, 2))
    turn = (scale[:, np.newaxis, np.newaxis] * (u @ vt)).astype(source.dtype)
    return turn, b - np.einsum("bij,bj->bi", turn, a)


def project(fit, projection, random, image_size):
    """The projections `[B, 2, 4]` of fits: those of the faces, with the errors of a real fit.

    Args:
        fit: `Fit` of the faces.
        projection: `[B, 2, 4]` of the faces.
        random: one generator for each face.
        image_size: of the evaluation crop; shifts err by a pixel at 112.
    """
    linear = projection[:, :, :3] @ fit.turn
    shift = np.einsum("bij,bj->bi", projection[:, :, :3], fit.shift) + projection[:, :, 3]
    exact = np.concatenate([linear, shift[..., np.newaxis]], axis=2).astype(np.float32)
    yaw, pitch, roll, scale, place = (
        value.numpy() for value in camera.decompose(tf.constant(exact))
    )
    noise = np.stack([r.normal(size=6) for r in random]).astype(np.float32)
    angles = np.stack([yaw, pitch, roll], axis=1) + np.radians(ANGLE_NOISE_DEG) * noise[:, :3]
    scale = scale * (1 + SCALE_NOISE * noise[:, 3])
    place = place + image_size * SHIFT_NOISE * noise[:, 4:]
    return camera.compose(*angles.astype(np.float32).T, scale, place.astype(np.float32)).numpy()
