"""What all images of one configuration have in common, and the random streams of each."""

import functools
from typing import NamedTuple

import numpy as np
import threadpoolctl

from tf_nonlinear3dmm.data import crop
from tf_nonlinear3dmm.data.builders.synthetic_faces import teacher
from tf_nonlinear3dmm.data.builders.synthetic_faces.people import population
from tf_nonlinear3dmm.data.builders.synthetic_faces.scene.assets import SceneAssets
from tf_nonlinear3dmm.networks import linear
from tf_nonlinear3dmm.rendering import uv_layout

SPLITS = {"train": 0, "validation": 1, "test": 2}
PERSON, IMAGE = 0, 1  # kinds of random streams


class Context(NamedTuple):
    """All that the images of one configuration have in common."""

    seed: int
    image_size: int
    stored_size: int
    uv_size: tuple[int, int]
    face_model: str
    people: population.MakeHumanPeople | population.LinearPeople
    layout: uv_layout.UVLayout
    assets: SceneAssets
    scans: linear.Basis


def open_context(
    image_size: int, uv_size: tuple[int, int], seed: int = 0, face_model: str = "makehuman"
) -> Context:
    """The `Context` of a configuration, made once in a process."""
    return _context(image_size, tuple(uv_size), seed, face_model)


@functools.lru_cache(maxsize=2)
def _context(image_size, uv_size, seed, face_model):
    fineness = 4 if uv_size[0] < 48 else 2
    people = population.open_people(face_model, (fineness * uv_size[0], fineness * uv_size[1]))
    layout = uv_layout.build(people.face, uv_size)
    with one_blas_thread():
        scans = teacher.scan_shapes(people)
    return Context(
        seed=seed,
        image_size=image_size,
        stored_size=crop.stored_size(image_size),
        uv_size=uv_size,
        face_model=face_model,
        people=people,
        layout=layout,
        assets=people.scene_assets(layout),
        scans=scans,
    )


def one_blas_thread() -> threadpoolctl.threadpool_limits:
    """A context in which BLAS sums alike on any number of cores.

    Its threads would also wait in busy loops and take half the time of others.
    """
    return threadpoolctl.threadpool_limits(1, "blas")


def stream(context: Context, split: str, kind: int, number: int) -> np.random.Generator:
    """The random generator of a split's `number`-th `PERSON` or `IMAGE`."""
    return np.random.default_rng([context.seed, SPLITS[split], kind, number])


def person(context: Context, split: str, number: int) -> population.Person:
    """The `number`-th `population.Person` of a split; no other split has this person."""
    return context.people.person(stream(context, split, PERSON, number))
