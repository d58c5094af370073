"""What a stored example is: the name, shape, dtype and frame of every feature, said once.

A label that a data set lacks is left out, and its flag `has_<label>` is False. Names that begin
with `teacher_` are the same label as the fit of a linear 3DMM gives it.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from tf_nonlinear3dmm.configs import ModelConfig
from tf_nonlinear3dmm.data import crop
from tf_nonlinear3dmm.face import FaceModel


class Feature(NamedTuple):
    """A feature of a stored example.

    Attributes:
        shape: numbers, and letters that `sizes` gives: S the image's side, R that of the stored
            image, Hu and Wu of the UV map, V vertices, A attributes.
        dtype: NumPy's, or str.
        meaning: unit and frame.
        encoding: of an image in the records, or None.
    """

    shape: tuple[int | str, ...]
    dtype: type
    meaning: str
    encoding: str | None = None


FEATURES = {
    "image": Feature(
        ("R", "R", 3),
        np.uint8,
        "RGB, black outside the photograph; its central S pixels are the evaluation crop",
        "jpeg",
    ),
    "face_mask": Feature(
        ("R", "R", 1), np.uint8, "255 where the face is seen, not occluded", "png"
    ),
    "landmarks": Feature((68, 2), np.float32, "300-W points (x, y), pixels of the stored image"),
    "projection": Feature((2, 4), np.float32, "face units to pixels of the stored image, y down"),
    "vertices": Feature(("V", 3), np.float32, "face frame and units of the face model"),
    "texture": Feature(("Hu", "Wu", 3), np.uint8, "the image's colours in UV", "png"),
    "texture_mask": Feature(
        ("Hu", "Wu", 1), np.uint8, "255 where the image shows the texel", "png"
    ),
    "albedo": Feature(("Hu", "Wu", 3), np.uint8, "unlit colours in UV", "png"),
    "illumination": Feature((9, 3), np.float32, "spherical harmonics of the light"),
    "attributes": Feature(("A",), np.float32, "of the person, named in the metadata"),
    "identity": Feature((), np.int64, "equal for the copies of one photograph, or one person"),
    "name": Feature((), str, "unique name of the record"),
    "yaw_deg": Feature(
        (), np.float32, "degrees, positive where the nose points to the image's right"
    ),
}
LABELS = ("landmarks", "projection", "vertices", "texture", "face_mask")  # that have a flag
OPTIONAL = ("albedo",)  # read by training only where it is asked for; has a flag then
STANDARD = ("image", "face_mask", "landmarks", "projection", "vertices", "texture", "texture_mask")


def sizes(image_size: int, uv_size: tuple[int, int], **counts: int) -> dict[str, int]:
    """Letter -> number; `counts` gives V and A where features need them."""
    height, width = uv_size
    return {"S": image_size, "R": crop.stored_size(image_size), "Hu": height, "Wu": width, **counts}


def shape(name: str, sizes: dict[str, int]) -> tuple[int, ...]:
    """Shape of a feature, a tuple of numbers."""
    return tuple(sizes[n] if isinstance(n, str) else n for n in FEATURES[name].shape)


def training(model: ModelConfig, face: FaceModel) -> dict[str, tuple[tuple[int, ...], type]]:
    """Features that training reads: name -> (shape, dtype), of a `ModelConfig` and `FaceModel`."""
    numbers = sizes(model.image_size, model.uv_size, V=len(face.mean_vertices))
    return {name: (shape(name, numbers), FEATURES[name].dtype) for name in STANDARD + OPTIONAL}


def tfds_features(
    names: Iterable[str], sizes: dict[str, int], prefix: str = ""
) -> dict[str, tfds.features.FeatureConnector]:
    """Dict of tfds features, for a builder; `prefix` begins their names, such as `teacher_`."""
    return {prefix + name: _tfds_feature(name, sizes) for name in names}


def flags() -> dict[str, tfds.features.FeatureConnector]:
    """Dict of the tfds features `has_<label>`."""
    return {
        f"has_{label}": tfds.features.Scalar(np.bool_, doc=f"whether `{label}` is known")
        for label in LABELS
    }


def flagged(features: Sequence[str]) -> list[str]:
    """Labels whose `has_<label>` a batch with these features has: the standard ones always."""
    return [*LABELS, *(name for name in OPTIONAL if name in features)]


def _tfds_feature(name, sizes):
    feature, numbers = FEATURES[name], shape(name, sizes)
    if feature.dtype is str:
        return tfds.features.Text(doc=feature.meaning)
    if feature.encoding:
        return tfds.features.Image(
            shape=numbers, encoding_format=feature.encoding, doc=feature.meaning
        )
    if not numbers:
        return tfds.features.Scalar(feature.dtype, doc=feature.meaning)
    return tfds.features.Tensor(shape=numbers, dtype=feature.dtype, doc=feature.meaning)
