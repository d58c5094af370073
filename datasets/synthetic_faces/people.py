"""Where people come from: MakeHuman's population, or the bases of any linear face model.

Both kinds answer the same questions: who is the next person, what do they look like at rest and
with an expression, and what colour is their skin.
"""

import dataclasses
from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces import (
    albedo,
    expression,
    identity,
    look,
    muscles,
    stage,
    surface,
)
from tf_nonlinear3dmm.face import FaceModel, load_population, sample_shapes
from tf_nonlinear3dmm.rendering import uv_layout

EMBEDDED = ("makehuman", "makehuman-12k")


class Person(NamedTuple):
    """Someone of a `Population` or a `LinearPeople`.

    Attributes:
        shape: `identity.Identity`, or neutral vertices `[V, 3]`.
        look: `look.Look`.
        paint: `[N, 3]` albedo of the skin over the texels of the fine map.
    """

    shape: object
    look: look.Look
    paint: np.ndarray


MANNERS = ("jaw_open", "smile", "blink", "brow_raise")
TRAITS = ("age", "male", *identity.RACES, "muscle", "weight", "melanin", "beard", "make_up")
TRAITS += ("freckles", "wrinkles", "hair_lightness")


class Population:
    """People of the embedded face model, with hair, glasses and clothes.

    Attributes:
        face: `FaceModel`.
        size: (height, width) of the fine map that skin is painted on.
        attribute_names: of the values of `attributes`.
    """

    attribute_names = TRAITS + MANNERS

    def __init__(self, level, size):
        self.face = FaceModel.load(EMBEDDED[level])
        self.size = size
        self._population = load_population(level)
        self._basis = identity.face_basis(self._population)
        self._muscles = muscles.attach(self._population, self._basis)
        self._surface = surface.measure(self._population, self.face, size)
        self._noise = albedo.make_noise(size)

    def stage(self, layout):
        """The `stage.Stage` for faces drawn with this `UVLayout`."""
        return stage.make_stage(self._population, layout, self._noise)

    def person(self, random):
        """Draws a `Person`."""
        shape = identity.sample(random, self._population)
        features = look.sample(random, shape)
        return Person(shape, features, albedo.whole(self._surface, self._noise, features, 0.0))

    def subject(self, random, painted=False):
        """Draws a `Person` of the kind that gets scanned, shaven and without make-up."""
        shape = identity.sample_scan(random, self._population)
        seen = look.bare(look.sample(random, shape))
        paint = albedo.whole(self._surface, self._noise, seen, 0.0) if painted else None
        return Person(shape, seen, paint)

    def neutral(self, people):
        """Vertices `[P, V, 3]` of people at rest."""
        shapes = identity.stack([person.shape for person in people])
        return identity.neutral(shapes, self._population, self._basis)

    def act(self, neutral, randoms):
        """Vertices `[B, V, 3]` with an expression drawn from each generator, and its units."""
        names = self._population.unit_names
        units = np.stack([expression.sample(random, names) for random in randoms])
        return muscles.apply(neutral, units, self._muscles).astype(np.float32), units

    def albedo(self, person, gap):
        """The fine albedo map `[H, W, 3]` of a person whose lips are `gap` dm apart."""
        paint = albedo.with_mouth(person.paint, self._surface, person.look, gap)
        return paint.reshape(*self.size, 3)

    def attributes(self, person, units):
        """Values `[A]`, for walks along directions that mean something."""
        shape, seen = person.shape, person.look
        make_up = max(seen.lipstick, seen.eye_shadow, seen.blush, seen.liner)
        values = [shape.age, shape.male, *shape.race, shape.muscle, shape.weight, seen.melanin]
        values += [seen.beard_density, make_up, seen.freckles, seen.wrinkles.mean()]
        values += [seen.hair.mean()]
        where = self._muscles.where
        values += [units[where["jawOpen"]]]
        for stem in ("mouthSmile", "eyeBlink", "browOuterUp"):
            values += [(units[where[stem + "Left"]] + units[where[stem + "Right"]]) / 2]
        return np.array(values, np.float32)


class LinearPeople:
    """People of a linear face model: normal coefficients, bare skin; no hair, no clothes.

    Attributes and methods: as `Population`.
    """

    attribute_names = ("melanin", "haemoglobin")

    def __init__(self, face, size):
        self.face, self.size = face, size
        none = np.zeros([0, *face.mean_vertices.shape], np.float32)
        self._rest = dataclasses.replace(
            face, expression_basis=none, expression_std=np.zeros([0], np.float32)
        )
        self._acting = dataclasses.replace(
            face, shape_basis=none, shape_std=np.zeros([0], np.float32)
        )
        self._noise = albedo.make_noise(size)
        layout = uv_layout.build(face, size)
        lips = face.regions.get("lips", np.zeros(len(face.mean_vertices), np.float32))
        self._lips = np.sum(lips[layout.texel_vertices] * layout.texel_weights, axis=-1).ravel()

    def stage(self, layout):
        return stage.bare_stage(self.face, layout, self._noise)

    def person(self, random):
        seen = look.bald(look.bare(look.sample(random, identity.sample(random, None))))
        paint = albedo.plain(self._noise, self.size, self._lips, seen)
        return self.subject(random)._replace(look=seen, paint=paint)

    def subject(self, random):
        return Person(sample_shapes(self._rest, random, 1)[0], None, None)

    def neutral(self, people):
        return np.stack([person.shape for person in people])

    def act(self, neutral, randoms):
        if len(self._acting.expression_basis) == 0:
            return neutral, [None] * len(randoms)
        drawn = [sample_shapes(self._acting, random, 1)[0] for random in randoms]
        return neutral + np.stack(drawn) - self.face.mean_vertices, [None] * len(randoms)

    def albedo(self, person, gap):
        del gap  # no teeth to show
        return person.paint.reshape(*self.size, 3)

    def attributes(self, person, units):
        return np.array([person.look.melanin, person.look.haemoglobin], np.float32)


def attribute_names(face):
    """The names of the values of `attributes` of a `FaceModel`'s people."""
    return (Population if face.name in EMBEDDED else LinearPeople).attribute_names


def open_people(name, size):
    """The people of a face model's name or path, painted on maps of `size`.

    Raises:
        ValueError: where the face model is neither embedded nor has a basis to sample from.
    """
    face = FaceModel.load(name)
    if face.name in EMBEDDED:
        return Population(EMBEDDED.index(face.name), size)
    if len(face.shape_basis) == 0:
        raise ValueError(
            f"face model `{name}` must have a shape basis to sample people from, got none"
        )
    return LinearPeople(face, size)
