"""Finer maps for pictures: at the model's own size they are the renderer's."""

import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.rendering import camera, lighting, upsampling

B = 2


@pytest.fixture
def scene():
    model = Nonlinear3DMM(configs.preset("tiny").model, np.zeros(8), np.ones(8))
    random = np.random.default_rng(0)
    vertices = model.face.mean_vertices + random.normal(
        0, 0.01, [B, *model.face.mean_vertices.shape]
    )
    albedo = random.random([B, *model.config.uv_size, 3])
    zero = tf.zeros([B])
    projection = camera.compose(zero + [0.0, 0.5], zero, zero, zero + 14, tf.fill([B, 2], 15.5))
    light = lighting.directional(tf.constant([[0.3, 0.2, 1.0], [-1.0, 0.0, 0.2]]))
    tensors = (tf.constant(x, tf.float32) for x in (albedo, vertices))
    return model, *tensors, projection, light


def test_at_the_same_size_it_is_the_model_s_texture(scene, monkeypatch):
    monkeypatch.setattr(upsampling, "FINER", 1)
    model, albedo, vertices, projection, light = scene
    wanted = model.render(vertices, albedo, projection, light).texture
    found = upsampling.texture(*scene)
    np.testing.assert_allclose(found, np.clip(wanted, 0, 1), atol=1e-4)  # ends moved by 1e-6


def test_it_is_finer_and_agrees_with_the_model_s_texture_on_smooth_ground(scene):
    model, albedo, vertices, projection, light = scene
    plain = tf.ones_like(albedo) * 0.5
    fine = upsampling.texture(model, plain, vertices, projection, light)
    height, width = model.config.uv_size
    assert fine.shape == (B, 4 * height, 4 * width, 3)
    coarse = np.clip(model.render(vertices, plain, projection, light).texture, 0, 1)
    again = upsampling.stretch(fine, (height, width)).numpy()
    assert np.median(np.abs(again - coarse)) < 0.01


def test_without_light_it_is_the_albedo(scene):
    model, albedo, vertices, projection, _ = scene
    fine = upsampling.texture(model, albedo, vertices, projection, None)
    np.testing.assert_allclose(fine, upsampling.stretch(albedo, fine.shape[1:3]), atol=1e-6)


@pytest.mark.parametrize("size", [(24, 28), (96, 112)])
@pytest.mark.parametrize("fine", [(96, 112), (384, 448), (95, 113)])
def test_stretching_keeps_the_ends(size, fine):
    """Also where rounding would put the last texel beyond the map."""
    maps = np.random.default_rng(0).random([B, *size, 3]).astype(np.float32)
    found = upsampling.stretch(maps, fine).numpy()
    for row, column in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        np.testing.assert_allclose(found[:, row, column], maps[:, row, column], atol=2e-4)
    assert found.min() > 0


def test_stretching_keeps_a_ramp():
    y, x = np.meshgrid(np.linspace(0, 1, 5), np.linspace(0, 2, 7), indexing="ij")
    maps = np.stack([x, y], axis=-1)[np.newaxis].astype(np.float32)
    fine = upsampling.stretch(maps, (13, 22))
    np.testing.assert_allclose(fine[0, 4, :, 0], np.linspace(0, 2, 22), atol=1e-5)
    np.testing.assert_allclose(fine[0, :, 9, 1], np.linspace(0, 1, 13), atol=1e-5)
