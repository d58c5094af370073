"""The way from records to training batches."""

import dataclasses

import fake_faces
import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm import camera, configs, data, sampling
from tf_nonlinear3dmm.data import augment, batches, sources
from tf_nonlinear3dmm.face_model import FaceModel

SIZE, STORED = fake_faces.SIZE, fake_faces.STORED
FACE = FaceModel.load("makehuman")


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """`tiny` on fake faces, batch 8 of 22 records."""
    return make_config(tmp_path_factory.mktemp("data"))


def make_config(folder, bad=(), **changes):
    fake_faces.prepare(folder, bad)
    tiny = configs.preset("tiny")
    changes = {"sources": "fake_faces", "folder": str(folder), **changes}
    return dataclasses.replace(tiny, data=dataclasses.replace(tiny.data, **changes))


def replace(config, **changes):
    return dataclasses.replace(config, data=dataclasses.replace(config.data, **changes))


def open_split(config, split="train"):
    return data.open_split(data.requests(config)[0][0], config, split)


def stored_batch(count=6):
    """Stored examples whose red is 6 x and whose green is 6 y."""
    records = [fake_faces.example("train", i) for i in range(count)]
    batch = {
        name: np.stack([r[name] for r in records])
        for name, value in records[0].items()
        if isinstance(value, np.ndarray)
    }
    y, x = np.mgrid[:STORED, :STORED]
    batch["image"][:] = np.stack([6 * x, 6 * y, 0 * x], axis=-1)
    return {name: tf.constant(value) for name, value in batch.items()}


def window(count=6, mirror=False, seed=3, scale=0.1, shift=0.08):
    return augment.jittered(count, STORED, SIZE, scale, shift, mirror, seed=[seed, 0])


def test_landmarks_follow_the_picture():
    batch = stored_batch()
    cut = augment.cut(batch, window(), SIZE)
    inside = tf.reduce_all((cut["landmarks"] > 0) & (cut["landmarks"] < SIZE - 1), axis=-1)
    assert tf.reduce_sum(tf.cast(inside, tf.int32)) > 300
    colour = sampling.bilinear(cut["image"], cut["landmarks"])[..., :2] * 255 / 6
    error = tf.abs(colour - batch["landmarks"])[inside]
    assert tf.reduce_max(error) < 1e-3


def test_the_projection_follows_the_picture():
    batch, cutout = stored_batch(), window()
    cut = augment.cut(batch, cutout, SIZE)
    before = camera.project(batch["vertices"], batch["projection"])
    after = camera.project(batch["vertices"], cut["projection"])
    np.testing.assert_allclose(
        after[..., :2], camera.crop_points(before, *cutout[:3])[..., :2], atol=1e-4
    )


def test_jitter_fills_its_range_and_stays_inside_the_stored_image():
    cutout = window(4000)
    side = SIZE / cutout.k
    assert 0.9 * SIZE <= tf.reduce_min(side) < 0.91 * SIZE
    assert 1.09 * SIZE < tf.reduce_max(side) <= 1.1 * SIZE
    for offset in (cutout.x0, cutout.y0):
        first = offset + 0.5 / cutout.k - 0.5
        last = offset + (SIZE - 0.5) / cutout.k - 0.5
        assert tf.reduce_min(first) >= -1e-4 and tf.reduce_max(last) <= STORED - 1 + 1e-4
        shift = (offset + side / 2 - STORED / 2) / side
        assert 0.075 < tf.reduce_max(tf.abs(shift)) < 0.0801
        assert abs(tf.reduce_mean(shift)) < 0.005


def test_no_jitter_is_the_evaluation_crop():
    batch = stored_batch()
    still, centre = (
        augment.cut(batch, window(scale=0.0, shift=0.0), SIZE),
        augment.cut_centre(batch, SIZE),
    )
    offset = (STORED - SIZE) // 2
    inside = slice(offset, offset + SIZE)
    np.testing.assert_array_equal(
        centre["image"], tf.cast(batch["image"][:, inside, inside], tf.float32) / 255
    )
    np.testing.assert_array_equal(centre["landmarks"], batch["landmarks"] - offset)
    np.testing.assert_array_equal(centre["teacher_landmarks"], batch["teacher_landmarks"] - offset)
    for name in ("image", "face_mask", "landmarks", "projection"):
        np.testing.assert_allclose(still[name], centre[name], atol=2e-5)


def test_landmark_partners_are_those_of_the_mesh():
    np.testing.assert_array_equal(
        FACE.mirror[FACE.landmarks], FACE.landmarks[augment.LANDMARK_MIRROR]
    )
    twice = augment.LANDMARK_MIRROR[augment.LANDMARK_MIRROR]
    np.testing.assert_array_equal(twice, np.arange(68))


def test_a_mirrored_example_is_consistent():
    cut = batches.as_floats(augment.cut(stored_batch(), window(), SIZE))
    mirrored = augment.mirror(cut, tf.fill([6], True), FACE)
    np.testing.assert_array_equal(mirrored["image"], cut["image"][:, :, ::-1])
    points = camera.project(mirrored["vertices"], mirrored["projection"])[..., :2]
    np.testing.assert_allclose(
        tf.gather(points, FACE.landmarks, axis=1), mirrored["landmarks"], atol=1e-3
    )
    old = camera.project(cut["vertices"], cut["projection"])
    flipped = tf.gather(old, FACE.mirror, axis=1)
    np.testing.assert_allclose(points[..., 0], SIZE - 1 - flipped[..., 0], atol=1e-3)
    np.testing.assert_allclose(points[..., 1], flipped[..., 1], atol=1e-3)


def test_the_mirrored_texture_belongs_to_the_mirrored_vertices():
    u, v = FACE.uv.T
    np.testing.assert_allclose(FACE.uv[FACE.mirror], np.stack([1 - u, v], -1), atol=1e-6)


def test_mirroring_twice_does_nothing():
    cut = batches.as_floats(augment.cut(stored_batch(), window(), SIZE))
    flip = tf.constant([True, False] * 3)
    twice = augment.mirror(augment.mirror(cut, flip, FACE), flip, FACE)
    once = augment.mirror(cut, flip, FACE)
    for name, value in cut.items():
        np.testing.assert_allclose(twice[name], value, atol=1e-5, err_msg=name)
        np.testing.assert_array_equal(once[name][1], value[1], err_msg=name)


def test_photometric_changes_colours_alone_and_keeps_the_range():
    image = batches.as_floats(augment.cut_centre(stored_batch(), SIZE))["image"]
    draws = tf.random.stateless_uniform([3, 6], [1, 2])
    np.testing.assert_allclose(augment.photometric(image, 0.0, draws), image, atol=1e-6)
    changed = augment.photometric(image, 1.0, draws)
    assert tf.reduce_min(changed) >= 0 and tf.reduce_max(changed) <= 1
    assert tf.reduce_max(tf.abs(changed - image)) > 0.05
    gray = augment.photometric(image, 1.0, draws * 0 + [[0.5], [0.5], [0.1]])
    np.testing.assert_allclose(gray[..., 0], gray[..., 1], atol=1e-6)


def test_every_epoch_shows_every_record_once(config):
    made, _ = data.open_training(config, FACE)
    seen = np.concatenate([made.positions(step) for step in range(11)])  # 88 = 4 epochs of 22
    for epoch in seen.reshape(4, 22):
        np.testing.assert_array_equal(np.sort(epoch), np.arange(22))
    assert not np.array_equal(seen[:22], seen[22:44])


def test_a_batch_depends_on_its_step_alone(config):
    config = replace(config, photometric=0.5)
    from_start, _ = data.open_training(config, FACE)
    wanted = [*from_start.dataset(0, 6)][4]
    resumed, _ = data.open_training(config, FACE)
    found = next(iter(resumed.dataset(4, 6)))
    for name, value in wanted.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    other = next(iter(resumed.dataset(5, 6)))
    assert not np.array_equal(other["image"], wanted["image"])


def test_replicas_share_one_batch(config):
    made, _ = data.open_training(config, FACE)
    whole = next(iter(made.dataset(3, 4)))
    parts = [
        part
        for worker in range(2)
        for part in made.dataset(3, 4, 4, local_replicas=2, worker=worker)
    ]
    assert len(parts) == 4
    for name, value in whole.items():
        joined = np.concatenate([part[name] for part in parts])
        np.testing.assert_allclose(joined, value, atol=1e-6, err_msg=name)


def test_a_batch_has_what_training_reads(config):
    batch = next(iter(data.open_training(config, FACE)[0].dataset(0, 1)))
    assert {name: tuple(value.shape) for name, value in batch.items()} == {
        "image": (8, SIZE, SIZE, 3),
        "face_mask": (8, SIZE, SIZE, 1),
        "landmarks": (8, 68, 2),
        "projection": (8, 2, 4),
        "vertices": (8, *FACE.mean_vertices.shape),
        "texture": (8, *fake_faces.UV, 3),
        "texture_mask": (8, *fake_faces.UV, 1),
        **{f"has_{name}": (8,) for name in batches.LABELS},
    }
    for name in ("image", "face_mask", "texture", "texture_mask"):
        assert 0.2 < tf.reduce_max(batch[name]) <= 1
    assert all(tf.reduce_all(batch[f"has_{name}"]) for name in batches.LABELS)


def test_teacher_labels_replace_the_truth_where_there_are_any(config):
    layout = batches.layout(config.model, FACE)
    truth, teacher = (
        batches.Source(open_split(config), layout, labels).read(np.arange(4))
        for labels in ("truth", "teacher")
    )
    np.testing.assert_allclose(teacher["landmarks"], truth["landmarks"] + 1, atol=1e-5)
    np.testing.assert_array_equal(teacher["vertices"], truth["vertices"])


def test_a_label_that_a_source_lacks_is_zero_and_says_so(config):
    split = open_split(config)
    layout = batches.layout(config.model, FACE)
    claims = split["has_vertices"].copy()
    split._arrays["has_vertices"] = claims & False
    other = layout | {"vertices": ((7, 3), np.float32)}
    batch = batches.Source(split, other).read(np.arange(3))
    assert batch["vertices"].shape == (3, 7, 3) and not batch["vertices"].any()
    assert not batch["has_vertices"].any() and batch["has_landmarks"].all()
    split._arrays["has_vertices"] = claims
    with pytest.raises(ValueError, match=r"`vertices` of .* must have shape \[7, 3\], got \[3016"):
        batches.Source(split, other)


def test_a_mix_is_kept_in_every_batch(config):
    split, layout = open_split(config), batches.layout(config.model, FACE)
    pair = [batches.Source(split, layout), batches.Source(split, layout, "teacher")]
    made = batches.Batches(pair, [3, 1], config, FACE)
    assert [np.sum(made.origin == i) for i in range(2)] == [6, 2]
    assert 0 < np.flatnonzero(made.origin == 1)[0] < 4  # spread over the replicas
    assert len(made.names(0)) == 8
    with pytest.raises(ValueError, match="no place for every source"):
        batches.Batches(pair, [100, 1], config, FACE)


def test_projection_statistics_are_those_of_the_evaluation_crop(config):
    source = batches.Source(open_split(config), batches.layout(config.model, FACE))
    mean, deviation = batches.projection_statistics([source], SIZE, False, FACE)
    offset = (STORED - SIZE) / 2
    rows = source.projections() - np.array([0, 0, 0, offset], np.float32)
    np.testing.assert_allclose(mean, rows.mean(axis=0).reshape(8), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(deviation[2], rows[:, 0, 2].std(), rtol=1e-4)
    assert deviation[3] == 1.0  # the floor: every face is in the middle
    mean, _ = batches.projection_statistics([source], SIZE, True, FACE)
    np.testing.assert_allclose(mean[[2, 3]], [0, (SIZE - 1) / 2], atol=1e-4)


def test_bad_records_are_skipped_and_named(tmp_path, caplog):
    config = make_config(tmp_path, bad=("train-3", "train-7"))
    split = open_split(config)
    assert len(split) == 20 and sorted(split.skipped) == ["train-3", "train-7"]
    assert "split `train`: 2 bad records skipped" in caplog.text and "train-7" in caplog.text
    made, _ = data.open_training(config, FACE)
    names = {name for step in range(5) for name in made.names(step)}
    assert len(names) == 20 and not names & {"train-3", "train-7"}
    with pytest.raises(ValueError, match="2 bad records"):
        open_split(replace(config, strict=True))


def test_arrays_of_an_older_data_set_are_made_anew(tmp_path):
    config = make_config(tmp_path)
    path = open_split(config)._path("landmarks")
    assert np.load(path).shape == (22, 68, 2)
    np.save(path, np.zeros([3, 68, 2], np.float32))
    assert open_split(config)["landmarks"].shape == (22, 68, 2)
    path.write_bytes(path.read_bytes()[:50])
    assert open_split(config)["landmarks"].shape == (22, 68, 2)
    assert not [*path.parent.glob("*.part")]


def test_in_order_gives_the_split_as_it_lies(config):
    split = open_split(config, "validation")
    found = [*data.in_order(split, SIZE, 2)]
    assert [len(batch["image"]) for batch in found] == [2, 2, 1]
    names = [name.decode() for batch in found for name in batch["name"].numpy()]
    assert sorted(names) == [f"validation-{i}" for i in range(5)]
    teacher = np.concatenate([batch["teacher_landmarks"] for batch in found])
    truth = np.concatenate([batch["landmarks"] for batch in found])
    np.testing.assert_allclose(teacher, truth + 1, atol=1e-5)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"sources": "photo_folder:/nowhere"}, "/nowhere: no such folder or zip file"),
        ({"sources": "fake_face"}, r"`fake_face/s32` is neither.*did you mean `fake_faces`\?"),
        ({"sources": "fake_faces,fake_faces"}, "`mix` must be 2 positive numbers.* got '1'"),
        ({"mix": "-1"}, "`mix` must be 1 positive numbers"),
        ({"mix": "many"}, "`mix` must be 1 positive numbers.* got 'many'"),
    ],
)
def test_wrong_sources_are_refused(config, changes, message):
    with pytest.raises(ValueError, match=message):
        data.open_training(replace(config, **changes), FACE)


def test_sources_may_name_a_configuration_and_a_path():
    config = replace(configs.preset("small"), sources="a, b/c,d:/e/f", mix="1,2,3")
    found, weights = sources.requests(config)
    assert found == [("a", "s112", None), ("b", "c", None), ("d", "s112", "/e/f")]
    assert weights == [1, 2, 3]
