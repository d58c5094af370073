"""Faces, images and labels, one block of records at a time.

A record depends on (seed, split, index) alone: blocks have a fixed size and every person and every
image draws from a stream of its own, so more records only append.
"""

import io
import zlib
from collections.abc import Iterator

import joblib
import numpy as np
import PIL.Image

from tf_nonlinear3dmm.core import command_line
from tf_nonlinear3dmm.data import schema
from tf_nonlinear3dmm.data.builders.synthetic_faces import contexts, labels
from tf_nonlinear3dmm.data.builders.synthetic_faces.camera import sensor
from tf_nonlinear3dmm.data.builders.synthetic_faces.contexts import Context
from tf_nonlinear3dmm.data.builders.synthetic_faces.drawing import compositing
from tf_nonlinear3dmm.data.builders.synthetic_faces.scene import light, pose

BLOCK = 16  # records that are made together
BLOCKS = 8  # that are worth starting another process for
MOST_WORKERS = 8
PER_IDENTITY = {"train": 4, "validation": 2, "test": 2}


def records(context: Context, split: str, count: int, workers: int | None = None) -> Iterator[dict]:
    """Yields the first `count` examples of a split, their maps as PNG.

    Processes make them, each with a context of its own: threads would wait for each other's Python.

    Args:
        context: `Context`.
        split: name.
        count: of examples.
        workers: processes, 1: this one alone. By default one for each core, up to `MOST_WORKERS`,
            but not for fewer than `BLOCKS` blocks each.
    """
    blocks = range(-(-count // BLOCK))
    if workers is None:
        workers = max(1, min(joblib.cpu_count(), MOST_WORKERS, len(blocks) // BLOCKS))
    recipe = context.image_size, context.uv_size, context.seed, context.face_model
    packed = joblib.Parallel(workers, batch_size=1, return_as="generator")(
        joblib.delayed(command_line.call)(__name__, "packed_block", recipe, split, number)
        for number in blocks
    )
    for number, examples in enumerate(packed):
        yield from examples[: count - number * BLOCK]


def packed_block(recipe: tuple, split: str, number: int) -> list[dict]:
    """`block` with its masks and maps as PNG, quickly packed."""
    with contexts.one_blas_thread():
        examples = block(contexts.open_context(*recipe), split, number)
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


def block(context: Context, split: str, number: int) -> list[dict]:
    """Records `BLOCK * number` and following of a split: a list of `BLOCK` examples."""
    indices = np.arange(number * BLOCK, (number + 1) * BLOCK)
    owner = indices // PER_IDENTITY[split]
    randoms = [contexts.stream(context, split, contexts.IMAGE, index) for index in indices]
    persons = {i: contexts.person(context, split, i) for i in np.unique(owner)}
    neutral = context.people.neutral(list(persons.values()))[owner - owner[0]]
    vertices, units = context.people.apply_expression(neutral, randoms)
    angles, projection = _pose(context, vertices, randoms)
    gaps = mouth_gaps(vertices, context.assets.contours)
    shots = [
        _shot(context, persons[i], gap, random)
        for i, gap, random in zip(owner, gaps, randoms, strict=True)
    ]
    yaw = np.radians(angles[:, 0])
    images, masks = compositing.render(
        context.assets, vertices, neutral, projection, yaw, shots, context.stored_size
    )
    inside = np.stack([sensor.edges(random, context.stored_size) for random in randoms])
    masks &= inside
    photos = [sensor.photograph(*args) for args in zip(randoms, images, inside, strict=True)]
    arrays = labels.label(context, vertices, projection, photos, masks, randoms)
    return [
        {name: value[k] for name, value in arrays.items()}
        | {"has_" + label: True for label in schema.LABELS}
        | {
            "image": photos[k],
            "name": f"{split}-{index:06d}",
            "identity": contexts.SPLITS[split] * 10_000_000 + int(owner[k]),
            "yaw_deg": np.float32(angles[k, 0]),
            "albedo": labels.to_bytes(labels.pool(shots[k].albedo, context.uv_size)),
            "illumination": shots[k].light.illumination,
            "attributes": context.people.attributes(persons[owner[k]], units[k]),
        }
        for k, index in enumerate(indices)
    ]


def _pose(context, vertices, randoms):
    """Angles `[B, 3]` in degrees and projections `[B, 2, 4]`."""
    angles = np.stack([pose.sample_angles(random) for random in randoms])
    ids = context.assets.landmarks
    landmarks = vertices[:, ids[ids >= 0]]
    return angles, pose.projections(landmarks, angles, context.image_size, context.stored_size)


def _shot(context, person, gap, random):
    albedo = context.people.albedo(person, gap)
    return compositing.Shot(person.appearance, albedo, light.sample(random), gap, random)


def mouth_gaps(vertices: np.ndarray, contours: np.ndarray) -> np.ndarray:
    """How far the lips are apart, `[B]` in the face's units; 0 where contours lack."""
    if contours[61:68].min() < 0:
        return np.zeros(len(vertices))
    upper, lower = vertices[:, contours[61:64]], vertices[:, contours[[67, 66, 65]]]
    return np.maximum(np.linalg.norm(upper - lower, axis=-1).mean(axis=1) - 0.012, 0)
