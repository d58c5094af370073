"""What a stored example is: said once, told by docs/data.md, kept by every builder."""

import pathlib

import numpy as np
import pytest

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.data import crop, photo_sets, schema
from tf_nonlinear3dmm.data.builders.synthetic_faces import synthetic_faces_dataset_builder
from tf_nonlinear3dmm.face import FaceModel

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "data.md"
SIZES = schema.sizes(112, (96, 112), V=5, A=7)


@pytest.mark.parametrize("name", schema.FEATURES)
def test_the_page_tells_of_every_feature(name):
    shape, dtype, meaning, _ = schema.FEATURES[name]
    kind = "text" if dtype is str else np.dtype(dtype).name
    numbers = ", ".join(str(size) for size in shape)
    row = f"| `{name}` | {f'{numbers} {kind}'.strip()} | {meaning} |"
    assert row in PAGE.read_text().splitlines()


def of_photographs():
    return photo_sets.features(photo_sets.configs()[0], textured=True), 0


def of_generated_faces(tmp_path):
    builder = synthetic_faces_dataset_builder.Builder(data_dir=str(tmp_path), config="s112")
    return builder.info.features, len(builder.info.metadata["attributes"])


@pytest.mark.parametrize("kind", ["photographs", "generated faces"])
def test_builders_write_what_the_schema_says(kind, tmp_path):
    features, attributes = of_photographs() if kind[0] == "p" else of_generated_faces(tmp_path)
    face = FaceModel.load("makehuman")
    sizes = schema.sizes(112, (96, 112), V=len(face.mean_vertices), A=attributes)
    labels = {name for name in features if name.startswith("has_")}
    assert labels == {f"has_{label}" for label in schema.LABELS}
    for stored in {*features} - labels:
        name = stored.removeprefix("teacher_")
        dtype = schema.FEATURES[name].dtype
        assert features[stored].shape == schema.shape(name, sizes), stored
        assert features[stored].np_dtype == (np.object_ if dtype is str else dtype), stored
    for name, (shape, dtype) in schema.training(configs.ModelConfig(), face).items():
        assert name not in features or features[name].shape == shape
        assert name not in features or features[name].np_dtype == dtype


def test_a_stored_image_has_its_crop_in_the_middle():
    assert SIZES["R"] == crop.stored_size(112) == 112 + 2 * crop.margin(112)
    assert schema.shape("image", SIZES) == (SIZES["R"], SIZES["R"], 3)
    assert schema.shape("vertices", SIZES) == (5, 3) and schema.shape("name", SIZES) == ()


def test_a_batch_flags_what_it_may_lack():
    assert schema.flagged(["image"]) == [*schema.LABELS]
    assert schema.flagged(["albedo"]) == [*schema.LABELS, "albedo"]
