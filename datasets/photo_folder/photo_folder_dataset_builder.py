"""Any folder of photographs: the faces in it, cropped like every other data set."""

import dataclasses
import posixpath
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from etils import epath

from tf_nonlinear3dmm.configs import Config as RunConfig
from tf_nonlinear3dmm.data import Request, archive, photo_sets, photos
from tf_nonlinear3dmm.data.photos.faces import PhotoFace


@dataclasses.dataclass(eq=False)
class Config(photo_sets.Config):
    """`all_faces`: every face of a photograph instead of the largest."""

    all_faces: bool = False


class Builder(photo_sets.PhotoSetBuilder):
    """Crops of the user's photographs; landmarks where a file beside the photograph gives them."""

    pkg_dir_path = epath.Path(__file__).parent
    VERSION = tfds.core.Version("2.0.0")
    RELEASE_NOTES = {
        "1.0.0": "First version.",
        "1.1.0": "Landmark files may hide points.",
        "2.0.0": "Another detector; faces at any angle; a file beside a photograph may give a box.",
    }
    BUILDER_CONFIGS = photo_sets.configs(Config)
    BUILDER_CONFIGS += [
        dataclasses.replace(c, name=f"{c.name}_all_faces", all_faces=True) for c in BUILDER_CONFIGS
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    `manual_dir` is the folder, or a zip, of the photographs: JPEG, PNG, WebP or HEIC, in any
    folders.
    A file of the same name that ends in .pts or .json gives the 68 landmarks, or a box.
    """

    def _info(self):
        own = {
            "box": tfds.features.Tensor(
                shape=(4,),
                dtype=tf.float32,
                doc="x, y, width, height of the detected face in the photograph, pixels; 0 with "
                "landmarks",
            ),
            "confidence": tfds.features.Scalar(tf.float32, doc="of the detector, 0 to 1"),
            "landmark_visible": tfds.features.Tensor(
                shape=(68,),
                dtype=tf.bool,
                doc="which points the file gives; where some are hidden, `landmarks` has the "
                "others' mean in their place and `has_landmarks` is False",
            ),
        }
        return self.photo_set_info(own)

    def _split_generators(self, dl_manager):
        tree, skipped = self.open_tree(self.builder_config.source(dl_manager))
        images = [name for name in tree.names if name.lower().endswith(photos.SUFFIXES)]
        if not images:
            raise ValueError(f"{tree.path}: no photo that ends in {', '.join(photos.SUFFIXES)}")

        def make(name):
            examples = make_examples(tree, name, self.builder_config)
            return [(example["name"], example) for example in examples]

        held_out = photo_sets.held_out({*images}, make)
        splits = {"train": [n for n in images if n not in held_out], "validation": sorted(held_out)}
        return {
            split: self._generate_examples(split, tree, names, make, skipped)
            for split, names in splits.items()
            if names
        }


def make_examples(tree: archive.Tree, name: str, config: Config) -> list[dict[str, Any]]:
    """The stored examples of a photograph, a list: its largest face, or all."""
    image = photos.read(tree.read(name), name)
    stem = posixpath.splitext(name)[0]
    points = tree.find(stem, photos.LANDMARK_SUFFIXES)
    if points:
        face = photos.read_face(tree.read(points), points, image.shape[:2])
        if face.landmarks is not None:
            return [labelled(image, name, face.landmarks, points, config)]
        return [_unlabelled(image, name, face, config)]
    faces = photos.detect(image)
    if not faces:
        raise ValueError(f"{name}: no face is found")
    return [
        _unlabelled(image, f"{name}#{number}" if number else name, face, config)
        for number, face in enumerate(faces if config.all_faces else faces[:1])
    ]


def labelled(
    image: np.ndarray, name: str, landmarks: np.ndarray, file: str, config: Config
) -> dict[str, Any]:
    """The stored example of a photograph whose landmarks `[68, 2]` come from `file`."""
    visible = np.isfinite(landmarks).all(axis=1)
    landmarks = np.where(visible[:, np.newaxis], landmarks, landmarks[visible].mean(axis=0))
    photo_sets.check_landmarks(landmarks, image, file)
    labels = photo_sets.cut(image, config.image_size, landmarks=landmarks)
    own = {"box": np.zeros(4, np.float32), "confidence": 1.0, "landmark_visible": visible}
    own["has_landmarks"] = bool(visible.all())
    return photo_sets.example(name, name, **labels) | own


def _unlabelled(image: np.ndarray, name: str, face: PhotoFace, config: Config) -> dict[str, Any]:
    """The stored example of a `faces.PhotoFace` in a photograph."""
    labels = photo_sets.cut(photos.upright(image, face), config.image_size, face.square)
    own = {"box": face.box.astype(np.float32), "confidence": face.confidence}
    own["landmark_visible"] = np.zeros(68, bool)
    return photo_sets.example(name, name, **labels) | own


def configure(request: Request, config: RunConfig) -> photo_sets.Config:
    """The builder configuration for a `data.Request` of a run's `Config`."""
    return photo_sets.configured(Builder.BUILDER_CONFIGS, request, config)
