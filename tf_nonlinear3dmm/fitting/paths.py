"""The path of a face through a clip: each frame's landmarks, then all frames together.

1. Camera and shape code of each frame by Gauss-Newton on its landmarks, as in `alignment`, but
   about the person's own shape.
2. Where these are smooth in time, see `motion`, weighed by what the landmarks know of them.

A few frames are solved at a time, with some that follow; the last two before them stay as they are.
"""

import functools
import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.core import graphs
from tf_nonlinear3dmm.fitting import alignment, landmarks, motion, parameters, places, spread
from tf_nonlinear3dmm.fitting.following import Sight
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.rendering import camera

KEPT, AHEAD = 32, 16  # frames of a window that are solved for good, and that follow
STEPS = 4  # of Gauss-Newton
EXPRESSION = 0.5  # deviation of one person's shape codes, where people's is 1
FIXED = 1e12  # information on a frame that is solved already
CAMERA, SHAPE, LIGHT = 0.8, 0.02, 0.3  # second differences beyond which they move: deviations


class Person(NamedTuple):
    """Who is seen.

    Attributes:
        shape_code: `[Ks]`.
        albedo_code: `[Ka]`.
        light: `[9, 3]` to add to the encoder's light, which goes with its own albedo; or None.
    """

    shape_code: np.ndarray
    albedo_code: np.ndarray
    light: np.ndarray | None


class Pose(NamedTuple):
    """The face in one frame, in pixels of the frame as turned by its `Sight`.

    Attributes:
        projection: `[2, 4]`.
        illumination: `[9, 3]`, or None.
        shape_code: `[Ks]`.
        vertices: `[V, 3]`.
    """

    projection: np.ndarray
    illumination: np.ndarray | None
    shape_code: np.ndarray
    vertices: np.ndarray


def smooth(
    model: Nonlinear3DMM, sights: Iterable[Sight], person: Person
) -> Iterator[tuple[Sight, Pose | None]]:
    """Each `Sight` with its `Pose`, None without a face; a face that was lost begins anew."""
    runs = itertools.count()
    number = next(runs)

    def run(sight):
        nonlocal number
        number = number if sight.follows else next(runs)
        return number

    for _, frames in itertools.groupby(sights, run):
        yield from _windows(model, frames, person)


def _windows(model, frames, person):
    """`smooth` of one run of frames: a frame without a face, or all until the next of these."""
    before, waiting = [], []
    for sight in frames:
        if sight.codes is None:
            yield sight, None
            continue
        waiting.append(sight)
        if len(waiting) == KEPT + AHEAD:
            poses = _solve(model, person, before, waiting)
            solved = list(zip(waiting, poses, strict=True))[:KEPT]
            yield from solved
            before, waiting = solved[-2:], waiting[KEPT:]
    if waiting:
        yield from zip(waiting, _solve(model, person, before, waiting), strict=True)


def _solve(model, person, before, sights):
    """The `Pose`s of `sights` after up to two pairs (`Sight`, `Pose`) that are known."""
    units = spread.units(model)
    k = float(units.image_size / np.median([sight.square.side for sight in sights]))
    projection, shape, blocks = _each(model, person, sights, k)
    if before:
        known = camera.crop(tf.constant([pose.projection for _, pose in before]), 0.0, 0.0, k)
        projection = tf.concat([known, projection], axis=0)
        shape = np.concatenate([[pose.shape_code for _, pose in before], shape])
    moved = _steady(projection, shape, blocks, len(before), units)
    projection = parameters.moved(projection, tf.constant(moved[:, :6]), units)[len(before) :]
    projection = camera.crop(projection, 0.0, 0.0, 1 / k).numpy()
    shape = (shape + moved[:, 6:])[len(before) :]
    vertices = _decoder(model)(tf.constant(shape)).numpy()
    lights = _lights(person, before, sights)
    return [Pose(*parts) for parts in zip(projection, lights, shape, vertices, strict=True)]


def _each(model, person, sights, k):
    """Cameras, shape codes and `[F, P, P]` information on both, each frame by itself."""
    marked, units = places.of_face_mesh(model.face), spread.units(model)
    points = np.stack([(s.mesh.points[:, :2] + 0.5) * k - 0.5 for s in sights])
    sizes = [s.size * k for s in sights]
    known = landmarks.known(points, [s.confidence for s in sights], marked, sizes)
    guess = tf.constant(np.concatenate([s.codes.projection for s in sights]))
    guess = camera.crop(guess, 0.0, 0.0, k)
    projection, mean = guess, tf.constant(person.shape_code)
    shape = tf.tile(mean[tf.newaxis], [len(sights), 1])
    for _ in range(STEPS):
        normal, right = _normal(model)(known, guess, projection, shape, mean)
        step = tf.linalg.solve(normal, right[..., tf.newaxis])[..., 0]
        projection = parameters.moved(projection, step[:, :6], units)
        shape += step[:, 6:]
    return projection, shape.numpy(), normal.numpy().astype(np.float64)


@functools.lru_cache(maxsize=8)
def _normal(model):
    """The normal equations of a face on its landmarks, about a guess of the camera and a mean."""
    marked, units = places.of_face_mesh(model.face), spread.units(model)
    sight = model.uv_layout.normal_triangles
    moves = alignment.slopes(_decoder(model), model.config.shape_code_size, marked)

    @graphs.function(reduce_retracing=True)
    def run(known, guess, projection, shape, mean):
        vertices = model.decode_shape(shape)[1]
        points = places.on(vertices, marked)
        visible = landmarks.in_sight(vertices, projection, marked, sight)
        information, towards = alignment.normal(
            known, projection, points, visible, moves, units, marked.pairs
        )
        change = parameters.between(guess, projection, units)
        stiffness = 1 / EXPRESSION**2
        diagonal = tf.concat([tf.ones_like(change), tf.fill(tf.shape(shape), stiffness)], axis=1)
        pull = tf.concat([change, stiffness * (shape - mean)], axis=1)
        return information + tf.linalg.diag(diagonal), towards - pull

    return run


def _steady(projection, shape, blocks, fixed, units):
    """`[F, 6 + Ks]`: how far cameras and shape codes move to be smooth; all but `fixed` ones."""
    if len(shape) < 3:
        return np.zeros([len(shape), blocks.shape[-1]], np.float32)
    speed = parameters.between(projection[:-1], projection[1:], units).numpy()
    seen = np.concatenate([np.diff(speed, axis=0), np.diff(shape, 2, axis=0)], axis=1)
    scale = _deviations(blocks)
    blocks = np.linalg.solve(scale, np.linalg.solve(scale, blocks).transpose(0, 2, 1))
    known = np.tile(FIXED * np.eye(blocks.shape[-1]), [fixed, 1, 1])
    blocks, parts = np.concatenate([known, blocks]), [(6, CAMERA), (shape.shape[1], SHAPE)]
    moved = motion.settle(seen @ scale, blocks, parts)
    return np.linalg.solve(scale.T, moved.T).T.astype(np.float32)


def _deviations(blocks):
    """`[P, P]` L of the mean information L L' on the camera, and on the shape: their deviations.

    Multiplied by it, what moves the landmarks counts, and what does not hardly does.
    """
    mean, scale = blocks.mean(axis=0), np.zeros(blocks.shape[1:])
    for part in (slice(0, 6), slice(6, None)):
        scale[part, part] = np.linalg.cholesky(mean[part, part])
    return scale


def _lights(person, before, sights):
    """The light of each of `sights`, smooth in time: `[F, 9, 3]`, or Nones."""
    if person.light is None:
        return [None] * len(sights)
    encoder = [sight.codes.illumination[0] + person.light for sight in sights]
    seen = np.stack([pose.illumination for _, pose in before] + encoder)
    flat = seen.reshape(len(seen), -1).astype(np.float64) / parameters.LIGHT
    if len(flat) > 2:
        information = np.where(np.arange(len(flat)) < len(before), FIXED, 1.0)
        blocks = information[:, np.newaxis, np.newaxis] * np.eye(flat.shape[1])
        flat += motion.settle(np.diff(flat, 2, axis=0), blocks, [(flat.shape[1], LIGHT)])
    return (flat * parameters.LIGHT).astype(np.float32).reshape(seen.shape)[len(before) :]


@functools.lru_cache(maxsize=8)
def _decoder(model):
    return graphs.function(lambda code: model.decode_shape(code)[1], reduce_retracing=True)
