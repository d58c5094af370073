import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.networks.encoder import Encoder, plan

TINY = configs.tiny().model
MEAN = np.array([10, 0, 1, 16, 2, -11, 3, 17], np.float32)
STD = np.array([1, 2, 3, 4, 5, 6, 7, 8], np.float32)


def parameters(layer):
    return sum(int(np.prod(w.shape)) for w in layer.trainable_weights)


def test_paper_encoder_has_the_published_layers():
    encoder = Encoder(configs.paper().model, MEAN, STD)
    assert parameters(encoder) == 3_053_123
    convolutions = [layer for layer in encoder.trunk.layers if layer.name.startswith("conv")]
    shapes = [layer.output.shape[1:] for layer in convolutions if "norm" not in layer.name]
    sides = [112] * 2 + [56] * 3 + [28] * 3 + [14] * 3 + [7] * 2
    channels = [32, 64, 64, 64, 128, 128, 96, 192, 192, 128, 256, 256, 160]
    assert shapes == [(s, s, c) for s, c in zip(sides, channels, strict=True)]
    assert encoder.trunk.get_layer("conv1").kernel_size == (7, 7)
    assert encoder.trunk.get_layer("heads").output.shape == (None, 7, 7, 64 + 64 + 160 + 160)
    assert all(not layer.use_bias for layer in convolutions if hasattr(layer, "use_bias"))


def test_light_encoder_has_two_convolutions_per_scale():
    assert plan(configs.small().model) == [
        (16, 3, 2), (16, 3, 1), (32, 3, 2), (32, 3, 1), (64, 3, 2), (64, 3, 1),
        (128, 3, 2), (128, 3, 1), (160, 3, 2), (160, 3, 1),
    ]  # fmt: skip
    encoder = Encoder(TINY, MEAN, STD)
    assert encoder.trunk.get_layer("heads").output.shape[1:3] == (4, 4)


def test_light_encoder_weighs_places_and_keeps_the_variance():
    encoder = Encoder(configs.small().model, MEAN, STD)
    pooling = encoder.trunk.get_layer("pooling")
    assert pooling.kernel.shape == (4, 4, 32 + 32 + 80 + 80, 1)
    noise = np.random.default_rng(0).normal(size=[30, 4, 4, 224]).astype(np.float32)
    assert np.std(pooling(noise)) == pytest.approx(1, abs=0.1)
    here = np.zeros([1, 4, 4, 224], np.float32)
    here[:, 1, 2] = 1
    np.testing.assert_array_equal(pooling(here)[0, 0, 0], pooling.kernel[1, 2, :, 0])


def test_codes_of_a_batch():
    codes = Encoder(TINY, MEAN, STD)(np.random.rand(3, 32, 32, 3).astype(np.float32))
    assert [tuple(c.shape) for c in codes] == [(3, 2, 4), (3, 9, 3), (3, 16), (3, 16)]


def test_projection_is_the_mean_plus_std_times_what_the_network_says():
    encoder = Encoder(TINY, MEAN, STD)
    encoder.to_projection.set_weights([np.zeros([8, 8]), np.arange(8.0)])
    projection = encoder(np.zeros([1, 32, 32, 3], np.float32)).projection
    np.testing.assert_allclose(projection[0], (MEAN + STD * np.arange(8)).reshape(2, 4))


def test_illumination_comes_as_nine_of_red_then_green_then_blue():
    encoder = Encoder(TINY, MEAN, STD)
    encoder.to_illumination.set_weights([np.zeros([8, 27]), np.arange(27.0)])
    illumination = encoder(np.zeros([1, 32, 32, 3], np.float32)).illumination
    np.testing.assert_array_equal(illumination[0, :, 1], np.arange(9, 18))


def test_without_lighting_there_is_no_illumination():
    config = dataclasses.replace(TINY, lighting=False)
    encoder = Encoder(config, MEAN, STD)
    assert encoder(np.zeros([2, 32, 32, 3], np.float32)).illumination is None
    assert encoder.trunk.output_shape[-1] == 8 + 16 + 16  # the CVPR 2018 layer: l_S + l_T + 2 w


@pytest.mark.parametrize(
    "changes", [{}, {"plan": "full"}, {"residual": True}, {"camera": "rotation"}], ids=str
)
def test_every_weight_has_a_gradient(changes):
    encoder = Encoder(dataclasses.replace(TINY, **changes), MEAN, STD)
    images = np.random.default_rng(0).random([4, 32, 32, 3]).astype(np.float32)
    with tf.GradientTape() as tape:
        codes = encoder(images, training=True)
        loss = tf.add_n([tf.reduce_sum(c**2) for c in codes])
    for weight, gradient in zip(
        encoder.trainable_weights,
        tape.gradient(loss, [w.value for w in encoder.trainable_weights]),
        strict=True,
    ):
        assert gradient is not None and np.isfinite(gradient).all(), weight.path


def test_graph_equals_eager():
    encoder = Encoder(TINY, MEAN, STD)
    images = np.random.rand(2, 32, 32, 3).astype(np.float32)
    signature = [tf.TensorSpec([None, 32, 32, 3])]
    for a, b in zip(
        encoder(images), tf.function(encoder.call, input_signature=signature)(images), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_refusals():
    encoder = Encoder(TINY, MEAN, STD)
    with pytest.raises(
        ValueError, match=r"`images` must have shape \[B, 32, 32, 3\] with B = 2, got \[2, 31"
    ):
        encoder(np.zeros([2, 31, 32, 3], np.float32))
    with pytest.raises(ValueError, match=r"`projection_mean` must have shape \[8\], got \[2, 4\]"):
        Encoder(TINY, MEAN.reshape(2, 4), STD)
    with pytest.raises(ValueError, match="`projection_std` must be positive, got"):
        Encoder(TINY, MEAN, STD * [1, 1, 0, 1, 1, 1, 1, 1])


def test_a_rotation_camera_is_orthogonal_and_near_the_mean_at_the_start():
    config = dataclasses.replace(TINY, camera="rotation")
    std = np.array([3, 3, 3, 4, 3, 3, 3, 4], np.float32)
    encoder = Encoder(config, np.array([9, 0, 0, 16, 0, -9, 0, 17], np.float32), std)
    images = np.random.default_rng(0).random([5, 32, 32, 3], np.float32)
    projection = encoder(images).projection.numpy()
    rows = projection[..., :3]
    gram = rows @ rows.swapaxes(1, 2)
    np.testing.assert_allclose(gram[:, 0, 1], 0, atol=1e-4)
    np.testing.assert_allclose(gram[:, 0, 0], gram[:, 1, 1], rtol=1e-4)
    scale = np.sqrt(gram[:, 0, 0])
    np.testing.assert_allclose(scale, np.sqrt(9**2 + 3 * 3**2), rtol=0.1)  # over all rotations
    np.testing.assert_allclose(projection[..., 3], [[16, 17]] * 5, atol=2)


def test_a_rotation_camera_turns_the_face_about_its_centre():
    config, centre = dataclasses.replace(TINY, camera="rotation"), [0.1, -0.2, 0.7]
    encoder = Encoder(config, np.array([9, 0, 0, 16, 0, -9, 0, 17], np.float32), STD, centre)
    images = np.random.default_rng(0).random([3, 32, 32, 3], np.float32)
    places = []
    for turn in (0.0, 0.5):
        encoder.to_projection.bias.assign([0, 0, turn, 0, 0, -turn, 0, 0, 0])
        places.append(encoder(images).projection.numpy() @ [*centre, 1.0])
    assert np.abs(encoder(images).projection.numpy()[:, :, 2]).min() > 1  # it did turn
    np.testing.assert_allclose(places[0], places[1], atol=1e-4)


def test_an_encoder_begins_with_what_another_one_sees_but_not_with_its_codes():
    config = dataclasses.replace(TINY, camera="rotation", residual=True)
    other = Encoder(dataclasses.replace(config, shape_code_size=5, albedo_code_size=3), MEAN, STD)
    rng = np.random.default_rng(0)
    for weight in other.weights:
        if weight.name not in ("projection_mean", "projection_std"):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape) * 0.1)
    mine, images = Encoder(config, MEAN, STD), rng.random([2, 32, 32, 3], np.float32)
    before, theirs = mine(images), other(images)
    mine.begin_with(other)
    after = mine(images)
    for name in ("projection", "illumination"):
        assert np.abs(getattr(before, name) - getattr(theirs, name)).max() > 0.01
        np.testing.assert_allclose(
            getattr(after, name), getattr(theirs, name), rtol=1e-4, atol=1e-4
        )
    assert after.shape_code.shape == (2, 16)


def test_an_encoder_does_not_begin_with_another_trunk():
    with pytest.raises(ValueError, match="the other encoder has width 6, this one 4"):
        other = Encoder(dataclasses.replace(TINY, width=6), MEAN, STD)
        Encoder(TINY, MEAN, STD).begin_with(other)
