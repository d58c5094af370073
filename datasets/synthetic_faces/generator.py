"""Faces, pictures and labels, one block of records at a time.

A record depends on (seed, split, index) alone: blocks have a fixed size and every person and every
picture draws from a stream of its own, so more records only append.
"""

import functools
import io
import zlib
from typing import NamedTuple

import joblib
import numpy as np
import PIL.Image
import tensorflow as tf
import threadpoolctl

from tf_nonlinear3dmm.core import command_line
from tf_nonlinear3dmm.data import crop, schema
from tf_nonlinear3dmm.data.builders.synthetic_faces import (
    people,
    picture,
    scene,
    sensor,
    stage,
    teacher,
)
from tf_nonlinear3dmm.rendering import unwrap as unwrapping
from tf_nonlinear3dmm.rendering import uv_layout

BLOCK = 16  # records that are made together
BLOCKS = 8  # that are worth starting another process for
MOST_WORKERS = 8
SPLITS = {"train": 0, "validation": 1, "test": 2}
PER_IDENTITY = {"train": 4, "validation": 2, "test": 2}
PERSON, PICTURE = 0, 1  # kinds of random streams


class Studio(NamedTuple):
    """All that the pictures of one configuration have in common."""

    seed: int
    image_size: int
    stored_size: int
    uv_size: tuple
    face_model: str
    people: people.Population | people.LinearPeople
    face: uv_layout.UVLayout
    stage: stage.Stage
    fitter: teacher.Fitter


def make_studio(image_size, uv_size, seed=0, face_model="makehuman"):
    """The `Studio` of a configuration, made once in a process."""
    return _studio(image_size, tuple(uv_size), seed, face_model)


@functools.lru_cache(maxsize=2)
def _studio(image_size, uv_size, seed, face_model):
    fineness = 4 if uv_size[0] < 48 else 2
    cast = people.open_people(face_model, (fineness * uv_size[0], fineness * uv_size[1]))
    face = uv_layout.build(cast.face, uv_size)
    with one_blas_thread():
        fitter = teacher.fitter(teacher.scan_shapes(cast), cast.face.units)
    return Studio(
        seed=seed,
        image_size=image_size,
        stored_size=crop.stored_size(image_size),
        uv_size=uv_size,
        face_model=face_model,
        people=cast,
        face=face,
        stage=cast.stage(face),
        fitter=fitter,
    )


def one_blas_thread():
    """A context in which BLAS sums alike on any number of cores.

    Its threads would also wait in busy loops and take half the time of others.
    """
    return threadpoolctl.threadpool_limits(1, "blas")


def person(studio, split, number):
    """The `number`-th `people.Person` of a split; no other split has this person."""
    return studio.people.person(_stream(studio, split, PERSON, number))


def _stream(studio, split, kind, number):
    return np.random.default_rng([studio.seed, SPLITS[split], kind, number])


def records(studio, split, count, workers=None):
    """Yields the first `count` examples of a split, their maps as PNG.

    Processes make them, each with a studio of its own: threads would wait for each other's Python.

    Args:
        studio: `Studio`.
        split: name.
        count: of examples.
        workers: processes, 1: this one alone. By default one for each core, up to `MOST_WORKERS`,
            but not for fewer than `BLOCKS` blocks each.
    """
    blocks = range(-(-count // BLOCK))
    if workers is None:
        workers = max(1, min(joblib.cpu_count(), MOST_WORKERS, len(blocks) // BLOCKS))
    recipe = studio.image_size, studio.uv_size, studio.seed, studio.face_model
    made = joblib.Parallel(workers, batch_size=1, return_as="generator")(
        joblib.delayed(command_line.call)(__name__, "packed_block", recipe, split, number)
        for number in blocks
    )
    for number, examples in enumerate(made):
        yield from examples[: count - number * BLOCK]


def packed_block(recipe, split, number):
    """`block` with its masks and maps as PNG, quickly packed."""
    with one_blas_thread():
        examples = block(make_studio(*recipe), split, number)
    return [
        {name: _png(value) if _is_map(value) else value for name, value in example.items()}
        for example in examples
    ]


def _is_map(value):
    return isinstance(value, np.ndarray) and value.ndim == 3


def _png(image):
    buffer = io.BytesIO()
    PIL.Image.fromarray(image.squeeze(axis=-1) if image.shape[-1] == 1 else image).save(
        buffer, "PNG", compress_level=1, compress_type=zlib.Z_RLE
    )
    return buffer.getvalue()


def block(studio, split, number):
    """Records `BLOCK * number` and following of a split: a list of `BLOCK` examples."""
    indices = np.arange(number * BLOCK, (number + 1) * BLOCK)
    who = indices // PER_IDENTITY[split]
    cast = {i: person(studio, split, i) for i in np.unique(who)}
    randoms = [_stream(studio, split, PICTURE, index) for index in indices]
    neutral = studio.people.neutral(list(cast.values()))[who - who[0]]
    vertices, units = studio.people.act(neutral, randoms)
    angles = np.stack([scene.sample_angles(random) for random in randoms])
    marks = studio.stage.landmarks
    known = vertices[:, marks[marks >= 0]]
    projection = scene.frame(known, angles, studio.image_size, studio.stored_size)
    gaps = mouth_gaps(vertices, studio.stage.contours)
    shots = [
        picture.Shot(
            cast[i].look, studio.people.albedo(cast[i], gap), scene.sample_light(r), gap, r
        )
        for i, gap, r in zip(who, gaps, randoms, strict=True)
    ]
    yaw = np.radians(angles[:, 0])
    images, masks = picture.compose(
        studio.stage, vertices, neutral, projection, yaw, shots, studio.stored_size
    )
    inside = np.stack([sensor.edges(random, studio.stored_size) for random in randoms])
    masks &= inside
    pictures = zip(randoms, images, inside, strict=True)
    photos = [sensor.photograph(*picture) for picture in pictures]
    labels = _labels(studio, vertices, projection, photos, masks, randoms)
    return [
        {name: value[k] for name, value in labels.items()}
        | {"has_" + label: True for label in schema.LABELS}
        | {
            "image": photos[k],
            "name": f"{split}-{index:06d}",
            "identity": SPLITS[split] * 10_000_000 + int(who[k]),
            "yaw_deg": np.float32(angles[k, 0]),
            "albedo": _bytes(_pool(shots[k].albedo, studio.uv_size)),
            "illumination": shots[k].light.illumination,
            "attributes": studio.people.attributes(cast[who[k]], units[k]),
        }
        for k, index in enumerate(indices)
    ]


def mouth_gaps(vertices, contours):
    """How far the lips are apart, `[B]` in the face's units; 0 where contours lack."""
    if contours[61:68].min() < 0:
        return np.zeros(len(vertices))
    upper, lower = vertices[:, contours[61:64]], vertices[:, contours[[67, 66, 65]]]
    return np.maximum(np.linalg.norm(upper - lower, axis=-1).mean(axis=1) - 0.012, 0)


def _labels(studio, vertices, projection, photos, masks, randoms):
    """Both label sets of a batch, truth and teacher, as arrays with a leading batch axis."""
    fitted = teacher.fit(vertices, studio.fitter)
    turned = teacher.project(fitted, projection, randoms, studio.image_size)
    image = np.stack([tf.io.decode_jpeg(photo).numpy() for photo in photos])
    image, mask = tf.constant(image, tf.float32) / 255, tf.constant(masks, tf.float32)
    result = {"face_mask": masks.astype(np.uint8) * 255}
    known = studio.stage.landmarks >= 0
    for prefix, shape, view in (
        ("", vertices, projection),
        ("teacher_", fitted.vertices, turned),
    ):
        texture, covered = _unwrap(image, shape, view, studio.face, mask)
        points = project(shape[:, studio.stage.landmarks], view)
        result[prefix + "vertices"] = shape
        result[prefix + "projection"] = view
        result[prefix + "landmarks"] = points * known[:, np.newaxis].astype(np.float32)
        result[prefix + "texture"] = _bytes(texture.numpy())
        result[prefix + "texture_mask"] = _bytes(covered.numpy())
    return result


@tf.function
def _unwrap(image, vertices, projection, face, mask):
    return unwrapping.unwrap(image, vertices, projection, face, mask)


def project(points, projection):
    """Pixels `[B, N, 2]` of points `[B, N, 3]` in the face frame."""
    return points @ projection[:, :, :3].transpose(0, 2, 1) + projection[:, np.newaxis, :, 3]


def _pool(image, size):
    """Mean over the cells of an image `[kH, kW, C]`: `[H, W, C]`."""
    height, width = size
    k = image.shape[0] // height
    cells = image.reshape(height, k, width, k, -1)
    first, *others = (cells[:, i, :, j] for i in range(k) for j in range(k))
    return sum(others, first) / np.float32(k * k)  # six times as fast as `mean`


def _bytes(values):
    return np.clip(np.round(values * 255), 0, 255).astype(np.uint8)
