"""What a caller gives the package by mistake: an error that names the file or the argument."""

import io
import shutil

import bad_files
import fake_models
import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from tf_nonlinear3dmm import configs, data, fitting
from tf_nonlinear3dmm.core import shapes
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


NO_IMAGES = [
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
    np.ma.masked_array(np.zeros([1, 32, 32, 3]), mask=True),
]


@pytest.mark.parametrize(
    "images",
    NO_IMAGES,
    ids=lambda images: f"{np.shape(images) if isinstance(images, np.ndarray) else images}",
)
def test_what_is_no_batch_of_crops_is_refused(model, images):
    with pytest.raises(ValueError, match="images"):
        model.reconstruct(images)


CODE, IMAGES = np.zeros([2, 16], np.float32), np.full([2, 32, 32, 3], 0.5, np.float32)
POINTS, FRAME = np.zeros([2, 68, 2]), np.zeros([40, 40, 3], np.uint8)
MASKED = np.ma.masked_array(CODE, mask=CODE == 0)
NO_CODES = [None, "a", [[1], [2, 3]], CODE[0], CODE[:, 1:], CODE.astype(object), CODE + 1j]
NO_CODES += [CODE + np.nan, CODE - np.inf, CODE + 1e30, CODE > 0, MASKED]
NO_POINTS = [5, "auto", [[1], [2, 3]], POINTS[:, 1:], POINTS[:1], POINTS + np.inf, POINTS + 1e30]
NO_POINTS += [POINTS > 0, POINTS + 1j, POINTS.astype(str), [[None] * 68] * 2, POINTS[..., :1]]
NO_CONFIDENCE = [np.nan, -1, 2, "a", None, [], [1, 1, 1], np.ones([2, 67]), np.ones([2, 68, 1])]
NO_STEPS = [-1, 1.5, np.nan, np.inf, None, "a", 10**12]
NO_FRAMES = [5, None, "clip.mp4", FRAME, [None], [FRAME.tolist()], [FRAME / 255.0], [FRAME > 0]]
NO_FRAMES += [[FRAME.astype(np.uint16)], [FRAME[:0]], [FRAME[..., 0]], [FRAME[..., [0] * 4]]]
NO_WEIGHTS = [None, "jawOpen", ["jawOpen"], {"jawopen": 1}, {5: 1}]
NO_WEIGHT = [None, "a", {}, np.nan, np.inf, 1e30, [1, 2, 3], [[1, 1]]]
NO_SIZE = [32, (0, 5), (-1, 5), (5.5, 5), (5, 5, 3), "ab"]


def no_meshes(mean):
    """What is no batch of meshes of a face, and the mean face in other units, or as a point."""
    yield from (None, "a", [[1], [2, 3]], mean, mean[np.newaxis, 1:], mean[np.newaxis] + np.nan)
    yield from (mean[np.newaxis, :, :2], mean[np.newaxis][:0], mean[np.newaxis] + 1j)
    yield from (mean[np.newaxis] * k for k in (0, 0.01, 0.1, 10, 100, 1e30))


def refused(model):
    """(name of the argument, call with a value of it, values that are none)."""
    mean = model.face.mean_vertices
    parts = mean[np.newaxis], np.full([1, *model.config.uv_size, 3], 0.5, np.float32)
    parts += (np.zeros([1, 2, 4], np.float32), None)
    fit = lambda **named: fitting.fit(model, IMAGES, **{"landmarks": POINTS} | named)  # noqa: E731
    yield "shape_code", model.neutral, NO_CODES
    yield "shape_code", lambda code: model.express(code, {"jawOpen": 1}), NO_CODES
    yield "weights", lambda weights: model.express(CODE, weights), NO_WEIGHTS[:3]
    yield "noseSneerRight|jawOpen", lambda weights: model.express(CODE, weights), NO_WEIGHTS[3:]
    yield "jawOpen", lambda weight: model.express(CODE, {"jawOpen": weight}), NO_WEIGHT
    yield "source", lambda code: model.transfer(code, CODE), NO_CODES
    yield "target", lambda code: model.transfer(CODE, code), [*NO_CODES, CODE[:1], CODE[[0, 0, 0]]]
    for kind in (int, bool, complex):
        yield "shape_code", model.decode_shape, [CODE.astype(kind)]
        yield "albedo_code", model.decode_albedo, [CODE.astype(kind)]
    yield "shape_code", model.decode_shape, NO_CODES[:5]
    yield "albedo_code", model.decode_albedo, NO_CODES[:5]
    yield "images", model.encode, [None, "a", IMAGES[0], IMAGES[:, 1:]]
    yield "image_size", lambda size: model.render(*parts, size), NO_SIZE
    batches = [i for i in NO_IMAGES if not isinstance(i, np.ndarray) or i.ndim == 4]
    yield "images", lambda images: fitting.fit(model, images, None), batches
    yield "landmarks", lambda points: fit(landmarks=points), NO_POINTS
    yield "confidence", lambda confidence: fit(confidence=confidence), NO_CONFIDENCE
    yield "steps", lambda steps: fit(steps=steps), NO_STEPS
    yield "steps", lambda steps: fitting.track(model, [FRAME], steps), NO_STEPS
    yield "frames", lambda frames: fitting.track(model, frames), NO_FRAMES
    yield "vertices", lambda vertices: fitting.fit_mesh(model, vertices), no_meshes(mean)


def test_what_is_no_argument_is_refused_by_its_name(model):
    count = 0
    for name, call, values in refused(model):
        for value in values:
            with pytest.raises(ValueError, match=f"`({name})`"):
                call(value)
            count += 1
    assert count > 140


def test_numbers_are_read_however_they_lie_in_memory():
    plain = np.arange(6, dtype=np.float32).reshape(2, 3)
    forms = [plain.astype(kind) for kind in (">f4", "<f8", "f2", "u1", ">i8")]
    forms += [np.asfortranarray(plain), np.repeat(plain, 2, axis=1)[:, ::2], plain.tolist()]
    forms += [tf.constant(plain), np.ma.masked_array(plain)]
    for value in forms:
        read = shapes.numbers("a", value, "B 3")
        assert read.dtype == np.float32 and read.tolist() == plain.tolist()
    hidden = shapes.numbers("a", np.ma.masked_array(plain, mask=plain == 4), "B 3", hidden=True)
    np.testing.assert_array_equal(np.isnan(hidden), plain == 4)


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
