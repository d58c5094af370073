"""What a stored example of a photograph is, and the configurations of the builders."""

import dataclasses
import functools
import hashlib
import pathlib

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from tf_nonlinear3dmm.data import crop
from tf_nonlinear3dmm.data.records import reading

UV_SIZES = {32: (24, 28), 112: (96, 112), 224: (192, 224)}
LABELS = ("landmarks", "projection", "vertices", "texture", "face_mask")


@dataclasses.dataclass(eq=False)
class Config(tfds.core.BuilderConfig):
    """A builder's configuration.

    Attributes:
        image_size: side of the evaluation crop in pixels; a wider margin is stored around it.
        uv_size: (height, width) of the unwrapped texture.
        face_model: name or path. With the bases of the Basel Face Model, examples get its exact
            projection and an unwrapped texture; otherwise the mean face's projection.
        strict: stop at a bad record.
        path: the user's folder or zip, instead of tfds' `manual_dir`.
    """

    image_size: int = 112
    uv_size: tuple[int, int] = (96, 112)
    face_model: str = "makehuman"
    strict: bool = False
    path: str | None = None

    def source(self, download_manager):
        """The folder or zip to read."""
        return pathlib.Path(self.path or download_manager.manual_dir)


def configs(kind=Config):
    """The ready-made configurations `s112`, `s224` and `s32` of a builder."""
    return [
        kind(
            name=f"s{size}",
            description=f"{size}-px crops with a margin, {crop.stored_size(size)} px stored",
            image_size=size,
            uv_size=UV_SIZES[size],
        )
        for size in (112, 224, 32)
    ]


def configured(ready, request, config):
    """The one of the configurations `ready` that a `data.Request` of a run's `Config` names.

    With another face model, UV size or user's folder, or strict, it gets a name of its own.
    """
    face_model, uv_size = str(config.model.face_model), tuple(config.model.uv_size)
    chosen = next(c for c in ready if c.name == request.config)
    name = chosen.name
    if face_model != Config.face_model:
        name += f"_{pathlib.Path(face_model).stem}_{_digest(face_model)}"
    if uv_size != chosen.uv_size:
        name += f"_uv{uv_size[0]}x{uv_size[1]}"
    if request.path:
        name += f"_{_digest(request.path)}"
    if config.data.strict:
        name += "_strict"
    if name == chosen.name:
        return chosen
    return dataclasses.replace(
        chosen,
        name=name,
        uv_size=uv_size,
        face_model=face_model,
        strict=config.data.strict,
        path=request.path,
    )


def _digest(path):
    return hashlib.sha256(str(pathlib.Path(path).resolve()).encode()).hexdigest()[:6]


def features(config, textured=False):
    """The tfds features that every data set of photographs has, as a dict."""
    side = crop.stored_size(config.image_size)
    tensor, image = tfds.features.Tensor, tfds.features.Image
    flag = functools.partial(tfds.features.Scalar, tf.bool)
    found = {
        "image": image(
            shape=(side, side, 3),
            encoding_format="jpeg",
            doc=f"RGB; its central {config.image_size} pixels are the evaluation crop",
        ),
        "landmarks": tensor(
            shape=(68, 2), dtype=tf.float32, doc="300-W points (x, y), pixels of the stored image"
        ),
        "projection": tensor(
            shape=(2, 4), dtype=tf.float32, doc="face units to pixels of the stored image, y down"
        ),
        "identity": tfds.features.Scalar(tf.int64, doc="equal for the copies of one photograph"),
        "name": tfds.features.Text(doc="unique name of the record"),
        "yaw_deg": tfds.features.Scalar(
            tf.float32, doc="degrees, positive where the nose points to the image's right"
        ),
    } | {f"has_{label}": flag(doc=f"whether `{label}` is known") for label in LABELS}
    if textured:
        size = config.uv_size
        found["texture"] = image(
            shape=(*size, 3), encoding_format="png", doc="the image's colours in UV"
        )
        found["texture_mask"] = image(
            shape=(*size, 1), encoding_format="png", doc="255 where the image shows the texel"
        )
    return found


def example(name, identity, image, **labels):
    """A stored example: `image`, the labels there are, and a `has_<label>` flag for each.

    `identity` is any string; equal strings give equal numbers.
    """
    known = {f"has_{label}": labels.get(label) is not None for label in LABELS}
    blank = {
        "landmarks": np.zeros([68, 2], np.float32),
        "projection": np.zeros([2, 4], np.float32),
        "yaw_deg": 0.0,
    }
    given = {k: v for k, v in labels.items() if v is not None}
    own = {"name": name, "identity": reading.number(identity), "image": image}
    return own | blank | known | given
