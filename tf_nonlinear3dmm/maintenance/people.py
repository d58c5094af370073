"""How well one knows a person from one photo and from more, on generated people."""

import io
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import PIL.Image

from tf_nonlinear3dmm import fitting, metrics
from tf_nonlinear3dmm.data import crop
from tf_nonlinear3dmm.data.builders.synthetic_faces import contexts, generator
from tf_nonlinear3dmm.data.builders.synthetic_faces.camera import sensor
from tf_nonlinear3dmm.data.builders.synthetic_faces.drawing import compositing
from tf_nonlinear3dmm.data.builders.synthetic_faces.scene import light, pose
from tf_nonlinear3dmm.model import Nonlinear3DMM

SHARPER = 2  # side of a photo's crop over that of the model's images


class Album(NamedTuple):
    """Photos of one person.

    Attributes:
        crops: `[N, 2 S, 2 S, 3]` uint8.
        neutral: `[V, 3]` vertices without expression.
    """

    crops: np.ndarray
    neutral: np.ndarray


def generate(person: int, count: int, size: int, face_model: str = "makehuman") -> Album:
    """The `Album` of `count` photos of the `person`-th person of the test split.

    Each has a pose, expression, light, scene and camera of its own, as records of the split have.

    Args:
        person: number.
        count: of photos.
        size: pixels of the model's images.
        face_model: one of the embedded.
    """
    context = contexts.open_context(SHARPER * size, (96, 112), 0, face_model)
    who = contexts.person(context, "test", person)
    neutral = np.repeat(context.people.neutral([who]), count, axis=0)
    randoms = [np.random.default_rng([9, person, number]) for number in range(count)]
    vertices, _ = context.people.apply_expression(neutral, randoms)
    angles = np.stack([pose.sample_angles(random) for random in randoms])
    ids = context.assets.landmarks
    places = vertices[:, ids[ids >= 0]]
    view = pose.projections(places, angles, context.image_size, context.stored_size)
    gaps = generator.mouth_gaps(vertices, context.assets.contours)
    shots = [
        compositing.Shot(
            who.appearance, context.people.albedo(who, gap), light.sample(random), gap, random
        )
        for gap, random in zip(gaps, randoms, strict=True)
    ]
    yaw, side = np.radians(angles[:, 0]), context.stored_size
    images, _ = compositing.render(context.assets, vertices, neutral, view, yaw, shots, side)
    whole = np.ones([side, side, 1], bool)
    photos = [sensor.photograph(*args, whole) for args in zip(randoms, images, strict=True)]
    inside = slice(
        crop.margin(context.image_size), crop.margin(context.image_size) + SHARPER * size
    )
    crops = [np.asarray(PIL.Image.open(io.BytesIO(p)).convert("RGB")) for p in photos]
    return Album(np.stack(crops)[:, inside, inside], neutral[0])


def measure(
    model: Nonlinear3DMM,
    people: int,
    counts: Sequence[int] = (1, 2, 5),
    steps: int = 0,
    progress: Callable[[int], None] = lambda people: None,
) -> dict[str, np.ndarray]:
    """Mean errors in mm of a person's own shape: name -> one for each number of photos.

    The shape is that of the mean of the photos' codes without expression.
    """
    errors = {"encoder": [], "fit of each photo": [], "fitted together": []}
    for person in range(people):
        album = generate(person, max(counts), model.config.image_size, model.face.name)
        rows = {name: [] for name in errors}
        for count in counts:
            crops = album.crops[:count]
            alone = fitting.fit(model, crops, steps=steps).reconstruction
            together = fitting.fit(model, crops, steps=steps, same_person=True).reconstruction
            results = (model.reconstruct(crops), alone, together)
            for name, result in zip(errors, results, strict=True):
                rows[name].append(_error(model, result.shape_code, album.neutral))
        for name, row in rows.items():
            errors[name].append(row)
        progress(person + 1)
    return {name: np.mean(rows, axis=0) for name, rows in errors.items()}


def _error(model, codes, neutral):
    """Mean distance in mm of the skin from the neutral face."""
    code = np.mean(model.neutral(codes), axis=0, keepdims=True)
    _, vertices = model.decode_shape(code)
    distance, _, _ = metrics.skin_error(model.face, vertices, neutral[np.newaxis])
    return float(np.asarray(distance)[0])
