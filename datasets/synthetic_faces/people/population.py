"""Where people come from: MakeHuman's population, or the bases of any linear face model.

Both kinds answer the same questions: who is the next person, what do they look like at rest and
with an expression, and what colour is their skin.
"""

import dataclasses
from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces.people import (
    appearance,
    expression,
    identity,
    targets,
)
from tf_nonlinear3dmm.data.builders.synthetic_faces.people.appearance import Appearance
from tf_nonlinear3dmm.data.builders.synthetic_faces.people.identity import Identity
from tf_nonlinear3dmm.data.builders.synthetic_faces.scene import assets
from tf_nonlinear3dmm.data.builders.synthetic_faces.scene.assets import SceneAssets
from tf_nonlinear3dmm.data.builders.synthetic_faces.skin import albedo, noise, surface
from tf_nonlinear3dmm.face import (
    EMBEDDED,
    FaceModel,
    load_population,
    morphs,
    muscles,
    sample_shapes,
)
from tf_nonlinear3dmm.rendering import uv_layout


class Person(NamedTuple):
    """Someone of `MakeHumanPeople` or `LinearPeople`.

    Attributes:
        shape: `Identity`, or neutral vertices `[V, 3]`.
        appearance: `Appearance`; None where it is not needed.
        albedo: `[N, 3]` of the skin over the texels of the fine map; None where it is not needed.
    """

    shape: Identity | np.ndarray
    appearance: Appearance | None
    albedo: np.ndarray | None


EXPRESSION = ("jaw_open", "smile", "blink", "brow_raise")
TRAITS = ("age", "male", *identity.RACES, "muscle", "weight", "melanin", "beard", "make_up")
TRAITS += ("freckles", "wrinkles", "hair_lightness")


class MakeHumanPeople:
    """People of the embedded face model, with hair, glasses and clothes.

    Attributes:
        face: `FaceModel`.
        size: (height, width) of the fine map that skin is painted on.
        attribute_names: of the values of `attributes`.
        unit_names: of the units of expression.
    """

    attribute_names = TRAITS + EXPRESSION

    def __init__(self, level: int, size: tuple[int, int]) -> None:
        self.face = FaceModel.load(list(EMBEDDED)[level])
        self.size = size
        self._population = load_population(level)
        self.unit_names = tuple(str(name) for name in self._population.unit_names)
        self._basis = morphs.face_basis(self._population)
        self._muscles = muscles.attach(self._population, self._basis)
        self._fields = surface.measure(self._population, self.face, size)
        self._tiles = noise.make_tiles(size)

    def scene_assets(self, layout: uv_layout.UVLayout) -> SceneAssets:
        """The `SceneAssets` for faces drawn with these `uv_layout.UVLayout`."""
        return assets.load(self._population, layout, self._tiles)

    def person(self, random: np.random.Generator) -> Person:
        """Draws a `Person`."""
        shape = identity.sample(random, self._population)
        looks = appearance.sample(random, shape)
        return Person(shape, looks, albedo.whole(self._fields, self._tiles, looks, 0.0))

    def subject(self, random: np.random.Generator, painted: bool = False) -> Person:
        """Draws a `Person` of the kind that gets scanned, shaven and without make-up."""
        shape = identity.sample_scan(random, self._population)
        looks = appearance.bare(appearance.sample(random, shape))
        skin = albedo.whole(self._fields, self._tiles, looks, 0.0) if painted else None
        return Person(shape, looks, skin)

    def neutral(self, people: list[Person]) -> np.ndarray:
        """Vertices `[P, V, 3]` of people at rest."""
        shapes = identity.stack([person.shape for person in people])
        return targets.neutral(shapes, self._population, self._basis)

    def apply_expression(
        self, neutral: np.ndarray, randoms: list[np.random.Generator]
    ) -> tuple[np.ndarray, np.ndarray | list]:
        """Vertices `[B, V, 3]` with an expression drawn from each generator, and its units."""
        names = self._population.unit_names
        units = np.stack([expression.sample(random, names) for random in randoms])
        return self.express(neutral, units), units

    def express(self, neutral: np.ndarray, units: np.ndarray) -> np.ndarray:
        """Vertices `[B, V, 3]` whose faces do what weights `[B, U]` of `unit_names` say."""
        return muscles.apply(neutral, units, self._muscles).astype(np.float32)

    def albedo(self, person: Person, gap: float) -> np.ndarray:
        """The fine albedo map `[H, W, 3]` of a person whose lips are `gap` dm apart."""
        skin = albedo.with_mouth(person.albedo, self._fields, person.appearance, gap)
        return skin.reshape(*self.size, 3)

    def attributes(self, person: Person, units: np.ndarray | None) -> np.ndarray:
        """Values `[A]`, for latent traversals along directions that mean something."""
        shape, looks = person.shape, person.appearance
        make_up = max(looks.lipstick, looks.eye_shadow, looks.blush, looks.liner)
        values = [shape.age, shape.male, *shape.race, shape.muscle, shape.weight, looks.melanin]
        values += [looks.beard_density, make_up, looks.freckles, looks.wrinkles.mean()]
        values += [looks.hair.mean()]
        where = self._muscles.where
        values += [units[where["jawOpen"]]]
        for stem in ("mouthSmile", "eyeBlink", "browOuterUp"):
            values += [(units[where[stem + "Left"]] + units[where[stem + "Right"]]) / 2]
        return np.array(values, np.float32)


class LinearPeople:
    """People of a linear face model: normal coefficients, bare skin; no hair, no clothes.

    Attributes and methods: as `MakeHumanPeople`.
    """

    attribute_names = ("melanin", "haemoglobin")

    def __init__(self, face: FaceModel, size: tuple[int, int]) -> None:
        self.face, self.size = face, size
        none = np.zeros([0, *face.mean_vertices.shape], np.float32)
        self._rest = dataclasses.replace(
            face, expression_basis=none, expression_std=np.zeros([0], np.float32)
        )
        self._expressions = dataclasses.replace(
            face, shape_basis=none, shape_std=np.zeros([0], np.float32)
        )
        self._tiles = noise.make_tiles(size)
        layout = uv_layout.build(face, size)
        lips = face.regions.get("lips", np.zeros(len(face.mean_vertices), np.float32))
        self._lips = np.sum(lips[layout.texel_vertices] * layout.texel_weights, axis=-1).ravel()

    def scene_assets(self, layout: uv_layout.UVLayout) -> SceneAssets:
        """The scene of a face alone, without hair or garments."""
        return assets.face_only(self.face, layout, self._tiles)

    def person(self, random: np.random.Generator) -> Person:
        """A random person with a skin of random colour."""
        looks = appearance.sample(random, identity.sample(random, None))
        looks = appearance.bald(appearance.bare(looks))
        skin = albedo.plain(self._tiles, self.size, self._lips, looks)
        return self.subject(random)._replace(appearance=looks, albedo=skin)

    def subject(self, random: np.random.Generator) -> Person:
        """A random person without a skin: shape alone."""
        return Person(sample_shapes(self._rest, random, 1)[0], None, None)

    def neutral(self, people: list[Person]) -> np.ndarray:
        """Vertices `[N, V, 3]` of people with neutral expressions."""
        return np.stack([person.shape for person in people])

    def apply_expression(
        self, neutral: np.ndarray, randoms: list[np.random.Generator]
    ) -> tuple[np.ndarray, np.ndarray | list]:
        """`neutral` `[N, V, 3]` with random expressions, and no weights of expression units."""
        if len(self._expressions.expression_basis) == 0:
            return neutral, [None] * len(randoms)
        drawn = [sample_shapes(self._expressions, random, 1)[0] for random in randoms]
        return neutral + np.stack(drawn) - self.face.mean_vertices, [None] * len(randoms)

    def albedo(self, person: Person, gap: float) -> np.ndarray:
        """The albedo map `[Hu, Wu, 3]` of a person."""
        del gap  # no teeth to show
        return person.albedo.reshape(*self.size, 3)

    def attributes(self, person: Person, units: np.ndarray | None) -> np.ndarray:
        """The values `[A]` that `attribute_names` names."""
        return np.array([person.appearance.melanin, person.appearance.haemoglobin], np.float32)


def attribute_names(face: FaceModel) -> tuple[str, ...]:
    """The names of the values of `attributes` of a `FaceModel`'s people."""
    return (MakeHumanPeople if face.name in EMBEDDED else LinearPeople).attribute_names


def open_people(name: str, size: tuple[int, int]) -> MakeHumanPeople | LinearPeople:
    """The people of a face model's name or path, painted on maps of `size`.

    Raises:
        ValueError: where the face model is neither embedded nor has a basis to sample from.
    """
    face = FaceModel.load(name)
    if face.name in EMBEDDED:
        return MakeHumanPeople(EMBEDDED[face.name], size)
    if len(face.shape_basis) == 0:
        raise ValueError(
            f"face model `{name}` must have a shape basis to sample people from, got none"
        )
    return LinearPeople(face, size)
