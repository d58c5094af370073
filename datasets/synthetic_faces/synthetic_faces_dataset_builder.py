"""`synthetic_faces`: people who do not exist, and everything about their images."""

import dataclasses
import hashlib
import pathlib

import tensorflow_datasets as tfds
from etils import epath

from tf_nonlinear3dmm.configs import Config
from tf_nonlinear3dmm.data import Request, schema
from tf_nonlinear3dmm.data.builders.synthetic_faces import contexts, generator
from tf_nonlinear3dmm.data.builders.synthetic_faces.people import population
from tf_nonlinear3dmm.face import FaceModel


@dataclasses.dataclass(eq=False)
class SyntheticFacesConfig(tfds.core.BuilderConfig):
    """What to generate.

    Attributes:
        image_size: side of the evaluation crop; `crop.STORED` times that is stored.
        uv_size: (height, width) of the texture maps.
        train_examples, validation_examples, test_examples: images of each split.
        seed: of people and images.
        face_model: whose people: an embedded name, or the path of a linear face model.
    """

    image_size: int = 112
    uv_size: tuple[int, int] = (96, 112)
    train_examples: int = 5000
    validation_examples: int = 256
    test_examples: int = 512
    seed: int = 0
    face_model: str = "makehuman"

    def __post_init__(self):
        self.description = (
            f"{self.image_size} px, texture maps of {self.uv_size[0]} x {self.uv_size[1]}, "
            f"{self.train_examples} + {self.validation_examples} + {self.test_examples} pictures"
        )


FEATURES = ("image", "face_mask", "identity", "name", "yaw_deg")
FEATURES += ("albedo", "illumination", "attributes")
LABELS = ("landmarks", "projection", "vertices", "texture", "texture_mask")  # from both sources
SIZES = {"s32": (32, (24, 28)), "s112": (112, (96, 112)), "s224": (224, (192, 224))}


_READY = {
    name: SyntheticFacesConfig(name=name, image_size=image_size, uv_size=uv_size)
    for name, (image_size, uv_size) in SIZES.items()
}


def named_config(name: str, **changes: object) -> SyntheticFacesConfig:
    """The config of a size `name`; what differs from it becomes part of its name."""
    if name not in _READY:
        raise ValueError(f"there is no config `{name}`; give one of {', '.join(_READY)}")
    config = _READY[name]
    changes = {key: value for key, value in changes.items() if value != getattr(config, key)}
    if not changes:
        return config
    for key, value in changes.items():
        name += f"-{key.removesuffix('_examples')}{_in_words(value)}"
    return dataclasses.replace(config, name=name, **changes)


def _in_words(value):
    """A value as part of a file name; a path as its stem and a digest of its place."""
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    path = pathlib.Path(str(value))
    if len(path.parts) < 2 and not path.suffix:
        return str(value)
    return f"_{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:6]}"


def configure(request: Request, config: Config) -> SyntheticFacesConfig:
    """The builder config that a run asks for: `data.Request` and the run's `Config`."""
    counts = ("train_examples", "validation_examples", "test_examples")
    return named_config(
        request.config,
        **{name: getattr(config.data, name) for name in counts},
        uv_size=tuple(config.model.uv_size),
        face_model=str(config.model.face_model),
    )


class Builder(tfds.core.GeneratorBasedBuilder):
    """Generates the data set; nothing is downloaded."""

    pkg_dir_path = epath.Path(__file__).parent
    VERSION = tfds.core.Version("2.2.0")
    RELEASE_NOTES = {
        "1.0.0": "First version.",
        "2.0.0": "Everybody from children to the old, with the poses, expressions, light and "
        "cameras of photographs on the web.",
        "2.1.0": "Landmarks 65 and 67 lie on the lower lip, also where the mouth is open.",
        "2.2.0": "Mouths as wide and lips as thin, smiles and open eyes as frequent as in photos.",
    }
    BUILDER_CONFIGS = [*_READY.values()]

    def _info(self):
        config = self.builder_config
        face = FaceModel.load(config.face_model)
        attributes = population.attribute_names(face)
        sizes = schema.sizes(
            config.image_size, config.uv_size, V=len(face.mean_vertices), A=len(attributes)
        )
        features = schema.tfds_features(FEATURES + LABELS, sizes)
        features |= schema.tfds_features(LABELS, sizes, prefix="teacher_") | schema.flags()
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=None,
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(
                attributes=list(attributes),
                image_size=config.image_size,
                seed=config.seed,
                face_model=config.face_model,
            ),
        )

    def _split_generators(self, dl_manager):
        del dl_manager  # nothing to download
        return {split: self._generate_examples(split) for split in contexts.SPLITS}

    def _generate_examples(self, split):
        config = self.builder_config
        context = contexts.open_context(
            config.image_size, config.uv_size, config.seed, config.face_model
        )
        count = getattr(config, f"{split}_examples")
        for index, example in enumerate(generator.records(context, split, count)):
            self.progress(split, index)
            yield index, example

    def progress(self, split: str, index: int) -> None:
        """Called before each record is written; `data` listens here."""
