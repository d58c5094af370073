"""Local decoders for parts of the face, and proxies with residuals (CVPR 2019)."""

import dataclasses

import few_steps
import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm import configs, losses
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.networks import decoders, parts, uv_decoder
from tf_nonlinear3dmm.training import objective

FACE = FaceModel.load("makehuman")
LOCAL = {"shape_decoder": "global_local", "albedo_decoder": "global_local"}
TINY = dataclasses.replace(configs.tiny().model, **LOCAL)
PROXIES = dataclasses.replace(TINY, proxies=True)
CODE = np.random.default_rng(0).normal(size=[3, 16]).astype(np.float32)
SIZES = [(96, 112), (24, 28), (61, 83)]


def decoder(config):
    tf.keras.utils.set_random_seed(0)
    return decoders.albedo_decoder(config, FACE)


def whole(part, uv_size):
    """The mask of a part `[Hu, Wu]` in its place."""
    mask = np.zeros(uv_size)
    (i, j), (height, width) = part.corner, part.size
    mask[i : i + height, j : j + width] = part.mask[..., 0]
    return mask


@pytest.mark.parametrize("uv_size", SIZES)
def test_masks_sum_to_1_with_what_the_global_decoder_keeps(uv_size):
    face_parts = parts.of_face(FACE, uv_size)
    ones = tf.ones([1, *uv_size, 1])
    local = [tf.ones([1, *part.size, 1]) for part in face_parts]
    np.testing.assert_allclose(parts.blend(ones, local, face_parts), ones, atol=1e-6)
    kept = parts.blend(ones, [tf.zeros_like(part) for part in local], face_parts).numpy()
    assert kept.min() > -1e-6 and kept.max() == 1
    assert all(part.mask.min() >= 0 and part.mask.max() <= 1 for part in face_parts)


@pytest.mark.parametrize("uv_size", SIZES)
def test_local_decoders_draw_all_that_the_landmarks_of_their_parts_enclose(uv_size):
    covered = sum(whole(part, uv_size) for part in parts.of_face(FACE, uv_size))
    places = FACE.uv[FACE.landmarks[17:], ::-1] * np.subtract(uv_size, 1)
    rows, columns = np.floor(places + 0.5).astype(int).T
    assert covered[rows, columns].min() > 0.5
    assert covered[0].max() == covered[-1].max() == covered[:, [0, -1]].max() == 0


def test_the_eyes_are_mirror_images():
    right, left, *middle = (whole(part, SIZES[0]) for part in parts.of_face(FACE, SIZES[0]))
    np.testing.assert_allclose(right, left[:, ::-1], atol=0.02)
    for mask in middle:
        np.testing.assert_allclose(mask, mask[:, ::-1], atol=0.02)


def test_a_face_without_the_landmarks_of_a_part_is_refused():
    lacking = FACE.landmarks.copy()
    lacking[27:30] = -1
    some = dataclasses.replace(FACE, landmarks=lacking)
    assert len(parts.of_face(some, SIZES[0])) == 4  # the others tell where the nose is
    lacking[27:36] = -1
    with pytest.raises(ValueError, match="needs the landmarks of `nose`, .* has none"):
        parts.of_face(dataclasses.replace(FACE, landmarks=lacking), SIZES[0])


def test_a_local_decoder_changes_nothing_outside_its_mask():
    made = decoder(TINY)
    before = made(CODE).numpy()
    for local, part in zip(made.local, made.parts, strict=True):
        kernel, bias = local.last.get_weights()
        local.last.set_weights([kernel, bias + 1])
        changed = np.abs(made(CODE) - before).max(axis=(0, 3))
        local.last.set_weights([kernel, bias])
        mask = whole(part, TINY.uv_size)
        assert changed[mask == 0].max() == 0 < changed[mask > 0.5].min()


@pytest.mark.parametrize("name", ["small", "paper"])
def test_local_decoders_leave_the_number_of_weights_as_it_is(name):
    config = configs.preset(name).model
    face_parts, size = parts.of_face(FACE, config.uv_size), config.shape_code_size
    plans = uv_decoder.plans(config, size, face_parts)
    counts = [plan.weight_count(size, 3) for plan in plans]
    one = uv_decoder.plan(config).weight_count(size, 3)
    assert sum(counts) == pytest.approx(one, rel=0.05)
    assert 0.4 < counts[0] / sum(counts) < 0.6


@pytest.mark.parametrize("config", [configs.tiny().model, TINY, PROXIES])
@pytest.mark.parametrize("plan", ["light", "full"])
def test_weights_are_counted_right(config, plan):
    config = dataclasses.replace(config, plan=plan)
    made, channels = decoder(config), 6 if config.proxies else 3
    plans = uv_decoder.plans(config, 16, made.parts)
    expected = sum(some.weight_count(16, channels) for some in plans)
    actual = sum(int(np.prod(w.shape)) for w in made.trainable_weights if w.name != "mean")
    assert actual == expected


@pytest.mark.parametrize("config", [TINY, PROXIES])
def test_every_decoder_learns(config):
    made = decoder(config)
    with tf.GradientTape() as tape:
        loss = tf.add_n([tf.reduce_sum(some**2) for some in made.versions(CODE, training=True)])
    weights = made.trainable_weights
    assert len(made.local) == 4
    for weight, gradient in zip(
        weights, tape.gradient(loss, [w.value for w in weights]), strict=True
    ):
        assert np.abs(gradient).max() > 0, weight.path


def test_no_residual_is_the_proxy():
    made = decoder(PROXIES)
    proxy, face = made.versions(CODE)
    assert np.abs(face - proxy).max() > 1e-4
    np.testing.assert_array_equal(made(CODE), face)
    for part in (made, *made.local):
        kernel, bias = part.last.get_weights()  # [3, 3, outputs, inputs], [outputs]
        kernel[:, :, 3:], bias[3:] = 0, 0
        part.last.set_weights([kernel, bias])
    again, face = made.versions(CODE)
    np.testing.assert_array_equal(face, again)
    np.testing.assert_allclose(again, proxy, atol=1e-6)


def test_pairs_hold_each_residual_once_and_never_both():
    model = Nonlinear3DMM(PROXIES, np.array([11, 0, 0, 16, 0, -11, 0, 16]), np.ones(8), FACE)
    codes = model.encode(np.random.default_rng(0).random([3, 32, 32, 3], np.float32))
    codes = codes._replace(shape_code=50 * CODE, albedo_code=50 * CODE)  # untrained ones are small
    face, (proxies, with_albedo, with_shape) = model.decode(codes), model.pairs(codes)
    for name, other, same in (
        ("albedo_map", with_albedo, with_shape),
        ("vertices", with_shape, with_albedo),
    ):
        np.testing.assert_array_equal(getattr(other, name), getattr(face, name))
        np.testing.assert_array_equal(getattr(same, name), getattr(proxies, name))
        assert np.abs(getattr(face, name) - getattr(proxies, name)).max() > 1e-5
    plain = Nonlinear3DMM(TINY, np.zeros(8), np.ones(8), FACE)
    (pair,) = plain.pairs(codes)
    np.testing.assert_array_equal(pair.image, plain.decode(codes).image)


def test_what_regularises_weighs_on_proxies_alone():
    config = configs.cvpr19().finetune.loss
    assert losses.mixtures(config, 1) == [config]
    proxies, *others = losses.mixtures(config, 3)
    assert len(others) == 2
    for name in ("symmetry", "constancy", "smoothness", "projection", "tone"):
        assert getattr(proxies, name) == getattr(config, name) > 0
        assert not any(getattr(mixed, name) for mixed in others)
    for name in ("reconstruction", "shape", "albedo"):
        assert getattr(proxies, name) == getattr(config, name) / 2 > 0
        assert all(getattr(mixed, name) == getattr(config, name) for mixed in others)


def test_residual_by_hand():
    offsets, colours = np.zeros([2, 3, 5, 3]), np.zeros([2, 3, 5, 3])
    offsets[0, 1, 2, 0], colours[1, 2, 3] = -0.3, [0.1, -0.2, 0.3]  # 30 mm in decimetres
    found = float(losses.residual(offsets, colours, 100.0))
    assert found == pytest.approx((3 + 2 * 0.6) / offsets.size)


def test_proxies_are_for_convolutions():
    with pytest.raises(ValueError, match="`proxies` is for decoders that are `conv` or `global_l"):
        dataclasses.replace(PROXIES, shape_decoder="mlp")
    config = configs.cvpr19()
    with pytest.raises(ValueError, match="`residual` of stage `decoders` needs `proxies`"):
        dataclasses.replace(config, model=dataclasses.replace(config.model, proxies=False))


@pytest.mark.parametrize("trains", ["all", "decoders"])
def test_training_looks_at_every_pair(trains):
    tf.keras.utils.set_random_seed(0)
    config = dataclasses.replace(PROXIES, linear_part=True)
    mean, std = few_steps.mean_projection(32), np.full(8, 0.5, np.float32)
    model = Nonlinear3DMM(config, mean, std, FACE)
    batch = few_steps.examples(config, FACE)
    for made, maps in (
        (model.shape_decoder, model.offset_maps(batch["vertices"]).numpy()),
        (model.albedo_decoder, batch["albedo"]),
    ):
        made.set_linear_part(maps)
    stage = "finetune" if trains == "all" else trains
    weights = getattr(configs.cvpr19(), stage).loss
    constants = losses.constants(FACE, model.uv_layout, std, 32)
    aim = objective.Objective(constants)
    with tf.GradientTape() as tape:
        loss, terms, drawn = aim(model, trains, weights, batch, [0, 1])
    assert {*terms} - {"nme"} == {
        field.name
        for field in dataclasses.fields(weights)
        if field.type is float and getattr(weights, field.name)
    }
    assert (drawn is None) == (trains == "decoders")
    assert terms["residual"] > 0
    both = model.shape_decoder.trainable_weights + model.albedo_decoder.trainable_weights
    gradients = tape.gradient(loss, [weight.value for weight in both])
    for weight, gradient in zip(both, gradients, strict=True):
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0, weight.path
