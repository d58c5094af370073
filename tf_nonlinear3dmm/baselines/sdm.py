"""Supervised descent (Xiong and De la Torre, CVPR 2013): landmarks by a cascade of regressions.

From the mean face's points, each stage looks at gradient histograms around the current points and
moves all points by a learned linear function of them. Two-dimensional: no shape, no pose.
"""

import dataclasses
import functools
import json
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.linalg
import tensorflow as tf

from tf_nonlinear3dmm.baselines import gradients
from tf_nonlinear3dmm.core import array_files, shapes
from tf_nonlinear3dmm.core.types import Path


@dataclasses.dataclass(frozen=True)
class Settings:
    """How the cascade is built.

    Attributes:
        patches: side of the patch around a point at each stage, over the image's side; one number
            per stage.
        cells: a patch has cells x cells histograms.
        bins: directions of a histogram.
        ridge: weight of the squared regression weights, over the sum of a squared feature.
        starts: starting points per training image: the mean face, then perturbed ones.
        shift, scale: standard deviations of the perturbation: over the image's side, and a factor.
        seed: of the perturbations.
    """

    patches: tuple[float, ...] = (0.32, 0.26, 0.20, 0.16, 0.12)
    cells: int = 4
    bins: int = 8
    ridge: float = 0.1
    starts: int = 3
    shift: float = 0.03
    scale: float = 0.05
    seed: int = 0


class Model(NamedTuple):
    """A trained cascade.

    Attributes:
        mean: `[K, 2]` starting points, over the image's side.
        weights: `[stages, F + 1, 2 K]`: features and 1 -> motion over the image's side.
        settings: `Settings`.
    """

    mean: np.ndarray
    weights: np.ndarray
    settings: Settings


def train(
    images: np.ndarray,
    landmarks: np.ndarray,
    settings: Settings | None = None,
    report: Callable[[int, float], None] | None = None,
) -> Model:
    """Learns the cascade; a stage keeps its features in memory, 35 kB for each starting point.

    Args:
        images: `[N, S, S, 3]` uint8, or floats in [0, 1].
        landmarks: `[N, K, 2]` (x, y) pixels.
        settings: `Settings`.
        report: function called with (stage, mean distance over the image's side) after each stage.

    Returns:
        `Model`.
    """
    settings = settings or Settings()
    shapes.check(images=(images, "N S S 3"), landmarks=(landmarks, "N K 2"))
    goal = np.asarray(landmarks, np.float32) / images.shape[1]
    mean = goal.mean(axis=0)
    points = _starts(mean, len(goal), settings)
    weights = []
    for stage, patch in enumerate(settings.patches):
        features = [*_batches(images, points, patch, settings)]  # both halves of a stage need it
        weights.append(_regress(features, points, goal, settings))
        points = _descend(features, points, weights[-1])
        if report:
            report(stage, float(np.linalg.norm(points - goal[:, None], axis=-1).mean()))
    return Model(mean, np.stack(weights), settings)


def predict(model: Model, images: np.ndarray) -> np.ndarray:
    """Landmarks `[N, K, 2]` in pixels of `images` `[N, S, S, 3]` (uint8, or floats in [0, 1])."""
    shapes.check(images=(images, "N S S 3"))
    points = np.repeat(model.mean[None, None], len(images), axis=0)
    for patch, weights in zip(model.settings.patches, model.weights, strict=True):
        points = _descend(_batches(images, points, patch, model.settings), points, weights)
    return points[:, 0] * images.shape[1]


def save(model: Model, path: Path) -> None:
    """Writes a `Model` as .npz."""
    settings = json.dumps(dataclasses.asdict(model.settings))
    weights = model.weights.astype(np.float16)
    with array_files.replacing(path) as file:
        np.savez_compressed(file, mean=model.mean, weights=weights, settings=settings)


def load(path: Path) -> Model:
    """Reads what `save` wrote; weights come back rounded to half precision."""
    arrays = array_files.arrays(path)
    settings = json.loads(str(arrays["settings"]))
    settings["patches"] = tuple(settings["patches"])
    return Model(arrays["mean"], arrays["weights"].astype(np.float32), Settings(**settings))


def _starts(mean, count, settings):
    """`[N, starts, K, 2]`: the mean face, and the mean face moved and scaled about its centre."""
    rng = np.random.default_rng(settings.seed)
    size = (count, settings.starts, 1)
    factor = 1 + settings.scale * rng.standard_normal([*size, 1])
    shift = settings.shift * rng.standard_normal([*size, 2])
    factor[:, 0], shift[:, 0] = 1, 0
    centre = mean.mean(axis=0)
    return ((mean - centre) * factor + centre + shift).astype(np.float32)


def _batches(images, points, patch, settings, batch=256):
    """Yields (slice, features `[b * starts, F + 1]`) over all images."""
    side = images.shape[1]
    for first in range(0, len(images), batch):
        rows = slice(first, first + batch)
        pixels = np.asarray(images[rows], np.float32)
        if images.dtype == np.uint8:
            pixels /= 255
        features = _features(pixels, points[rows] * side, patch * side, settings)
        yield rows, np.asarray(features)


def _features(pixels, points, patch, settings):
    count, starts, landmarks, _ = points.shape
    maps = gradients.orientation_maps(tf.constant(pixels), settings.bins)
    centres = tf.reshape(tf.constant(points, tf.float32), [count, starts * landmarks, 2])
    features = gradients.describe(maps, centres, patch, settings.cells)
    features = tf.reshape(features, [count * starts, -1])
    return tf.pad(features, [[0, 0], [0, 1]], constant_values=1.0)


def _regress(batches, points, goal, settings):
    """`[F + 1, 2 K]` of least squared distance to the goal, with a ridge on all but the last."""
    normal, right = None, 0.0
    for rows, features in batches:
        motion = (goal[rows, None] - points[rows]).reshape(len(features), -1)
        normal = _add_products(normal, features)
        right = right + features.T @ motion
    diagonal = np.diag_indices(len(normal) - 1)
    normal[diagonal] += settings.ridge * normal[diagonal].mean()
    factor = scipy.linalg.cho_factor(np.asarray(normal, np.float64), lower=True, overwrite_a=True)
    return scipy.linalg.cho_solve(factor, np.asarray(right, np.float64)).astype(np.float32)


def _add_products(total, features):
    """The lower triangle of `total + features.T @ features`, added in place where there is one."""
    update = functools.partial(scipy.linalg.blas.ssyrk, 1.0, features.T, lower=True)
    return update() if total is None else update(beta=1.0, c=total, overwrite_c=True)


def _descend(batches, points, weights):
    """The points after one stage."""
    parts = [(features @ weights).reshape(points[rows].shape) for rows, features in batches]
    return points + np.concatenate(parts)
