"""Faces, pictures and labels, one block of records at a time.

A record depends on (seed, split, index) alone: blocks have a fixed size and every person and every
picture draws from a stream of its own, so more records only append.
"""

import concurrent.futures
import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from datasets.synthetic_faces import (
    albedo,
    backdrop,
    expression,
    identity,
    look,
    picture,
    scene,
    sensor,
    surface,
    teacher,
)
from tf_nonlinear3dmm import face_model, renderer
from tf_nonlinear3dmm import unwrap as unwrapping

BLOCK = 16  # records that are made together
SPLITS = {"train": 0, "validation": 1, "test": 2}
PER_IDENTITY = {"train": 4, "validation": 2, "test": 2}
PERSON, PICTURE = 0, 1  # kinds of random streams


class Studio(NamedTuple):
    """All that pictures have in common; made once by `make_studio`."""

    seed: int
    image_size: int
    margin: int
    uv_size: tuple
    population: face_model.Population
    basis: identity.Basis
    muscles: expression.Muscles
    face: renderer.FaceTensors
    landmarks: np.ndarray
    surface: surface.Surface
    noise: albedo.Noise
    set: picture.Set
    fitter: teacher.Fitter


LABELS = ("landmarks", "projection", "vertices", "texture", "face_mask")


@functools.lru_cache(maxsize=2)
def make_studio(image_size, uv_size, seed):
    """The `Studio` of a configuration."""
    population = face_model.load_population()
    face = face_model.FaceModel.load("makehuman")
    basis = identity.face_basis(population)
    muscles = expression.muscles(population, basis)
    fineness = 4 if uv_size[0] < 48 else 2
    skin = surface.measure(population, face, (fineness * uv_size[0], fineness * uv_size[1]))
    tensors, noise = renderer.face_tensors(face, uv_size), albedo.make_noise(skin.size)
    return Studio(
        seed=seed,
        image_size=image_size,
        margin=image_size // 8,
        uv_size=tuple(uv_size),
        population=population,
        basis=basis,
        muscles=muscles,
        face=tensors,
        landmarks=face.landmarks,
        surface=skin,
        noise=noise,
        set=picture.make_set(population, tensors, noise),
        fitter=teacher.fitter(teacher.scan_shapes(population, basis, muscles)),
    )


class Person(NamedTuple):
    """Who is in a picture."""

    shape: identity.Identity
    look: look.Look
    paint: np.ndarray


def person(studio, split, number):
    """The `number`-th person of a split; no other split has this person."""
    random = np.random.default_rng([studio.seed, SPLITS[split], PERSON, number])
    shape = identity.sample(random, studio.population)
    features = look.sample(random, shape)
    return Person(shape, features, albedo.whole(studio.surface, studio.noise, features, 0.0))


def records(studio, split, count, workers=2):
    """Yields the first `count` examples of a split; blocks are made by `workers` threads."""
    blocks = range(-(-count // BLOCK))
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        waiting = []
        for number in blocks:
            waiting.append(pool.submit(block, studio, split, number))
            if len(waiting) > workers:
                yield from waiting.pop(0).result()
        made = BLOCK * (len(blocks) - len(waiting))
        for future in waiting:
            yield from future.result()[: count - made]
            made += BLOCK


def block(studio, split, number):
    """Records `BLOCK * number` and following of a split: a list of `BLOCK` examples."""
    indices = np.arange(number * BLOCK, (number + 1) * BLOCK)
    who = indices // PER_IDENTITY[split]
    people = {i: person(studio, split, i) for i in np.unique(who)}
    cast = [people[i] for i in who]
    randoms = [
        np.random.default_rng([studio.seed, SPLITS[split], PICTURE, index]) for index in indices
    ]
    shapes = identity.stack([p.shape for p in people.values()])
    neutral = identity.neutral(shapes, studio.population, studio.basis)[who - who[0]]
    units = np.stack([expression.sample(r, studio.population.unit_names) for r in randoms])
    vertices = expression.apply(neutral, units, studio.muscles).astype(np.float32)
    angles = np.stack([scene.sample_angles(r) for r in randoms])
    projection = scene.frame(
        vertices[:, studio.landmarks], angles, studio.image_size, studio.margin
    )
    gaps = mouth_gaps(vertices, studio.landmarks)
    albedos = np.stack(
        [
            albedo.with_mouth(p.paint, studio.surface, p.look, gap).reshape(*studio.surface.size, 3)
            for p, gap in zip(cast, gaps, strict=True)
        ]
    )
    lights = [scene.sample_light(r) for r in randoms]
    shots = [
        picture.Shot(p.look, a, light, gap, backdrop.colour(r))
        for p, a, light, gap, r in zip(cast, albedos, lights, gaps, randoms, strict=True)
    ]
    turns = -np.radians(np.clip(angles[:, 0], -70, 70)) * [r.uniform(0, 0.7) for r in randoms]
    images, masks = picture.compose(
        studio.set,
        vertices,
        neutral,
        studio.landmarks,
        projection,
        shots,
        turns.astype(np.float32),
        randoms,
        studio.image_size + 2 * studio.margin,
    )
    photos = [sensor.photograph(r, image) for r, image in zip(randoms, images, strict=True)]
    seen = np.stack([tf.io.decode_jpeg(photo).numpy() for photo in photos])
    labels = _labels(studio, vertices, projection, seen, masks, randoms)
    examples = []
    for i, index in enumerate(indices):
        example = {name: value[i] for name, value in labels.items()}
        example |= {
            "image": photos[i],
            "name": f"{split}-{index:06d}",
            "identity": SPLITS[split] * 10_000_000 + int(who[i]),
            "yaw_deg": np.float32(angles[i, 0]),
            "albedo": _bytes(_pool(albedos[i], studio.uv_size)),
            "illumination": lights[i].illumination,
            "attributes": attributes(cast[i], units[i], studio.population.unit_names),
        }
        example |= {"has_" + label: True for label in LABELS}
        examples.append(example)
    return examples


def mouth_gaps(vertices, landmarks):
    """How far the lips are apart, `[B]` in decimetres."""
    upper, lower = vertices[:, landmarks[61:64]], vertices[:, landmarks[[67, 66, 65]]]
    return np.maximum(np.linalg.norm(upper - lower, axis=-1).mean(axis=1) - 0.012, 0)


def _labels(studio, vertices, projection, seen, masks, randoms):
    """Both label sets of a batch: truth, and the teacher's, as arrays with a leading batch axis."""
    fitted = teacher.fit(vertices, studio.fitter)
    turned = teacher.project(fitted, projection, randoms, studio.image_size)
    image, mask = tf.constant(seen, tf.float32) / 255, tf.constant(masks, tf.float32)
    result = {"face_mask": masks.astype(np.uint8) * 255}
    for prefix, shape, view in (
        ("", vertices, projection),
        ("teacher_", fitted.vertices.astype(np.float32), turned),
    ):
        texture, covered = _unwrap(image, shape, view, studio.face, mask)
        result[prefix + "vertices"] = shape
        result[prefix + "projection"] = view
        result[prefix + "landmarks"] = project(shape[:, studio.landmarks], view)
        result[prefix + "texture"] = _bytes(texture.numpy())
        result[prefix + "texture_mask"] = _bytes(covered.numpy())
    return result


@functools.partial(tf.function, reduce_retracing=True)
def _unwrap(image, vertices, projection, face, mask):
    return unwrapping.unwrap(image, vertices, projection, face, mask)


def project(points, projection):
    """Pixels `[B, N, 2]` of points `[B, N, 3]` in the face frame."""
    return points @ projection[:, :, :3].transpose(0, 2, 1) + projection[:, np.newaxis, :, 3]


ATTRIBUTES = ("age", "male", "african", "asian", "caucasian", "muscle", "weight", "melanin")
ATTRIBUTES += ("beard", "make_up", "freckles", "wrinkles", "hair_lightness", "jaw_open", "smile")
ATTRIBUTES += ("blink", "brow_raise")


def attributes(person, units, unit_names):
    """The values `[A]` of `ATTRIBUTES`, for walks along directions that mean something."""
    where = {str(name): i for i, name in enumerate(unit_names)}
    shape, features = person.shape, person.look

    def both(stem):
        return (units[where[stem + "Left"]] + units[where[stem + "Right"]]) / 2

    make_up = max(features.lipstick, features.eye_shadow, features.blush, features.liner)
    values = [shape.age, shape.male, *shape.race, shape.muscle, shape.weight, features.melanin]
    values += [features.beard_density, make_up, features.freckles, features.wrinkles.mean()]
    values += [features.hair.mean(), units[where["jawOpen"]], both("mouthSmile"), both("eyeBlink")]
    values += [both("browOuterUp")]
    return np.array(values, np.float32)


def _pool(image, size):
    """Mean over the cells of an image `[kH, kW, C]`: `[H, W, C]`."""
    height, width = size
    k = image.shape[0] // height
    return image.reshape(height, k, width, k, -1).mean(axis=(1, 3))


def _bytes(values):
    return np.clip(np.round(values * 255), 0, 255).astype(np.uint8)
