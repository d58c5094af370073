"""Gradient histograms and supervised descent."""

import dataclasses

import numpy as np
import pytest
import skimage.feature
import tensorflow as tf

from tf_nonlinear3dmm.baselines import gradients, sdm

S, K = 40, 5


def ramp(angle, size=12):
    """`[1, size, size, 3]`: brightness grows by 0.02 a pixel towards `angle` (x to y)."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    gray = 0.5 + 0.02 * ((x - size / 2) * np.cos(angle) + (y - size / 2) * np.sin(angle))
    return np.repeat(gray[None, ..., None], 3, axis=-1).astype(np.float32)


@pytest.mark.parametrize("turn", [0, 1, 3, 6])
def test_a_gradient_lands_in_its_direction(turn):
    maps = gradients.orientation_maps(ramp(turn * 2 * np.pi / 8), bins=8).numpy()
    expected = np.zeros(8)
    expected[turn] = 0.02
    np.testing.assert_allclose(maps[0, 5, 5], expected, atol=1e-5)


def test_a_direction_between_two_bins_is_shared():
    maps = gradients.orientation_maps(ramp(2 * np.pi * 7.5 / 8), bins=8).numpy()[0, 5, 5]
    np.testing.assert_allclose(maps[[7, 0]], 0.01, atol=1e-5)
    np.testing.assert_allclose(maps.sum(), 0.02, atol=1e-5)


def test_descriptors_forget_brightness_and_contrast_and_move_with_the_image():
    image = np.random.default_rng(0).random((2, 30, 34, 3)).astype(np.float32)
    points = np.array([[[14.0, 12.0], [17.5, 15.25]]] * 2, np.float32)

    def describe(pixels, places):
        pixels, places = np.float32(pixels), np.float32(places)
        return gradients.describe(gradients.orientation_maps(pixels), places, patch=8.0).numpy()

    before = describe(image, points)
    assert before.shape == (2, 2, 128)
    np.testing.assert_allclose(np.linalg.norm(before, axis=-1), 1, atol=1e-5)
    np.testing.assert_allclose(describe(0.5 * image + 0.2, points), before, atol=1e-4)
    moved = np.roll(image, (2, 3), axis=(1, 2))
    np.testing.assert_allclose(describe(moved, points + [3, 2]), before, atol=1e-4)


def test_unsigned_histograms_are_those_of_scikit_image():
    image = tf.image.resize(np.random.default_rng(1).random((1, 5, 5, 3)), [32, 32]).numpy()
    hog = skimage.feature.hog(
        image[0].mean(-1), 9, (8, 8), (4, 4), feature_vector=False, block_norm="L2"
    ).reshape(16, 9)
    maps = gradients.orientation_maps(image.astype(np.float32), bins=18)
    centre = np.full((1, 1, 2), 15.5, np.float32)
    ours = gradients.describe(maps, centre, patch=32.0).numpy().reshape(16, 18)
    ours = ours[:, :9] + ours[:, 9:]  # opposite directions together
    blurred = hog + np.roll(hog, 1, axis=1)  # bins without sharing start where ours are centred
    assert np.corrcoef(ours.ravel(), blurred.ravel())[0, 1] > 0.8


def test_one_strong_direction_does_not_drown_the_others():
    maps = np.ones((1, 9, 9, 2), np.float32) * [1.0, 0.05]
    found = gradients.describe(np.float32(maps), np.full((1, 1, 2), 4.0, np.float32), 4.0, cells=1)
    clipped = np.array([0.2, 0.05 / np.hypot(1, 0.05)])
    np.testing.assert_allclose(found[0, 0], clipped / np.linalg.norm(clipped), atol=1e-4)


def test_the_first_start_is_the_mean_face_and_the_others_lie_around_it():
    mean = np.random.default_rng(0).random((K, 2)).astype(np.float32)
    starts = sdm._starts(mean, 400, sdm.Settings(shift=0.03, scale=0.05, starts=2))
    np.testing.assert_allclose(starts[:, 0], np.broadcast_to(mean, (400, K, 2)), atol=1e-6)
    np.testing.assert_allclose(starts[:, 1].mean(axis=(0, 1)), mean.mean(axis=0), atol=0.01)
    np.testing.assert_allclose(starts[:, 1].mean(axis=1).std(axis=0), 0.03, rtol=0.15)


def faces(count, seed):
    """Images of five dark dots whose arrangement moves, grows and leans; their places."""
    rng = np.random.default_rng(seed)
    base = np.array([[-8, -6], [8, -6], [0, 1], [-5, 8], [5, 8]], np.float32)
    lean = 0.25 * rng.standard_normal((count, 1))
    points = base * (1 + 0.1 * rng.standard_normal((count, 1, 1)))
    points = points + np.stack([lean * points[..., 1], 0 * lean * points[..., 1]], -1)
    points = points + S / 2 + 1.5 * rng.standard_normal((count, 1, 2))
    y, x = np.mgrid[:S, :S]
    square = (x - points[..., 0, None, None]) ** 2 + (y - points[..., 1, None, None]) ** 2
    gray = 0.9 - 0.8 * np.exp(-square / (2 * 2.0**2)).sum(axis=1).clip(0, 1)
    images = (255 * np.repeat(gray[..., None], 3, axis=-1)).astype(np.uint8)
    return images, points.astype(np.float32)


SETTINGS = sdm.Settings(patches=(0.5, 0.35, 0.25), ridge=0.02, starts=2, shift=0.02)


@pytest.fixture(scope="module")
def trained():
    log = []
    model = sdm.train(*faces(120, 0), SETTINGS, report=lambda *line: log.append(line))
    return model, log


def test_descent_comes_much_nearer_than_the_mean_face(trained):
    model, log = trained
    images, points = faces(40, 1)
    before = np.linalg.norm(model.mean * S - points, axis=-1).mean()
    after = np.linalg.norm(sdm.predict(model, images) - points, axis=-1).mean()
    assert after < 0.25 * before
    assert [stage for stage, _ in log] == [0, 1, 2] and log[2][1] < log[0][1]


def test_prediction_does_not_depend_on_the_batch_or_the_images_dtype(trained):
    images, _ = faces(70, 2)
    all_at_once = sdm.predict(trained[0], images)
    np.testing.assert_allclose(sdm.predict(trained[0], images[66:]), all_at_once[66:], atol=1e-3)
    floats = sdm.predict(trained[0], images[:3].astype(np.float32) / 255)
    np.testing.assert_allclose(floats, all_at_once[:3], atol=1e-3)


def test_a_model_survives_saving(trained, tmp_path):
    sdm.save(trained[0], tmp_path / "sdm.npz")
    loaded = sdm.load(tmp_path / "sdm.npz")
    assert loaded.settings == SETTINGS
    images, _ = faces(4, 3)
    np.testing.assert_allclose(
        sdm.predict(loaded, images), sdm.predict(trained[0], images), atol=0.05
    )


def test_training_is_repeatable_and_feels_its_seed():
    settings = dataclasses.replace(SETTINGS, patches=(0.5,), cells=2)
    one, two = (sdm.train(*faces(60, 0), settings).weights for _ in range(2))
    np.testing.assert_array_equal(one, two)
    other = sdm.train(*faces(60, 0), dataclasses.replace(settings, seed=1)).weights
    assert np.abs(other - one).max() > 0


def test_wrong_shapes_are_refused():
    images, points = faces(4, 0)
    with pytest.raises(ValueError, match=r"`landmarks` must have shape .*got \[3, 5, 2\]"):
        sdm.train(images, points[:3])


def test_a_regression_over_many_batches_is_the_ridge_regression_of_all():
    rng = np.random.default_rng(5)
    features = np.concatenate(
        [rng.standard_normal((300, 6)), np.ones((300, 1))], axis=1, dtype=np.float32
    )
    points = rng.standard_normal((300, 1, 2, 2)).astype(np.float32)
    goal = rng.standard_normal((300, 2, 2)).astype(np.float32)
    rows = [slice(0, 100), slice(100, 260), slice(260, 300)]
    settings = sdm.Settings(starts=1)
    found = sdm._regress(((r, features[r]) for r in rows), points, goal, settings)
    motion = (goal[:, None] - points).reshape(300, -1)
    square = (features**2).sum(axis=0)[:-1].mean()
    ridge = np.diag([settings.ridge * square] * 6 + [0])
    expected = np.linalg.solve(features.T @ features + ridge, features.T @ motion)
    np.testing.assert_allclose(found, expected, atol=1e-5)
