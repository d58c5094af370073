import dataclasses
import threading

import basel
import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm import configs, data
from tf_nonlinear3dmm.data import crop, photo_sets
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import camera, renderer, uv_layout

SIZE, UV = 112, (96, 112)


def test_an_example_says_what_it_knows():
    known = photo_sets.example("a", "who", np.zeros([4, 4, 3]), landmarks=np.ones([68, 2]))
    assert known["has_landmarks"] and not known["has_projection"] and not known["has_texture"]
    assert known["projection"].shape == (2, 4) and not known["projection"].any()
    assert "vertices" not in known and "texture" not in known
    assert known["identity"] == photo_sets.number("who") >= 0
    features = photo_sets.features(photo_sets.configs()[0])
    assert set(known) == set(features)


def test_the_stored_crop_holds_the_evaluation_crop_in_its_middle():
    random = np.random.default_rng(0)
    image = random.integers(0, 256, [90, 120, 3], np.uint8)
    landmarks = random.uniform(20, 80, [68, 2]).astype(np.float32)
    projection = random.normal(0, 30, [2, 4]).astype(np.float32)
    square = crop.square(landmarks)
    found = photo_sets.cut(image, 32, None, projection, landmarks=landmarks, other=None)
    assert found["image"].shape == (44, 44, 3) and "other" not in found
    inner = crop.image(image, square, 32)
    np.testing.assert_allclose(found["image"][6:38, 6:38], inner, atol=0.51)
    batch = crop.Square(*(part[tf.newaxis] for part in square))
    moved = crop.points(landmarks[np.newaxis], batch, 32)[0]
    np.testing.assert_allclose(found["landmarks"] - 6, moved, atol=1e-4)
    middle = (found["landmarks"].min(0) + found["landmarks"].max(0)) / 2
    np.testing.assert_allclose(middle, 21.5, atol=1e-4)
    vertices = random.normal(0, 1, [1, 5, 3]).astype(np.float32)
    points = camera.project(vertices, projection[np.newaxis])[..., :2]
    stored = camera.project(vertices, found["projection"][np.newaxis])[0, :, :2]
    np.testing.assert_allclose(crop.points(points, batch, 32)[0] + 6, stored, atol=1e-3)


@pytest.mark.parametrize(
    "landmarks, message",
    [
        (np.full([68, 2], 500.0), "a.mat: 0 of 68 landmarks lie in the image"),
        (np.full([68, 2], -3.0), "a.mat: 0 of 68 landmarks lie in the image"),
        (np.full([68, 2], np.nan), "a.mat: landmarks must be finite"),
    ],
)
def test_landmarks_off_the_image_are_refused(landmarks, message):
    with pytest.raises(ValueError, match=message):
        photo_sets.check_landmarks(landmarks, np.zeros([90, 120, 3]), "a.mat")


def test_each_keeps_the_order_skips_what_is_bad_and_runs_ahead_only_a_little():
    started, lock = [], threading.Lock()

    def make(number):
        with lock:
            started.append(number)
        if number % 10 == 3:
            raise (ValueError if number % 20 == 3 else OSError)("bad")
        return number * 2

    skipped = photo_sets.Skipped()
    found = []
    for name, result in photo_sets.each(range(100), make, skipped, threads=2):
        found.append(name)
        assert result == 2 * name and max(started) <= name + 2 * 4 * 2 + 2
    assert found == [n for n in range(100) if n % 10 != 3]
    assert len(skipped.reasons) == 10 and skipped.reasons[0] == "3: bad"
    with pytest.raises(ValueError, match="^3: bad"):
        list(photo_sets.each(range(100), make, photo_sets.Skipped(strict=True), threads=2))
    with pytest.raises(ZeroDivisionError):
        list(photo_sets.each([1, 0], lambda n: 1 / n, photo_sets.Skipped(), threads=2))


@pytest.mark.parametrize(
    "message, line",
    [
        ("height and width must be > 0", "b/a.jpg: height and width must be > 0"),
        ("a.jpg is not this file", "b/a.jpg: a.jpg is not this file"),
        ("b/a.jpg: the file is empty", "b/a.jpg: the file is empty"),
        ("b/a.pts: 68 points are expected", "b/a.pts: 68 points are expected"),
        ("[Errno 2] No such file: '/x/b/a.jpg'", "[Errno 2] No such file: '/x/b/a.jpg'"),
    ],
)
def test_a_skipped_record_is_named_whatever_the_error_says(message, line):
    def make(name):
        raise ValueError(message)

    skipped = photo_sets.Skipped()
    assert not list(photo_sets.each(["b/a.jpg"], make, skipped)) and skipped.reasons == [line]
    with pytest.raises(ValueError) as caught:
        list(photo_sets.each(["b/a.jpg"], make, photo_sets.Skipped(strict=True)))
    assert str(caught.value) == line


def test_an_error_that_is_not_expected_stops_with_the_name_as_a_note():
    with pytest.raises(ZeroDivisionError) as caught:
        list(photo_sets.each([0], lambda n: 1 / n, photo_sets.Skipped()))
    assert caught.value.__notes__ == ["while reading 0"]


def test_the_report_names_the_bad_and_stops_where_nothing_is_good():
    skipped = photo_sets.Skipped()
    for number in range(12):
        skipped.add(f"image{number}: the file is empty")
    skipped.report("folder", 5)
    with pytest.raises(
        ValueError, match="folder: 0 records; 12 bad records skipped: image0: the f"
    ):
        skipped.report("folder", 0)


def test_validation_is_a_twentieth_and_stays_when_a_folder_grows():
    names = [f"photo{i}" for i in range(4000)]
    held_out = photo_sets.held_out({*names}, str)
    assert 0.03 < len(held_out) / len(names) < 0.07
    assert photo_sets.held_out({*names[:2000]}, str) == held_out & {*names[:2000]}
    assert not photo_sets.held_out({"a"}, str)


def test_validation_has_a_good_record_however_few_there_are():
    def make(name):
        if name != "good":
            raise OSError(name)

    names = {f"bad{i}" for i in range(30)}
    assert "good" in photo_sets.held_out(names | {"good"}, make)
    assert len(photo_sets.held_out({"a", "b"}, str)) == 1
    assert len(photo_sets.held_out({"a", "b"}, make)) == 1


def test_another_face_uv_size_or_folder_is_another_data_set(tmp_path):
    ready = photo_sets.configs()
    config = configs.preset("small")
    request = data.requests(config)[0][0]
    assert request.config == "s112"
    plain = photo_sets.configured(ready, request, config)
    assert plain.name == "s112" and plain.image_size == 112
    model = dataclasses.replace(config.model, face_model="faces/bfm.npz", uv_size=(48, 56))
    other = photo_sets.configured(ready, request, dataclasses.replace(config, model=model))
    assert other.name.startswith("s112_bfm_") and other.name.endswith("_uv48x56")
    a = photo_sets.configured(ready, request._replace(path="a/photos"), config).name
    b = photo_sets.configured(ready, request._replace(path="b/photos"), config).name
    assert len({"s112", a, b}) == 3


@pytest.mark.parametrize("yaw_deg", [0.0, 25.0, -60.0])
def test_unwrapping_a_drawn_face_gives_back_its_texture(yaw_deg):
    face = FaceModel.load("makehuman")
    texture, side = basel.smooth_map(UV, seed=1), crop.stored_size(SIZE)
    vertices, projection = face.mean_vertices[np.newaxis], basel.pose(yaw_deg, side)
    layout = uv_layout.build(face, UV)
    drawn = renderer.render(vertices, texture, projection, None, layout, (side, side))
    image = tf.cast(tf.round(255 * tf.clip_by_value(drawn.image, 0, 1)), tf.uint8)
    pairs = tf.data.Dataset.from_tensors((image, vertices, projection)).map(
        lambda *labels: photo_sets.textures(*labels, layout)
    )
    found, mask = next(iter(pairs))
    kept = mask[0, ..., 0].numpy() > 0
    error = np.abs(found[0].numpy() / 255.0 - texture[0]).mean(-1)[kept].mean()
    visible = basel.truly_visible(face, vertices, projection, side, UV)
    share = (kept & visible).sum() / (kept | visible).sum()
    assert error < 0.03, error
    assert share >= 0.9, share
