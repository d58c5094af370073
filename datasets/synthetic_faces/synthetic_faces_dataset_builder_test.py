"""The tfds builder, and making the data set for a run."""

import dataclasses

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tf_nonlinear3dmm import configs, data
from tf_nonlinear3dmm.data import sources
from tf_nonlinear3dmm.data.builders.synthetic_faces import (
    contexts,
    generator,
    synthetic_faces_dataset_builder,
)

FEW = dict(train_examples=6, validation_examples=2, test_examples=3)


@pytest.mark.slow
class SyntheticFacesTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = synthetic_faces_dataset_builder.Builder
    EXAMPLE_DIR = synthetic_faces_dataset_builder.Builder.pkg_dir_path / "dummy_data"
    BUILDER_CONFIG_NAMES_TO_TEST = [synthetic_faces_dataset_builder.named_config("s32", **FEW)]
    SPLITS = {"train": 6, "validation": 2, "test": 3}
    SKIP_CHECKSUMS = True


def request(folder, **counts):
    """A run's `Request` and `Config` for few faces of 32 pixels in `folder`."""
    config = configs.preset("tiny")
    changed = dataclasses.replace(config.data, folder=str(folder), **counts)
    config = dataclasses.replace(config, data=changed)
    return data.requests(config)[0][0], config


def test_it_is_made_once_and_says_how_far_it_is(tmp_path):
    lines = []
    builder = sources.builder(*request(tmp_path, **FEW), lines.append)
    assert builder.builder_config.name == "s32-train6-validation2-test3"
    assert f"making it in {builder.data_path}" in lines[0] and "records/s" in lines[1]
    records = list(builder.as_dataset(split="train").as_numpy_iterator())
    assert [r["name"].decode() for r in records] == [f"train-{i:06d}" for i in range(6)]
    with contexts.one_blas_thread():
        expected = generator.block(contexts.open_context(32, (24, 28)), "train", 0)[0]
    for name in ("vertices", "teacher_projection", "albedo", "texture_mask", "attributes"):
        np.testing.assert_array_equal(records[0][name], expected[name])
    assert records[0]["image"].shape == (44, 44, 3) and records[0]["has_texture"]
    assert builder.info.metadata["attributes"][0] == "age"
    again = sources.builder(*request(tmp_path, **FEW), lambda line: pytest.fail("made twice"))
    assert again.data_path == builder.data_path


def test_an_interrupted_run_leaves_nothing_that_looks_whole_or_stays(tmp_path, monkeypatch):
    def stop(split, index):
        if (split, index) == ("train", 3):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sources, "_Counter", lambda builder, say: stop)
        with pytest.raises(KeyboardInterrupt):
            sources.builder(*request(tmp_path, **FEW))
    folder = tmp_path / "synthetic_faces" / "s32-train6-validation2-test3"
    assert not (folder / "2.2.0").exists()
    killed = folder / "incomplete.X_2.2.0"  # nobody is left to clean up
    killed.mkdir(parents=True)
    (killed / "half").touch()
    builder = sources.builder(*request(tmp_path, **FEW), lambda line: None)
    assert builder.info.splits["train"].num_examples == 6
    assert [path.name for path in folder.iterdir()] == ["2.2.0"]


def test_counts_that_change_nothing_are_the_config_that_tfds_knows(tmp_path):
    counts = {"train_examples": 5000, "validation_examples": 256, "test_examples": 512}
    config = synthetic_faces_dataset_builder.configure(*request(tmp_path, **counts))
    builder = synthetic_faces_dataset_builder.Builder(data_dir=str(tmp_path), config=config)
    assert builder.builder_config.name == "s32"


def test_names_tell_configurations_apart():
    named = synthetic_faces_dataset_builder.named_config
    assert named("s112").name == "s112"
    assert named("s112", train_examples=5000).name == "s112"
    assert named("s112", train_examples=100, seed=3).name == "s112-train100-seed3"
    assert named("s112", uv_size=(48, 56)).name == "s112-uv_size48x56"
    own = named("s112", face_model="models/ict.npz")
    assert own.name.startswith("s112-face_model_ict_") and own.face_model == "models/ict.npz"
    with pytest.raises(ValueError, match="no config `s64`; give one of s32, s112, s224"):
        named("s64")
