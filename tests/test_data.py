"""The way from records to training batches."""

import dataclasses

import fake_faces
import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm import configs, data
from tf_nonlinear3dmm.data import (
    augment,
    batches,
    camera_statistics,
    crop,
    degrade,
    schema,
    sources,
    splits,
)
from tf_nonlinear3dmm.data.random_stream import RandomStream
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import camera, sampling

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
    return data.open_first(config, split)


def stored_batch(count=6):
    """Stored examples whose red is 5 x and whose green is 5 y."""
    records = [fake_faces.example("train", i) for i in range(count)]
    batch = {
        name: np.stack([r[name] for r in records])
        for name, value in records[0].items()
        if isinstance(value, np.ndarray)
    }
    y, x = np.mgrid[:STORED, :STORED]
    batch["image"][:] = np.stack([5 * x, 5 * y, 0 * x], axis=-1)
    return {name: tf.constant(value) for name, value in batch.items()}


def draw(count=6, seed=3):
    return RandomStream(count, tf.range(count), seed, 0)


def window(count=6, seed=3, batch=None, size=SIZE, stored=STORED, **changes):
    """Random crops, turned and jittered widely unless `changes` of `DataConfig` say otherwise."""
    wide = {"jitter_scale": 0.15, "jitter_shift": 0.1, "rotation_deg": 30.0, "any_rotation": 0.3}
    options = configs.DataConfig(**wide | changes)
    batch = stored_batch(count) if batch is None else batch
    known = tf.fill([count], True)
    return augment.jittered(batch["landmarks"], known, stored, size, options, draw(count, seed))


def test_landmarks_follow_the_picture():
    batch = stored_batch()
    cutout = window()
    assert tf.reduce_max(tf.abs(cutout.angle)) > 0.5
    cut = augment.cut(batch, cutout, SIZE)
    seen = sampling.bilinear(cut["face_mask"], cut["landmarks"])[..., 0] > 0.999
    inside = tf.reduce_all((cut["landmarks"] > 0) & (cut["landmarks"] < SIZE - 1), axis=-1) & seen
    assert tf.reduce_sum(tf.cast(inside, tf.int32)) > 300
    colour = sampling.bilinear(cut["image"], cut["landmarks"])[..., :2] * 255 / 5
    error = tf.abs(colour - batch["landmarks"])[inside]
    assert tf.reduce_max(error) < 2e-3


def test_the_projection_lands_on_the_landmarks():
    batch = stored_batch(64)
    cut = augment.cut(batch, window(64), SIZE)
    points = tf.gather(batch["vertices"], FACE.landmarks, axis=1)
    points = camera.project(points, cut["projection"])
    np.testing.assert_allclose(points[..., :2], cut["landmarks"], atol=1e-3)


def test_a_turned_projection_has_its_yaw_and_another_roll():
    batch = stored_batch(64)
    cutout = window(64)
    cut = augment.cut(batch, cutout, SIZE)
    before, after = (camera.decompose(b["projection"]) for b in (batch, cut))
    for i in (0, 1):  # yaw, pitch
        np.testing.assert_allclose(after[i], before[i], atol=1e-4)
    turned = (after[2] - before[2] - cutout.angle + np.pi) % (2 * np.pi) - np.pi
    np.testing.assert_allclose(turned, 0, atol=1e-4)  # anticlockwise as roll is
    np.testing.assert_allclose(after[3], before[3] * cutout.k, rtol=1e-4)


def test_dots_stay_under_their_landmarks():
    rows, stored = 112, 154
    batch = stored_batch(12)
    spread = stored / STORED
    points = np.round((batch["landmarks"].numpy()[:, ::4] + 0.5) * spread - 0.5)
    image = np.zeros([12, stored, stored, 3], np.uint8)
    for i, (x, y) in enumerate(points.astype(int).transpose(0, 2, 1)):
        for dx in (-1, 0, 1):
            for dy in (-1, 0, 1):
                image[i, y + dy, x + dx] = 255
    batch = {"image": tf.constant(image), "landmarks": tf.constant(points, tf.float32)}
    cut = augment.cut(batch, window(12, batch=batch, size=rows, stored=stored), rows)
    checked = 0
    for picture, places in zip(cut["image"].numpy()[..., 0], cut["landmarks"].numpy(), strict=True):
        for place in places:
            apart = np.linalg.norm(places - place, axis=-1)
            if np.sort(apart)[1] < 9 or (place < 5).any() or (place > rows - 6).any():
                continue
            x, y = np.round(place).astype(int)
            dot = picture[y - 4 : y + 5, x - 4 : x + 5]
            grid = np.mgrid[y - 4 : y + 5, x - 4 : x + 5]
            found = (grid * dot).sum(axis=(1, 2)) / dot.sum()
            assert np.abs(found[::-1] - place).max() < 0.5
            checked += 1
    assert checked > 60


def test_a_full_turn_does_nothing():
    batch = stored_batch()
    still = window(rotation_deg=0.0, any_rotation=0.0)
    turned = still._replace(angle=still.angle + 2 * np.pi)
    one, other = (augment.cut(batch, w, SIZE) for w in (still, turned))
    for name, value in one.items():
        np.testing.assert_allclose(other[name], value, atol=1e-4, err_msg=name)


def test_a_turned_crop_lies_around_the_turned_landmarks():
    """As the evaluation crop of a photograph of a tilted head does."""
    batch = stored_batch(32)
    batch["landmarks"] += (STORED - 1) / 2 - box(batch["landmarks"])[0][:, tf.newaxis]
    still = {"jitter_scale": 0.0, "jitter_shift": 0.0, "any_rotation": 0.0, "batch": batch}
    upright, turned = (
        box(augment.cut(batch, window(32, rotation_deg=deg, **still), SIZE)["landmarks"])
        for deg in (0.0, 60.0)
    )
    for centre, side in (upright, turned):
        np.testing.assert_allclose(centre, np.full([32, 2], (SIZE - 1) / 2), atol=1e-3)
        np.testing.assert_allclose(side, box(batch["landmarks"])[1], rtol=1e-4)


def box(points):
    """Centre and longer side."""
    low, high = tf.reduce_min(points, axis=1), tf.reduce_max(points, axis=1)
    return (low + high) / 2, tf.reduce_max(high - low, axis=-1)


def test_crops_fill_the_ranges_of_their_settings():
    batch = stored_batch(1)
    batch = {"landmarks": tf.repeat(batch["landmarks"], 4000, axis=0)}
    still = window(4000, batch=batch, rotation_deg=0.0, any_rotation=0.0)
    side = SIZE / still.k
    assert 0.85 * SIZE <= tf.reduce_min(side) < 0.86 * SIZE
    assert 1.14 * SIZE < tf.reduce_max(side) <= 1.15 * SIZE
    for centre in (still.x, still.y):
        shift = (centre - (STORED - 1) / 2) / side
        assert 0.097 < tf.reduce_max(tf.abs(shift)) < 0.1001
        assert abs(tf.reduce_mean(shift)) < 0.005
    normal = window(4000, batch=batch, any_rotation=0.0)
    assert abs(np.degrees(np.std(normal.angle)) - 30) < 1.5
    some = window(4000, batch=batch, any_rotation=0.5, rotation_deg=0.0)
    assert abs(np.mean(some.angle.numpy() != 0) - 0.5) < 0.05
    assert abs(np.mean(np.abs(some.angle) > np.pi / 2) - 0.25) < 0.05
    assert {*np.unique(still.fill)} == {augment.REFLECTION, augment.EDGE, augment.BLACK}
    assert abs(np.mean(still.flip) - 0.5) < 0.05


def test_what_lies_outside_is_filled_and_is_no_face():
    batch = stored_batch(3)
    batch["image"] = tf.maximum(batch["image"], 9)
    away = window(3, rotation_deg=0.0, any_rotation=0.0, jitter_shift=0.0, jitter_scale=0.0)
    away = away._replace(x=away.x - SIZE / 2, fill=tf.range(3))
    cut = augment.cut(batch, away, SIZE)
    outside = cut["face_mask"][..., 0] == 0
    reflection, edge, black = np.unstack(np.asarray(cut["image"]))
    count = int(tf.reduce_sum(tf.cast(outside[0, 0], tf.int32)))
    assert count == SIZE / 2 - (STORED - SIZE) / 2
    assert not black[:, :count].any() and black[:, count:].all()
    np.testing.assert_allclose(edge[:, 0], edge[:, count], atol=1e-5)
    np.testing.assert_allclose(reflection[:, count - 2], reflection[:, count + 1], atol=0.03)
    assert np.ptp(reflection[5, :count, 0]) > 0.1


def unjittered():
    return window(jitter_scale=0.0, jitter_shift=0.0, rotation_deg=0.0, any_rotation=0.0)


def test_no_jitter_is_the_evaluation_crop():
    batch = stored_batch()
    still, centre = (
        augment.cut(batch, unjittered(), SIZE),
        batches.as_floats(crop.evaluation(batch, SIZE)),
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


def test_the_evaluation_crop_is_of_stored_images_alone():
    points = crop.evaluation({"landmarks": np.full([2, 68, 2], 9.0)}, SIZE)["landmarks"]
    np.testing.assert_array_equal(points, 9.0 - crop.margin(SIZE))
    other = {"image": np.zeros([2, STORED + 2, STORED + 2, 3], np.uint8)}
    with pytest.raises(ValueError, match=rf"`image` must have shape \[B, {STORED}, {STORED}, C\]"):
        crop.evaluation(other, SIZE)


def test_landmark_partners_are_those_of_the_mesh():
    np.testing.assert_array_equal(
        FACE.mirror[FACE.landmarks], FACE.landmarks[augment.LANDMARK_MIRROR]
    )
    twice = augment.LANDMARK_MIRROR[augment.LANDMARK_MIRROR]
    np.testing.assert_array_equal(twice, np.arange(68))


def test_a_mirrored_example_is_consistent():
    cut = batches.as_floats(augment.cut(stored_batch(), window(), SIZE))
    mirrored = augment.mirror(cut, tf.fill([6], True), FACE, SIZE)
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
    twice = augment.mirror(augment.mirror(cut, flip, FACE, SIZE), flip, FACE, SIZE)
    once = augment.mirror(cut, flip, FACE, SIZE)
    for name, value in cut.items():
        np.testing.assert_allclose(twice[name], value, atol=1e-5, err_msg=name)
        np.testing.assert_array_equal(once[name][1], value[1], err_msg=name)


def test_colours_change_image_and_texture_alike():
    batch = batches.as_floats(crop.evaluation(stored_batch(), SIZE))
    batch["texture"] = batch["image"][:, 3:20, ::-1]
    changed = degrade.recolour(batch, degrade.random_colour(1.0, draw()))
    np.testing.assert_allclose(changed["texture"], changed["image"][:, 3:20, ::-1], atol=1e-5)
    assert tf.reduce_min(changed["image"]) >= 0 and tf.reduce_max(changed["image"]) <= 1
    assert tf.reduce_max(tf.abs(changed["image"] - batch["image"])) > 0.05
    for name in batch.keys() - {"image", "texture"}:
        assert changed[name] is batch[name]


def test_colours_at_no_strength_stay():
    batch = batches.as_floats(crop.evaluation(stored_batch(), SIZE))
    same = degrade.recolour(batch, degrade.random_colour(0.0, draw()))
    np.testing.assert_allclose(same["image"], batch["image"], atol=2e-4)


def test_a_grey_picture_has_no_colour():
    batch = batches.as_floats(crop.evaluation(stored_batch(), SIZE))
    colour = degrade.random_colour(1.0, draw())._replace(grey=tf.constant([True, False] * 3))
    image = degrade.recolour(batch, colour)["image"]
    assert tf.reduce_max(tf.abs(image[::2, ..., 0] - image[::2, ..., 2])) < 1e-6
    assert tf.reduce_max(tf.abs(image[1::2, ..., 0] - image[1::2, ..., 2])) > 0.1


def test_the_mask_is_cleared_where_and_only_where_a_patch_is():
    batch = batches.as_floats(crop.evaluation(stored_batch(), SIZE))
    batch["has_face_mask"] = tf.constant([True] * 5 + [False])
    patch = degrade.random_patch(1.0, draw())
    patch = patch._replace(own=tf.fill([6], False), colour=tf.zeros([6, 3]) + [0.0, 0.0, 1.0])
    changed = degrade.cover(batch, patch, tf.zeros([SIZE, SIZE, 3]))
    covered = tf.reduce_any(changed["image"] != batch["image"], axis=-1)
    np.testing.assert_array_equal(
        covered, changed["face_mask"][..., 0] < batch["face_mask"][..., 0]
    )
    assert not tf.reduce_any(changed["face_mask"][covered] > 0)
    assert all(tf.reduce_any(covered[:5], axis=[1, 2])) and not tf.reduce_any(covered[5])
    none = degrade.cover(batch, degrade.random_patch(0.0, draw()), tf.zeros([SIZE, SIZE, 3]))
    np.testing.assert_array_equal(none["image"], batch["image"])


BLURS = {
    "blur": lambda image: degrade.blur(image, tf.constant([0.5, 1.5])),
    "motion": lambda image: degrade.motion(image, tf.constant([3.0, 3.0]), tf.constant([0.0, 1.5])),
    "low_resolution": lambda image: degrade.low_resolution(image, tf.constant([8.0, 20.0])),
}


@pytest.mark.parametrize("name", BLURS)
def test_a_blur_keeps_the_mean_and_the_place(name):
    blur, middle = BLURS[name], (SIZE - 1) / 2
    flat = tf.fill([2, SIZE, SIZE, 3], 0.3)
    np.testing.assert_allclose(blur(flat), flat, atol=1e-5)
    y, x = np.mgrid[:SIZE, :SIZE] - middle
    spot = np.exp(-((x - 2) ** 2 + (y + 3) ** 2) / 8)[np.newaxis, ..., np.newaxis]
    spot = tf.constant(np.tile(spot, [2, 1, 1, 3]), tf.float32)
    blurred = blur(spot).numpy()[..., 0]
    mass = blurred.sum(axis=(1, 2))
    np.testing.assert_allclose((blurred * x).sum(axis=(1, 2)) / mass, 2, atol=0.3)
    np.testing.assert_allclose((blurred * y).sum(axis=(1, 2)) / mass, -3, atol=0.3)
    assert (blurred.max(axis=(1, 2)) < 0.99).all()


def test_motion_blurs_along_its_line_alone():
    stripes = tf.constant(np.tile(np.arange(SIZE) // 3 % 2, [2, SIZE, 1]), tf.float32)
    stripes = tf.repeat(stripes[..., tf.newaxis], 3, axis=-1)
    along, across = degrade.motion(stripes, tf.constant([3.0] * 2), tf.constant([np.pi / 2, 0.0]))
    np.testing.assert_allclose(along, stripes[0], atol=0.02)
    assert np.std(across) < 0.7 * np.std(stripes)


def test_noise_is_as_strong_as_it_says_and_weaker_in_the_dark():
    image = tf.constant([0.05, 0.5])[:, None, None, None] * tf.ones([1, 32, 32, 3])
    grain = draw().pattern([64, 64, 3])
    place = tf.zeros([2, 2], tf.int32)
    noise = degrade.noise(image, tf.constant([0.01, 0.01]), place, grain) - image
    wanted = 0.01 * np.sqrt(0.25 + 0.75 * np.array([0.05, 0.5]))
    np.testing.assert_allclose(np.std(noise, axis=(1, 2, 3)), wanted, rtol=0.06)


def test_each_defect_takes_its_share_and_leaves_the_rest():
    image = tf.random.stateless_uniform([200, SIZE, SIZE, 3], [0, 0])
    grain = draw().pattern([SIZE + degrade.SPARE, SIZE + degrade.SPARE, 3])
    for name in ("blur", "noise", "low_resolution"):
        data = configs.DataConfig(**{name: 0.3})
        changed = degrade.camera(image, data, grain, draw(200))
        touched = tf.reduce_any(changed != image, axis=[1, 2, 3])
        assert abs(np.mean(touched) - 0.3) < 0.1, name
    same = degrade.camera(image, configs.DataConfig(), grain, draw(200))
    np.testing.assert_array_equal(same, image)


def test_every_epoch_shows_every_record_once(config):
    made, _ = data.open_training(config, FACE)
    seen = np.concatenate([made.positions(step) for step in range(11)])  # 88 = 4 epochs of 22
    for epoch in seen.reshape(4, 22):
        np.testing.assert_array_equal(np.sort(epoch), np.arange(22))
    assert not np.array_equal(seen[:22], seen[22:44])


EVERYTHING = {
    "rotation_deg": 30.0,
    "any_rotation": 0.2,
    **dict.fromkeys(("photometric", "patches", "blur", "noise", "low_resolution"), 0.7),
}


def test_a_batch_depends_on_its_step_alone(config):
    config = replace(config, **EVERYTHING)
    from_start, _ = data.open_training(config, FACE)
    wanted = [*from_start.dataset(0, 6)][4]
    resumed, _ = data.open_training(config, FACE)
    found = next(iter(resumed.dataset(4, 6)))
    for name, value in wanted.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    other = next(iter(resumed.dataset(5, 6)))
    assert not np.array_equal(other["image"], wanted["image"])


def test_replicas_share_one_batch(config):
    config = replace(config, **EVERYTHING)
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
        np.testing.assert_allclose(joined, value, atol=2e-5, err_msg=name)


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
        **{f"has_{name}": (8,) for name in schema.LABELS},
    }
    for name in ("image", "face_mask", "texture", "texture_mask"):
        assert 0.2 < tf.reduce_max(batch[name]) <= 1
    assert all(tf.reduce_all(batch[f"has_{name}"]) for name in schema.LABELS)


def test_a_batch_may_have_some_features_alone(config):
    config = replace(config, **EVERYTHING)
    made, _ = data.open_training(config, FACE)
    whole = next(iter(made.dataset(2, 3)))
    flags = {f"has_{name}" for name in schema.LABELS}
    for names in (["image", "projection"], ["vertices", "texture"], ["face_mask"]):
        part = next(iter(made.select(*names).dataset(2, 3)))
        assert {*part} == {*names} | flags
        for name in names:
            np.testing.assert_allclose(part[name], whole[name], atol=1e-5, err_msg=name)
    with pytest.raises(ValueError, match=r"did you mean `vertices`\?"):
        made.select("vertex")


def test_albedo_is_mirrored_with_its_example_where_it_is_asked_for(config):
    made, _ = data.open_training(config, FACE)
    batch = next(iter(made.select("vertices", "albedo").dataset(0, 1)))
    split = made.sources[0].split
    rows = split.rows[made.positions(0)]
    stored = split["albedo"][rows] / np.float32(255)
    flipped = np.any(batch["vertices"] != split["vertices"][rows], axis=(1, 2))
    assert 0 < flipped.sum() < 8
    stored[flipped] = stored[flipped][:, :, ::-1]
    np.testing.assert_allclose(batch["albedo"], stored, atol=1e-6)
    assert all(batch["has_albedo"])


def test_a_data_set_without_albedo_gives_zeros(config, monkeypatch):
    split = open_split(config)
    there = type(split).__contains__
    monkeypatch.setattr(
        type(split), "__contains__", lambda self, name: name != "albedo" and there(self, name)
    )
    source = splits.Source(split, schema.training(config.model, FACE))
    batch = next(iter(batches.Batches([source], [1], config, FACE, ["albedo"]).dataset(0, 1)))
    assert not tf.reduce_any(batch["has_albedo"]) and not tf.reduce_any(batch["albedo"] != 0)


def test_teacher_labels_replace_the_ground_truth_where_there_are_any(config):
    layout = schema.training(config.model, FACE)
    truth, teacher = (
        splits.Source(open_split(config), layout, labels).read(np.arange(4))
        for labels in ("ground_truth", "teacher")
    )
    np.testing.assert_allclose(teacher["landmarks"], truth["landmarks"] + 1, atol=1e-5)
    np.testing.assert_array_equal(teacher["vertices"], truth["vertices"])


def test_a_derived_label_of_the_teacher_is_read_like_a_stored_one(tmp_path):
    config = make_config(tmp_path)
    split, layout = open_split(config), schema.training(config.model, FACE)
    albedo = np.arange(split.size, dtype=np.uint8)[:, None, None, None] + np.zeros(
        [1, *config.model.uv_size, 3], np.uint8
    )
    assert "teacher_albedo" not in split
    split.derive("teacher_albedo", np.array_split(albedo, 4))
    for reopened in (split, open_split(config)):
        assert "teacher_albedo" in reopened
        source = splits.Source(reopened, layout, "teacher")
        source.prepare(["albedo"])
        batch = source.read(np.arange(5), ["albedo"])
        np.testing.assert_array_equal(batch["albedo"], albedo[reopened.rows[:5]])
        assert batch["has_albedo"].all()
        truth = splits.Source(reopened, layout)
        truth.prepare(["albedo"])
        assert (truth.read(np.arange(5), ["albedo"])["albedo"] != batch["albedo"]).any()


def test_a_label_that_a_source_lacks_is_zero_and_says_so(config):
    split = open_split(config)
    layout = schema.training(config.model, FACE)
    claims = split["has_vertices"].copy()
    split._arrays["has_vertices"] = claims & False
    other = layout | {"vertices": ((7, 3), np.float32)}
    batch = splits.Source(split, other).read(np.arange(3))
    assert batch["vertices"].shape == (3, 7, 3) and not batch["vertices"].any()
    assert not batch["has_vertices"].any() and batch["has_landmarks"].all()
    split._arrays["has_vertices"] = claims
    with pytest.raises(ValueError, match=r"`vertices` of .* must have shape \[7, 3\], got \[3016"):
        splits.Source(split, other)


def test_a_mix_is_kept_in_every_batch(config):
    split, layout = open_split(config), schema.training(config.model, FACE)
    pair = [splits.Source(split, layout), splits.Source(split, layout, "teacher")]
    made = batches.Batches(pair, [3, 1], config, FACE)
    assert [np.sum(made.origin == i) for i in range(2)] == [6, 2]
    assert 0 < np.flatnonzero(made.origin == 1)[0] < 4  # spread over the replicas
    assert len(made.names(0)) == 8
    with pytest.raises(ValueError, match="no place for every source"):
        batches.Batches(pair, [100, 1], config, FACE)


def test_projection_statistics_are_those_of_the_evaluation_crop(config):
    source = splits.Source(open_split(config), schema.training(config.model, FACE))
    mean, deviation = camera_statistics.of_projections([source], SIZE, False, FACE)
    offset = (STORED - SIZE) / 2
    rows = source.projections() - np.array([0, 0, 0, offset], np.float32)
    np.testing.assert_allclose(mean, rows.mean(axis=0).reshape(8), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(deviation[2], rows[:, 0, 2].std(), rtol=1e-4)
    assert deviation[3] == 1.0  # the floor: every face is in the middle
    mean, _ = camera_statistics.of_projections([source], SIZE, True, FACE)
    np.testing.assert_allclose(mean[[2, 3]], [0, (SIZE - 1) / 2], atol=1e-4)


def test_projection_statistics_are_those_of_turned_crops(config):
    source = splits.Source(open_split(config), schema.training(config.model, FACE))
    mean, deviation = camera_statistics.of_projections([source], SIZE, True, FACE, 30.0)
    options = configs.DataConfig(rotation_deg=30.0, jitter_scale=0.0, jitter_shift=0.0)
    count = 22 * 100
    batch = {"projection": tf.constant(np.tile(source.projections(), [100, 1, 1]))}
    centre = augment.jittered(None, None, STORED, SIZE, options, draw(count))
    cut = augment.mirror(augment.cut(batch, centre, SIZE), centre.flip, FACE, SIZE)
    rows = tf.reshape(cut["projection"], [count, 8])
    np.testing.assert_allclose(mean, tf.reduce_mean(rows, axis=0), atol=0.7)
    np.testing.assert_allclose(deviation[:3], tf.math.reduce_std(rows, axis=0)[:3], atol=0.5)


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
        ({"mix": "nan"}, "`mix` must be 1 positive numbers"),
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
