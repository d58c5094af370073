import dataclasses
import json
import shutil

import numpy as np
import PIL.Image
import pytest
import tensorflow_datasets as tfds

from tf_nonlinear3dmm import configs, data
from tf_nonlinear3dmm.data import freshness, sources
from tf_nonlinear3dmm.data.builders.photo_folder import photo_folder_dataset_builder as photo_folder

skimage_data = pytest.importorskip("skimage.data")


def prepare(tmp_path, source, config="s32", **changes):
    ready = next(c for c in photo_folder.Builder.BUILDER_CONFIGS if c.name == config)
    name = "-".join(["my", config, *changes])
    config = dataclasses.replace(ready, name=name, path=str(source), **changes)
    builder = photo_folder.Builder(data_dir=str(tmp_path / "data"), config=config)
    builder.download_and_prepare()
    return builder


def read(builder):
    examples = tfds.as_numpy(builder.as_dataset(split="all"))
    return {e["name"].decode(): e for e in examples}


@pytest.fixture
def folder(tmp_path):
    """A portrait, the same lying on its side by EXIF, and one with two faces."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    photo = PIL.Image.fromarray(skimage_data.astronaut())
    photo.save(folder / "a.png")
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    turned = photo.transpose(PIL.Image.Transpose.ROTATE_90)
    turned.save(folder / "more" / "b.JPG", exif=exif, quality=95)
    both = PIL.Image.new("RGB", (900, 512))
    both.paste(photo.resize((380, 380)), (520, 60))
    both.paste(photo, (0, 0))
    both.save(folder / "c.webp", quality=95)
    return folder


def test_the_face_is_found_upright_and_cropped_alike(folder, tmp_path):
    examples = read(prepare(tmp_path, folder))
    assert set(examples) == {"a.png", "more/b.JPG", "c.webp"}
    for example in examples.values():
        assert not any(example[f"has_{x}"] for x in ("landmarks", "projection", "texture"))
        assert example["confidence"] > 0.8
        difference = example["image"].astype(int) - examples["a.png"]["image"]
        assert np.abs(difference).mean() < 20
    assert len({e["identity"] for e in examples.values()}) == 3


def test_all_faces(folder, tmp_path):
    examples = read(prepare(tmp_path, folder, "s32_all_faces"))
    assert set(examples) == {"a.png", "more/b.JPG", "c.webp", "c.webp#1"}
    assert examples["c.webp"]["box"][2] > examples["c.webp#1"]["box"][2] * 1.2


@pytest.mark.parametrize("suffix", [".pts", ".json"])
def test_a_landmark_file_makes_the_detector_unnecessary(tmp_path, suffix, monkeypatch):
    monkeypatch.delattr(photo_folder.photos, "detect")
    folder = tmp_path / "photos"
    folder.mkdir()
    image = np.random.default_rng(0).integers(0, 256, [200, 300, 3], np.uint8)
    PIL.Image.fromarray(image).save(folder / "a.png")
    points = np.random.default_rng(1).uniform([50, 40], [150, 130], [68, 2])
    lines = "\n".join(f"{x + 1} {y + 1}" for x, y in points)
    text = json.dumps(points.tolist()) if suffix == ".json" else f"version: 1\n{{\n{lines}\n}}"
    (folder / f"a{suffix}").write_text(text)
    (example,) = read(prepare(tmp_path, folder)).values()
    assert example["has_landmarks"] and not example["box"].any()
    stored = example["landmarks"]
    np.testing.assert_allclose((stored.max(0) + stored.min(0)) / 2, 21.5, atol=1e-3)
    fit = np.polyfit(points[:, 0], stored[:, 0], 1)
    assert fit[0] == pytest.approx(32 / 1.4 / np.ptp(points, axis=0).max(), rel=1e-3)


def test_bad_photos_are_skipped_and_named(folder, tmp_path):
    PIL.Image.new("RGB", (100, 100), "white").save(folder / "nobody.png")
    (folder / "broken.jpg").write_bytes((folder / "more" / "b.JPG").read_bytes()[:2000])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "unreadable.png").symlink_to(folder / "is not there.png")
    shutil.copy(folder / "a.png", folder / "d.png")
    (folder / "d.pts").write_text("{1 2 3 4}")
    builder = prepare(tmp_path, folder)
    assert set(read(builder)) == {"a.png", "more/b.JPG", "c.webp"}
    reasons = "\n".join(builder.info.metadata["skipped"])
    for line in ("nobody.png: no face is", "broken.jpg: not a sound", "empty.jpg: the file is em"):
        assert line in reasons
    assert "d.pts: 68 points (x, y)" in reasons
    assert "No such file" in reasons and "unreadable.png" in reasons
    with pytest.raises(ValueError, match="broken.jpg"):
        prepare(tmp_path, folder, strict=True)


def test_a_folder_without_photos_is_told(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "notes.txt").write_text("none")
    with pytest.raises(ValueError, match="photos: no photo that ends in .jpg, .jpeg"):
        prepare(tmp_path, tmp_path / "photos")


def test_a_folder_of_bad_photos_is_told(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"x")
    with pytest.raises(ValueError, match="0 records; 1 bad records skipped: a.jpg: not a sound"):
        prepare(tmp_path, tmp_path / "photos")


def test_photos_that_come_later_are_prepared_too(tmp_path):
    """With landmark files, so that no detector is needed."""
    folder, said = tmp_path / "photos", []
    folder.mkdir()

    def add(name):
        image = np.random.default_rng(len(name)).integers(0, 256, [200, 300, 3], np.uint8)
        PIL.Image.fromarray(image).save(folder / f"{name}.png")
        points = np.random.default_rng(1).uniform([50, 40], [150, 130], [68, 2])
        (folder / f"{name}.json").write_text(json.dumps(points.tolist()))

    tiny = configs.preset("tiny")
    changes = {"sources": f"photo_folder:{folder}", "folder": str(tmp_path / "data")}
    config = dataclasses.replace(tiny, data=dataclasses.replace(tiny.data, **changes))
    [request], _ = data.requests(config)

    def count():
        info = sources.builder(request, config, said.append).info
        return sum(split.num_examples for split in info.splits.values())

    for name in ("a", "bb"):
        add(name)
    assert count() == count() == 2 and not any("again" in line for line in said)
    for name in ("ccc", "dddd"):
        add(name)
    (folder / ".DS_Store").touch()
    assert count() == 4
    assert any("files changed since it was made; making it again" in line for line in said)
    before = len(said)
    assert count() == 4 and len(said) == before
    shutil.rmtree(folder)  # prepared data needs its files no more
    assert count() == 4 and len(said) == before


def test_what_changed_is_told(tmp_path):
    face, packed = tmp_path / "face.npz", tmp_path / "photos.zip"
    for path in (face, packed):
        path.write_bytes(b"one")
    found = freshness.fingerprint(packed, str(face))
    assert freshness.changes(tmp_path, found) == []  # prepared before there were fingerprints
    freshness.keep(tmp_path, found)
    assert freshness.changes(tmp_path, freshness.fingerprint(packed, str(face))) == []
    packed.write_bytes(b"three")
    assert freshness.changes(tmp_path, freshness.fingerprint(packed, str(face))) == ["files"]
    face.write_bytes(b"four")
    both = ["files", "face model"]
    assert freshness.changes(tmp_path, freshness.fingerprint(packed, str(face))) == both
    assert freshness.changes(tmp_path, freshness.fingerprint(None, "makehuman")) == []
