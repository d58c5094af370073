"""A data set of random pictures with consistent labels, in the layout of training."""

import numpy as np
import tensorflow_datasets as tfds

from tf_nonlinear3dmm.data import crop
from tf_nonlinear3dmm.face import FaceModel

SIZE, UV = 32, (24, 28)
STORED = crop.stored_size(SIZE)


class FakeFaces(tfds.core.GeneratorBasedBuilder):
    """Pictures of noise; the mean face, wobbled and turned. `bad` records are not finite."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=f"s{SIZE}")]
    counts = {"train": 22, "validation": 5}
    bad = ()

    def _info(self):
        vertices = (len(FaceModel.load("makehuman").mean_vertices), 3)
        features = {
            "image": tfds.features.Image(shape=(STORED, STORED, 3)),
            "face_mask": tfds.features.Image(shape=(STORED, STORED, 1)),
            "landmarks": tfds.features.Tensor(shape=(68, 2), dtype=np.float32),
            "projection": tfds.features.Tensor(shape=(2, 4), dtype=np.float32),
            "vertices": tfds.features.Tensor(shape=vertices, dtype=np.float32),
            "texture": tfds.features.Image(shape=(*UV, 3)),
            "texture_mask": tfds.features.Image(shape=(*UV, 1)),
            "teacher_projection": tfds.features.Tensor(shape=(2, 4), dtype=np.float32),
            "teacher_landmarks": tfds.features.Tensor(shape=(68, 2), dtype=np.float32),
            "name": tfds.features.Text(),
            "has_vertices": np.bool_,
            "albedo": tfds.features.Image(shape=(*UV, 3)),
            "attributes": tfds.features.Tensor(shape=(2,), dtype=np.float32),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(features),
            metadata=tfds.core.MetadataDict(attributes=["age", "yaw"]),
        )

    def _split_generators(self, dl_manager):
        return {name: self._generate_examples(name) for name in self.counts}

    def _generate_examples(self, split):
        for i in range(self.counts[split]):
            yield i, example(split, i, bad=f"{split}-{i}" in self.bad)


def prepare(folder, bad=()):
    """Writes the data set into `folder`."""
    builder = FakeFaces(data_dir=str(folder), config=f"s{SIZE}")
    builder.bad = bad
    builder.download_and_prepare()


def example(split, i, bad=False):
    """Record `i` of a split."""
    random = np.random.default_rng([len(split), i])
    face = FaceModel.load("makehuman")
    vertices = face.mean_vertices + random.normal(0, 0.02, face.mean_vertices.shape)
    scale, turn = 0.45 * SIZE * random.uniform(0.9, 1.1), random.normal(0, 0.4)
    projection = np.array(
        [
            [scale * np.cos(turn), 0, scale * np.sin(turn), (STORED - 1) / 2],
            [0, -scale, 0, (STORED - 1) / 2],
        ]
    )
    points = vertices[face.landmarks] @ projection[:, :3].T + projection[:, 3]
    light = np.linspace(60, 200, STORED)[None, :, None] - 40 * random.random()
    image = light + random.uniform(0, 55, [STORED, STORED, 3])
    return {
        "image": image.astype(np.uint8),
        "face_mask": np.full([STORED, STORED, 1], 255, np.uint8),
        "landmarks": points.astype(np.float32),
        "projection": np.where(bad, np.nan, projection).astype(np.float32),
        "vertices": vertices.astype(np.float32),
        "texture": random.integers(80, 200, [*UV, 3]).astype(np.uint8),
        "texture_mask": np.full([*UV, 1], 255, np.uint8),
        "teacher_projection": projection.astype(np.float32) * 1.1,
        "teacher_landmarks": points.astype(np.float32) + 1,
        "name": f"{split}-{i}",
        "has_vertices": True,
        "albedo": np.clip(random.normal(light.mean(), 20, [*UV, 3]), 0, 255).astype(np.uint8),
        "attributes": np.array([light.mean() / 255, turn], np.float32),
    }
