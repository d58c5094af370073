"""The stored examples of photographs, and the configurations of their builders."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from tf_nonlinear3dmm.configs import Config as RunConfig
from tf_nonlinear3dmm.data import crop, schema
from tf_nonlinear3dmm.data.photo_sets import reading
from tf_nonlinear3dmm.data.sources import Request

_UV_SIZES = {32: (24, 28), 112: (96, 112), 224: (192, 224)}
FEATURES = ("image", "landmarks", "projection", "identity", "name", "yaw_deg")  # of all of them


@dataclasses.dataclass(eq=False)
class Config(tfds.core.BuilderConfig):
    """A builder's configuration.

    Attributes:
        name: of the configuration, unique among those of the builder.
        image_size: side of the evaluation crop in pixels; a wider margin is stored around it.
        uv_size: (height, width) of the unwrapped texture.
        face_model: name or path. With the bases of the Basel Face Model, examples get its exact
            projection and an unwrapped texture; otherwise the mean face's projection.
        strict: stop at a bad record.
        path: the user's folder or zip, instead of tfds' `manual_dir`.
    """

    name: str = ""
    image_size: int = 112
    uv_size: tuple[int, int] = (96, 112)
    face_model: str = "makehuman"
    strict: bool = False
    path: str | None = None

    def source(self, download_manager: tfds.download.DownloadManager) -> pathlib.Path:
        """The folder or zip to read."""
        return pathlib.Path(self.path or download_manager.manual_dir)


def configs(kind: type[Any] = Config) -> list[Any]:
    """The ready-made configurations `s112`, `s224` and `s32` of a builder."""
    return [
        kind(
            name=f"s{size}",
            description=f"{size}-px crops with a margin, {crop.stored_size(size)} px stored",
            image_size=size,
            uv_size=_UV_SIZES[size],
        )
        for size in (112, 224, 32)
    ]


def configured(ready: Sequence[Config], request: Request, config: RunConfig) -> Config:
    """The one of the configurations `ready` that a `data.Request` of a run's `Config` names.

    With another face model, UV size or user's folder, or strict, it gets a name of its own.
    """
    face_model, (height, width) = str(config.model.face_model), config.model.uv_size
    chosen = next(c for c in ready if c.name == request.config)
    name = chosen.name
    if face_model != Config.face_model:
        name += f"_{pathlib.Path(face_model).stem}_{_digest(face_model)}"
    if (height, width) != chosen.uv_size:
        name += f"_uv{height}x{width}"
    if request.path:
        name += f"_{_digest(request.path)}"
    if config.data.strict:
        name += "_strict"
    if name == chosen.name:
        return chosen
    return dataclasses.replace(
        chosen,
        name=name,
        uv_size=(height, width),
        face_model=face_model,
        strict=config.data.strict,
        path=request.path,
    )


def _digest(path):
    return hashlib.sha256(str(pathlib.Path(path).resolve()).encode()).hexdigest()[:6]


def features(config: Config, textured: bool = False) -> dict[str, tfds.features.FeatureConnector]:
    """The tfds features that every data set of photographs has, as a dict."""
    names = FEATURES + (("texture", "texture_mask") if textured else ())
    sizes = schema.sizes(config.image_size, config.uv_size)
    return schema.tfds_features(names, sizes) | schema.flags()


def example(
    name: str, identity: str, image: np.ndarray, **labels: np.ndarray | None
) -> dict[str, Any]:
    """A stored example: `image`, the labels there are, and a `has_<label>` flag for each.

    `identity` is any string; equal strings give equal numbers.
    """
    known = {name: value for name, value in labels.items() if value is not None}
    blank = {
        "landmarks": np.zeros([68, 2], np.float32),
        "projection": np.zeros([2, 4], np.float32),
        "yaw_deg": 0.0,
    }
    flags = {f"has_{label}": label in known for label in schema.LABELS}
    own = {"identity": reading.number(identity), "image": image}
    own["name"] = name.encode(errors="replace").decode()  # a file's name need not be Unicode
    return own | blank | flags | known
