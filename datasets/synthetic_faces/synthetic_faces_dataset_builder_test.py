"""The tfds builder, and making the data set from a script."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from datasets.synthetic_faces import generator, prepare, synthetic_faces_dataset_builder

FEW = dict(train_examples=6, validation_examples=2, test_examples=3)


@pytest.mark.slow
class SyntheticFacesTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = synthetic_faces_dataset_builder.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = [synthetic_faces_dataset_builder.named_config("s32", **FEW)]
    SPLITS = {"train": 6, "validation": 2, "test": 3}
    SKIP_CHECKSUMS = True


def test_prepare_makes_it_once_and_tells_how_far_it_is(tmp_path):
    said = []
    made = prepare.prepare(tmp_path, "s32", lambda *counts: said.append(counts), **FEW)
    assert said == [(i, 11) for i in range(1, 12)]
    records = list(made.as_dataset(split="train").as_numpy_iterator())
    assert [r["name"].decode() for r in records] == [f"train-{i:06d}" for i in range(6)]
    expected = generator.block(generator.make_studio(32, (24, 28)), "train", 0)[0]
    for name in ("vertices", "teacher_projection", "albedo", "texture_mask", "attributes"):
        np.testing.assert_array_equal(records[0][name], expected[name])
    assert records[0]["image"].shape == (40, 40, 3) and records[0]["has_texture"]
    assert made.info.metadata["attributes"][0] == "age"
    again = prepare.prepare(tmp_path, "s32", lambda *counts: pytest.fail("made twice"), **FEW)
    assert again.data_path == made.data_path


def test_an_interrupted_run_leaves_nothing_that_looks_whole(tmp_path, monkeypatch):
    def stop(made, total):
        if made == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare.prepare(tmp_path, "s32", stop, **FEW)
    assert not list(tmp_path.rglob("dataset_info.json"))
    half = next(tmp_path.rglob("1.0.0"), tmp_path / "synthetic_faces" / "none")
    assert not half.exists()
    left = tmp_path / "synthetic_faces" / "s32-train6-validation2-test3" / "incomplete.X_1.0.0"
    left.mkdir(parents=True, exist_ok=True)
    (left / "half").touch()
    monkeypatch.setattr(prepare, "ABANDONED", -1)
    assert prepare.prepare(tmp_path, "s32", **FEW).info.splits["train"].num_examples == 6
    assert not left.exists()


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
