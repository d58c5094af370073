"""Laws of records: the same every time, nobody in two splits, labels that agree with each other."""

import dataclasses
import io

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from tf_nonlinear3dmm.data import crop, photos
from tf_nonlinear3dmm.data.builders.synthetic_faces import contexts, generator
from tf_nonlinear3dmm.data.builders.synthetic_faces.people import population
from tf_nonlinear3dmm.data.builders.synthetic_faces.scene import light, pose
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import camera, rasterizer, renderer

SIZE, STORED = 32, 44


def decoded(example):
    return tf.io.decode_jpeg(example["image"]).numpy().astype(np.float32) / 255


def column(block, name):
    return np.stack([example[name] for example in block])


def test_a_block_is_the_same_bytes_every_time(context, block):
    again = generator.block(context, "train", 0)
    for first, second in zip(block, again, strict=True):
        assert first.keys() == second.keys()
        for name, value in first.items():
            assert np.array_equal(value, second[name]), name


def test_more_records_only_append_however_many_workers(context, block):
    few = list(generator.records(context, "train", 5, workers=1))
    many = list(generator.records(context, "train", 20, workers=3))
    assert [len(few), len(many)] == [5, 20]
    for record, longer, whole in zip(few, many, block, strict=False):
        assert record["image"] == longer["image"] == whole["image"]
        packed = PIL.Image.open(io.BytesIO(record["albedo"]))
        np.testing.assert_array_equal(np.asarray(packed), whole["albedo"])
        assert np.array_equal(record["teacher_vertices"], longer["teacher_vertices"])


def test_another_seed_is_another_person(context):
    other = context._replace(seed=1)
    first, second = (contexts.person(s, "train", 0).shape.sliders for s in (context, other))
    assert not np.array_equal(first, second)


def test_nobody_is_in_two_splits(context):
    owner = {}
    for split in contexts.SPLITS:
        for number in range(6):
            sliders = contexts.person(context, split, number).shape.sliders.tobytes()
            assert owner.setdefault(sliders, (split, number)) == (split, number)


def test_a_person_has_four_images_in_train(block):
    assert column(block, "identity").tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4
    albedo = column(block, "albedo").astype(int)
    forehead = (slice(3, 7), slice(8, 20))
    assert np.array_equal(albedo[0][forehead], albedo[3][forehead])
    assert not np.array_equal(albedo[0][forehead], albedo[4][forehead])
    assert not np.array_equal(block[0]["vertices"], block[1]["vertices"])  # expressions differ
    assert len({example["name"] for example in block}) == 16


@pytest.mark.parametrize("prefix", ["", "teacher_"])
def test_landmarks_are_the_projected_vertices(context, block, prefix):
    vertices = column(block, prefix + "vertices")[:, context.assets.landmarks]
    points = camera.project(
        tf.constant(vertices), tf.constant(column(block, prefix + "projection"))
    )
    np.testing.assert_allclose(
        column(block, prefix + "landmarks"), points[..., :2], atol=1e-3, rtol=0
    )


def test_the_middle_of_the_image_is_the_evaluation_crop(block):
    square = crop.square(tf.constant(column(block, "landmarks")))
    offset = (STORED - SIZE) / 2
    np.testing.assert_allclose(square.x0, offset, atol=1e-3)
    np.testing.assert_allclose(square.y0, offset, atol=1e-3)
    np.testing.assert_allclose(square.side, SIZE, rtol=1e-4)


def test_frames_follow_the_conventions(context, block):
    projection = tf.constant(column(block, "projection"))
    yaw, pitch, roll, *_ = (np.degrees(angle) for angle in camera.decompose(projection))
    np.testing.assert_allclose(yaw, column(block, "yaw_deg"), atol=1e-2)
    frontal = (np.abs(yaw) < 20) & (np.abs(pitch) < 25) & (np.abs(roll) < 45)
    assert frontal.any()
    points = camera.project(tf.constant(column(block, "vertices")), projection).numpy()
    marks = points[:, context.assets.landmarks][frontal]
    assert (marks[:, 30, 2] > marks[:, [0, 16, 36, 45], 2].max(axis=1)).all()  # nose is nearest
    assert (marks[:, 45, 0] > marks[:, 36, 0]).all()  # the subject's left is to the right
    assert (marks[:, 27, 1] < marks[:, 8, 1]).all()  # y runs down


def test_masks_keep_to_the_face(context, block):
    points = camera.project(
        tf.constant(column(block, "vertices")), tf.constant(column(block, "projection"))
    )
    fragments = rasterizer.rasterize(points, context.layout.triangles, (STORED, STORED))
    inside = fragments.triangle_id.numpy() >= 0
    outside = ~tf.nn.max_pool2d(inside[..., np.newaxis].astype(np.float32), 3, 1, "SAME").numpy()[
        ..., 0
    ].astype(bool)
    mask = column(block, "face_mask")
    assert set(np.unique(mask)) <= {0, 255}
    assert mask[outside].max() == 0
    assert 0.4 < (mask[..., 0] > 0)[inside].mean() < 1  # hair and things hide some of it
    covered = column(block, "texture_mask")
    assert 0.1 < (covered > 0).mean() < 0.8
    assert column(block, "texture")[covered[..., 0] == 0].max() == 0


def plain_photograph(random, image, inside):
    """An image as a camera without a will of its own takes it."""
    buffer = io.BytesIO()
    pixels = np.clip(255 * image * inside, 0, 255).astype(np.uint8)
    PIL.Image.fromarray(pixels).save(buffer, "JPEG", quality=98, subsampling=0)
    return buffer.getvalue()


def test_drawing_the_labels_gives_the_image(context, monkeypatch):
    """Albedo, light, shape and pose explain the visible face, and none of them can be swapped."""
    monkeypatch.setattr(generator.sensor, "photograph", plain_photograph)
    block = generator.block(context, "train", 0)
    albedo = tf.constant(column(block, "albedo"), tf.float32) / 255
    arguments = [column(block, name) for name in ("vertices", "projection", "illumination")]
    vertices, projection, illumination = (tf.constant(value) for value in arguments)
    images = np.stack([decoded(example) for example in block])
    mask = tf.nn.erosion2d(
        column(block, "face_mask").astype(np.float32) / 255,
        tf.zeros([3, 3, 1]),
        [1, 1, 1, 1],
        "SAME",
        "NHWC",
        [1, 1, 1, 1],
    ).numpy()

    def error(albedo, vertices, projection, illumination):
        drawn = renderer.render(
            vertices, albedo, projection, illumination, context.layout, (STORED, STORED)
        )
        return (np.abs(drawn.image - images) * mask).sum() / (3 * mask.sum())

    right = error(albedo, vertices, projection, illumination)
    assert right < 0.07
    assert error(tf.roll(albedo, 4, 0), vertices, projection, illumination) > 1.4 * right
    assert error(albedo, vertices, tf.roll(projection, 1, 0), illumination) > 1.4 * right
    assert error(albedo, vertices, projection, tf.roll(illumination, 1, 0)) > 1.4 * right


def test_texture_holds_the_image_s_colours(block):
    for example in block[:4]:
        colour = example["texture"][example["texture_mask"][..., 0] > 0].mean(axis=0) / 255
        face = decoded(example)[example["face_mask"][..., 0] > 0].mean(axis=0)
        np.testing.assert_allclose(colour, face, atol=0.15)  # texels do not weigh as pixels do


def test_attributes_are_named_numbers(context, block):
    values = column(block, "attributes")
    assert values.shape == (16, len(context.people.attribute_names)) and np.isfinite(values).all()
    named = dict(zip(context.people.attribute_names, values.T, strict=True))
    np.testing.assert_allclose(named["african"] + named["asian"] + named["caucasian"], 1, rtol=1e-5)
    assert len(set(named["age"][:4])) == 1  # of the person, not of the image


def test_poses_are_those_of_photographs():
    randoms = (np.random.default_rng([1, i]) for i in range(2000))
    yaw, pitch, roll = np.stack([pose.sample_angles(random) for random in randoms]).T
    # 4 standard errors of a share of 0.3, a third of the mean of 2,000 yaws of deviation 43
    assert abs(np.mean(np.abs(yaw) > 45) - 0.30) < 0.045
    assert np.mean(np.abs(yaw) > 70) > 0.10 and 0.005 < np.mean(np.abs(yaw) > 90) < 0.05
    reached = np.percentile(yaw, [1, 5, 25, 75, 95, 99])
    assert (np.abs(reached) >= [81, 68, 15, 15, 69, 80]).all()  # of photographs; 25: 17 +- 2
    assert abs(yaw.mean()) < 4.2 and abs(np.median(yaw)) < 3
    # kurtosis 6: the standard error of a deviation of 20 is 0.5
    assert abs(pitch.std() - 18) < 2 and abs(roll.std() - 20) < 2
    assert 0.004 < np.mean(np.abs(roll) > 60) < 0.03


def test_harmonics_hold_the_light_that_was_drawn():
    for number in range(60):
        drawn = light.sample(np.random.default_rng(number))
        level = light.VISIBLE @ (light.HARMONICS @ drawn.illumination)
        low = min(setup.level[0] for setup in light.LIGHT_SETUPS)
        high = max(setup.level[1] for setup in light.LIGHT_SETUPS)
        assert 0.9 * low < level.mean() < 1.1 * high and drawn.illumination.shape == (9, 3)
        np.testing.assert_allclose(np.linalg.norm(drawn.directions, axis=1), 1, rtol=1e-5)


def linear_model(folder):
    """A saved face model with bases: the embedded mean face and smooth bumps."""
    face = FaceModel.load("makehuman")
    random = np.random.default_rng(0)
    waves = np.sin(face.mean_vertices @ random.normal(size=(3, 5)) * 2 + random.normal(size=5))
    bases = waves.T[..., np.newaxis] * random.normal(size=(5, 1, 3)).astype(np.float32)
    model = dataclasses.replace(
        face,
        name="waves",
        shape_basis=bases[:3].astype(np.float32),
        shape_std=np.full(3, 0.02, np.float32),
        expression_basis=bases[3:].astype(np.float32),
        expression_std=np.full(2, 0.01, np.float32),
    )
    model.save(folder / "waves.npz")
    return str(folder / "waves.npz")


def test_people_of_a_linear_face_model(tmp_path):
    path = linear_model(tmp_path)
    context = contexts.open_context(SIZE, (24, 28), 0, path)
    block = generator.block(context, "test", 0)
    vertices = column(block, "vertices")
    face = FaceModel.load(path)
    bases = np.concatenate([face.shape_basis, face.expression_basis]).reshape(5, -1)
    offsets = (vertices - face.mean_vertices).reshape(16, -1)
    left = offsets - offsets @ np.linalg.pinv(bases) @ bases
    assert np.abs(left).max() < 1e-4 < np.abs(offsets).max()  # nothing but the model's bases
    assert np.abs(column(block, "teacher_vertices") - vertices).mean() < 0.02
    assert column(block, "attributes").shape[1] == len(context.people.attribute_names)
    assert column(block, "face_mask").mean() > 255 * 0.1


def test_a_face_model_without_bases_is_refused(tmp_path):
    face = dataclasses.replace(FaceModel.load("makehuman"), name="none")
    face.save(tmp_path / "none.npz")
    with pytest.raises(ValueError, match="must have a shape basis.*got none"):
        population.open_people(str(tmp_path / "none.npz"), (48, 56))


def test_the_detector_finds_generated_faces_and_crops_them_as_their_landmarks_say(block):
    pytest.importorskip("ai_edge_litert")
    detected, cropped = 0, 0
    for example in block:
        faces = photos.detect(tf.io.decode_jpeg(example["image"]).numpy())
        square = crop.square(example["landmarks"])
        detected += bool(faces)
        if faces:
            difference = np.subtract(faces[0].square, square) / square.side
            cropped += np.abs(difference).max() < 0.15
    assert detected >= 12 and cropped >= 11  # of 16, at 44 pixels
