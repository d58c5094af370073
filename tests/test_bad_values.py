"""What a caller gives the package by mistake: an error that names the file or the argument."""

import io
import shutil

import bad_files
import fake_models
import numpy as np
import PIL.Image
import pytest

from tf_nonlinear3dmm import configs, data
from tf_nonlinear3dmm.data import archive, photo_sets, photos
from tf_nonlinear3dmm.data.builders.aflw2000_3d import aflw2000_3d_dataset_builder as aflw2000_3d
from tf_nonlinear3dmm.data.builders.photo_folder import photo_folder_dataset_builder as photo_folder
from tf_nonlinear3dmm.data.builders.synthetic_faces import synthetic_faces_dataset_builder
from tf_nonlinear3dmm.data.builders.w300_lp import w300_lp_dataset_builder as w300_lp
from tf_nonlinear3dmm.demo import samples
from tf_nonlinear3dmm.evaluation import directions
from tf_nonlinear3dmm.face import FaceModel, formats
from tf_nonlinear3dmm.model import Nonlinear3DMM

EXPECTED = (ValueError, OSError)  # what a command says in one line


@pytest.fixture(scope="module")
def model():
    return Nonlinear3DMM(configs.preset("tiny").model, np.zeros(8), np.ones(8))


@pytest.mark.parametrize(
    "images",
    [
        None,
        "photo.jpg",
        [[1, 2], [3]],
        {},
        np.zeros([32, 32, 3], np.uint8),
        np.zeros([1, 32, 31, 3], np.uint8),
        np.zeros([1, 32, 32, 4], np.uint8),
        np.zeros([0, 32, 32, 3], np.uint8),
        np.zeros([1, 0, 0, 3], np.uint8),
        np.zeros([1, 32, 32, 3], bool),
        np.zeros([1, 32, 32, 3], complex),
        np.zeros([1, 32, 32, 3], object),
        np.full([1, 32, 32, 3], "a"),
        np.full([1, 32, 32, 3], 255.0),
        np.full([1, 32, 32, 3], np.nan, np.float32),
        np.full([1, 32, 32, 3], -np.inf),
        np.zeros([1, 32, 32, 3], np.int32),
    ],
    ids=lambda images: f"{np.shape(images) if isinstance(images, np.ndarray) else images}",
)
def test_what_is_no_batch_of_crops_is_refused(model, images):
    with pytest.raises(ValueError, match="images"):
        model.reconstruct(images)


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    """The folder of `bad_files`; its weights are a face model, cut and turned likewise."""
    folder = tmp_path_factory.mktemp("bad")
    FaceModel.load("makehuman").save(folder / "sound.npz")
    bad_files.write(folder, (folder / "sound.npz").read_bytes())
    np.savez(folder / "words.npz", words=np.array([["a"]]))
    return folder


@pytest.mark.parametrize("load", [FaceModel.load, directions.load], ids=["face", "directions"])
@pytest.mark.parametrize(
    "name", ["none.npz", "empty.npz", "cut.npz", "turned.npz", "other.npz", "pickle.npz"]
)
def test_a_bad_file_of_arrays_is_named(load, name, stock):
    with pytest.raises(EXPECTED, match=name):
        load(str(stock / name))


def test_directions_that_lack_one_are_refused(stock):
    with pytest.raises(ValueError, match="words.npz: not a file of directions"):
        directions.load(stock / "words.npz")


@pytest.mark.parametrize("name", ["cut.jpg", "text.txt", "empty.npz"])
def test_a_bad_sheet_of_samples_is_named(name, stock, tmp_path):
    shutil.copy(stock / name, tmp_path / samples.FILE)
    with pytest.raises(ValueError, match=samples.FILE):
        samples.read_samples(tmp_path)


def damaged(contents):
    """Kinds of damage -> bytes."""
    middle = len(contents) // 2
    yield "empty", b""
    yield "half", contents[:middle]
    yield "page", b"<!DOCTYPE html><title>Sign in</title>"
    yield "noise", np.random.default_rng(0).bytes(len(contents))
    yield "middle", contents[:middle] + bytes(200) + contents[middle + 200 :]


@pytest.mark.parametrize("kind", fake_models.WRITERS)
def test_no_damaged_face_model_is_a_surprise(kind, tmp_path):
    """Converted all the same, where the damage hits numbers, or refused by name."""
    source = fake_models.WRITERS[kind](tmp_path, fake_models.truth())
    source = source / "FaceXModel" if (source / "FaceXModel").is_dir() else source
    paths = sorted(source.rglob("*.*")) if source.is_dir() else [source]
    for path in paths:
        before = path.read_bytes()
        for damage, contents in damaged(before):
            path.write_bytes(contents)
            try:
                formats.convert(source)
            except EXPECTED as error:
                assert str(tmp_path) in str(error), (path.name, damage, error)
        path.write_bytes(before)


def jpeg():
    file = io.BytesIO()
    PIL.Image.new("RGB", (64, 64)).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize("ending", [".mat", ".jpg", "_pts.mat"])
def test_every_bad_record_of_300w_lp_is_named(ending, fake, tmp_path):
    shutil.copytree(fake / "300W_LP" / "AFW", tmp_path / "AFW")
    shutil.copytree(fake / "300W_LP" / "landmarks" / "AFW", tmp_path / "landmarks" / "AFW")
    folder = tmp_path / ("landmarks/AFW" if ending == "_pts.mat" else "AFW")
    path = sorted(folder.glob(f"*{ending}"))[0]
    fitted = photo_sets.Fitted(w300_lp.Builder.BUILDER_CONFIGS[-1])
    for damage, contents in damaged(path.read_bytes()):
        path.write_bytes(contents)
        assert_named(w300_lp, tmp_path, fitted, path.name, damage)
    path.unlink()
    assert_named(w300_lp, tmp_path, fitted, path.name, "missing")
    path.mkdir()
    assert_named(w300_lp, tmp_path, fitted, path.name, "folder")


def assert_named(builder, folder, fitted, name, damage):
    """Some record is skipped, by name; the middle of a picture may be damaged unseen."""
    tree, skipped = archive.Tree(folder), photo_sets.Skipped()
    records = builder.find_records(tree, skipped)
    make = lambda record: builder.make_example(tree, record, fitted)  # noqa: E731
    good = [*photo_sets.each(records, make, skipped)]
    if name.endswith(".jpg") and damage in ("missing", "folder"):
        return  # without its picture there is no record
    if damage == "middle":
        return
    assert good and skipped.reasons, damage
    assert all(name in reason for reason in skipped.reasons), (damage, skipped.reasons)


@pytest.mark.parametrize("text", bad_files.JSON.values(), ids=bad_files.JSON)
def test_bad_landmarks_beside_a_photograph_are_named(text, tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg())
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match="a.json"):
        make(tmp_path, "a.jpg")


def make(folder, name):
    config = photo_folder.Builder.BUILDER_CONFIGS[-1]
    return photo_folder.make_examples(archive.Tree(folder), name, config)


@pytest.mark.parametrize(
    "name", ["cut.jpg", "cut.png", "pipe.jpg", "loop.jpg", "none.jpg", "text.txt", "good.npz"]
)
def test_a_bad_photograph_is_named(name, stock):
    with pytest.raises(EXPECTED, match=name):
        make(stock, name)


def test_a_name_that_is_no_unicode_is_a_photograph_too(tmp_path, monkeypatch):
    name = "caf\udce9.jpg"  # in Latin-1, as old discs have it
    (tmp_path / name).write_bytes(jpeg())
    monkeypatch.setattr(photos, "detect", lambda image: [])
    skipped = photo_sets.Skipped()
    held_out = photo_sets.held_out({name, "b.jpg"}, lambda name: make(tmp_path, name))
    assert len(held_out) == 1
    assert not [*photo_sets.each([name], lambda name: make(tmp_path, name), skipped)]
    assert len(skipped.reasons) == 1


@pytest.mark.parametrize(
    "config, changes, said",
    [
        ("s999", {}, "there is no config `s999`"),
        ("s32", {"face_model": "makehumam"}, "did you mean `makehuman`"),
        ("s32", {"face_model": "/none.npz"}, "there is no such face model file"),
    ],
)
def test_bad_requests_for_generated_faces_are_refused(config, changes, said, tmp_path):
    with pytest.raises(EXPECTED, match=said):
        chosen = synthetic_faces_dataset_builder.named_config(config, **changes)
        synthetic_faces_dataset_builder.Builder(data_dir=str(tmp_path), config=chosen)


def test_a_folder_that_is_none_of_aflw2000_is_named(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("something else")  # tfds refuses an empty folder
    builder = aflw2000_3d.Builder(data_dir=str(tmp_path), config="s32")
    options = data.sources.tfds.download.DownloadConfig(manual_dir=str(tmp_path / "other"))
    with pytest.raises(EXPECTED, match="other"):
        builder.download_and_prepare(download_config=options)
