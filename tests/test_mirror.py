"""What the encoder says of an image and of its mirror image are one answer."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.networks import mirror
from tf_nonlinear3dmm.networks.encoder import Codes
from tf_nonlinear3dmm.rendering import camera, lighting, uv_layout

SIGNS = np.float32([-1, 1, 1])
MODES = 11  # that twelve maps span


def random(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def model_of(**changes):
    config = dataclasses.replace(
        configs.preset("tiny").model,
        **{"camera": "rotation", "linear_part": True, "mirrored": True} | changes,
    )
    model = Nonlinear3DMM(config, [8, 0, 0, 15.5, 0, -8, 0, 15.5], np.ones(8))
    for decoder in (model.shape_decoder, model.albedo_decoder):
        maps = decoder.shift + 0.1 * random(3, 6, *config.uv_size, 3)
        flipped = uv_layout.mirror(tf.constant(maps), decoder.signs).numpy()
        decoder.set_linear_part(np.concatenate([maps, flipped]))
        modes = decoder.linear_modes.numpy()
        modes[MODES:] = 0  # else rounding makes one more
        decoder.linear_modes.assign(modes)
    for weight in model.encoder.trainable_weights:  # fresh weights say hardly anything
        weight.assign(4 * weight)
    return model


@pytest.fixture(scope="module")
def model():
    return model_of()


def close(one, other, atol=1e-4):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, atol=atol)


def test_a_mirrored_camera_sees_a_mirrored_face_in_a_mirrored_image():
    points, projection = random(0, 3, 7, 3), random(1, 3, 2, 4)
    seen = camera.project(points, projection).numpy()
    mirrored = camera.project(points * SIGNS, camera.mirror(projection, 29)).numpy()
    np.testing.assert_allclose(mirrored[..., 0], 28 - seen[..., 0], atol=1e-5)
    np.testing.assert_allclose(mirrored[..., 1:], seen[..., 1:], atol=1e-5)


def test_mirrored_light_falls_on_mirrored_normals_alike():
    normals, light = random(0, 2, 5, 3), random(1, 2, 9, 3)
    mirrored = lighting.shading(normals * SIGNS, lighting.mirror(tf.constant(light)))
    np.testing.assert_allclose(mirrored, lighting.shading(normals, light), atol=1e-5)


def test_the_mirrored_code_is_that_of_the_mirrored_map(model):
    for decoder in (model.shape_decoder, model.albedo_decoder):
        code = random(2, 3, decoder.code_size)
        code[:, MODES:] = 0
        maps = decoder.linear_mean + tf.tensordot(code, decoder.linear_modes, 1)
        maps = decoder.shift + decoder.scale * tf.tanh(maps) / 0.99  # as labels are read
        np.testing.assert_allclose(decoder.encode(maps), code, atol=2e-3)
        mirrored = decoder.encode(uv_layout.mirror(maps, decoder.signs))
        np.testing.assert_allclose(decoder.mirror(code), mirrored, atol=2e-3)
        np.testing.assert_allclose(decoder.mirror(decoder.mirror(code)), code, atol=1e-4)


@pytest.mark.parametrize("lighting_", [True, False])
def test_the_mirror_image_has_the_mirrored_codes(lighting_):
    model = model_of(lighting=lighting_)
    images = np.random.default_rng(4).random([3, 32, 32, 3], np.float32)
    one, other = model.encode(images), model.encode(images[:, :, ::-1])
    decoders = model.shape_decoder, model.albedo_decoder
    mirrored = mirror.mirror(other, 32, *decoders)
    for name in Codes._fields if lighting_ else ("projection",):
        if name.endswith("_code"):
            continue  # the modes do not span what an untrained encoder says
        # An untrained encoder's places lie hundreds of pixels away: rounding grows with them.
        expected = np.asarray(getattr(mirrored, name))
        atol = 1e-4 * max(1, np.abs(expected).max())
        np.testing.assert_allclose(getattr(one, name), expected, atol=atol)
    alone = model.encoder(images)
    assert np.abs(one.projection - alone.projection).max() > 1e-3
    close(model.encode(images, training=True)[2:], model.encoder(images, training=True)[2:])


def test_the_mean_camera_is_a_scaled_rotation_that_sees_the_middle_between():
    angles = np.float32([[0.1, 0.5], [0.0, -0.3], [0.2, 0.1]])
    places = np.float32([[3, 4], [5, 1]])
    one = camera.compose(*angles, np.float32([2, 3]), places)
    other = camera.compose(*angles + 0.2, np.float32([2.2, 2.8]), places + 1)
    centre = np.float32([0.1, -0.2, 0.4])
    codes = [Codes(p, None, random(0, 2, 4), random(1, 2, 4)) for p in (one, other)]
    mean = mirror.mean(*codes, centre)
    rows = mean.projection[..., :3]
    scale = camera.scale(mean.projection)
    np.testing.assert_allclose(scale, [2.1, 2.9], atol=1e-5)
    products = tf.matmul(rows, rows, transpose_b=True) / tf.square(scale)[:, None, None]
    np.testing.assert_allclose(products, np.tile(np.eye(2), [2, 1, 1]), atol=1e-5)

    def seen(projection):
        return camera.project(np.tile(centre, [2, 1, 1]), projection).numpy()[..., :2]

    middle = (seen(one) + seen(other)) / 2
    np.testing.assert_allclose(seen(mean.projection), middle, atol=1e-5)
    close(mirror.mean(codes[0], codes[0], centre)[::2], codes[0][::2])


def test_a_model_that_cannot_mirror_codes_is_refused():
    for changes in ({"linear_part": False}, {"camera": "matrix"}):
        with pytest.raises(ValueError, match="`mirrored` must be False without a `linear_part`"):
            model_of(**changes)
