"""The linear models: principal components, mixtures of them, and with missing data."""

import numpy as np
import pytest

from tf_nonlinear3dmm.baselines import gmm_prior, missing_data_pca
from tf_nonlinear3dmm.networks import linear

N, V, K = 40, 7, 3


def low_rank(count=N, seed=0, modes=K, shape=(V, 3), noise=0.0):
    """Samples of a known linear model, and its modes `[K, ...]`."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.standard_normal((int(np.prod(shape)), modes)))[0].T
    codes = rng.standard_normal((count, modes)) * [3.0, 2.0, 1.0][:modes]
    samples = codes @ axes + 5 + noise * rng.standard_normal((count, axes.shape[1]))
    return samples.reshape(count, *shape), axes.reshape(modes, *shape)


@pytest.mark.parametrize("count", [10, 40])  # fewer samples than entries, and more
def test_pca_finds_the_modes_and_reconstructs(count):
    samples, axes = low_rank(count)
    basis = linear.pca(samples, 5)
    assert basis.modes.shape == (K, V, 3)  # what the samples span, not the five asked for
    flat = basis.modes.reshape(K, -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(K), atol=1e-6)
    overlap = np.abs(np.linalg.svd(flat @ axes.reshape(K, -1).T)[1])
    np.testing.assert_allclose(overlap, 1, atol=1e-6)
    codes = linear.project(basis, samples)
    np.testing.assert_allclose(linear.decode(basis, codes), samples, atol=1e-5)
    np.testing.assert_allclose(codes.var(axis=0, ddof=1), 1, atol=1e-5)


def test_pca_by_hand():
    samples = np.array([[0.0, 1.0], [4.0, 1.0], [2.0, 1.0]])
    basis = linear.pca(samples, 1)
    np.testing.assert_allclose(basis.mean, [2, 1])
    np.testing.assert_allclose(basis.modes, [[1, 0]], atol=1e-9)
    np.testing.assert_allclose(basis.std, [2])


def test_pca_about_a_known_mean_by_hand():
    samples = np.array([[0.0, 1.0], [4.0, 1.0], [2.0, 1.0]])
    basis = linear.pca(samples, 2, mean=np.array([0.0, 1.0]))
    np.testing.assert_allclose(basis.mean, [0, 1])
    np.testing.assert_allclose(basis.modes, [[1, 0]], atol=1e-9)
    np.testing.assert_allclose(basis.std, [np.sqrt((16 + 4) / 3)])


def test_faces_that_are_all_the_mean_have_no_modes():
    basis = linear.pca(np.ones([4, 5, 3]), 2, mean=np.ones([5, 3]))
    assert basis.modes.shape == (0, 5, 3) and basis.std.shape == (0,)


def test_combine_takes_the_largest_variances_of_both():
    identity = linear.Basis(np.zeros(4), np.eye(4)[:2], np.array([3.0, 1.0]))
    expression = linear.Basis(np.ones(4), np.eye(4)[2:], np.array([2.0, 0.5]))
    both = linear.combine(identity, expression, 3)
    np.testing.assert_array_equal(both.std, [3, 2, 1])
    np.testing.assert_array_equal(both.modes, np.eye(4)[[0, 2, 1]])
    np.testing.assert_array_equal(both.mean, np.zeros(4))
    np.testing.assert_array_equal(linear.truncate(both, 1).std, [3])


def test_project_through_modes_that_are_not_orthogonal():
    modes = np.array([[1.0, 0, 0], [0.6, 0.8, 0]])
    basis = linear.Basis(np.ones(3), modes, np.array([2.0, 0.5]))
    codes = np.array([[1.0, -2.0], [0.5, 3.0]])
    np.testing.assert_allclose(linear.project(basis, linear.decode(basis, codes)), codes, atol=1e-6)


def test_masks_hide_what_they_cover():
    samples, _ = low_rank()
    basis = linear.pca(samples, K)
    masks = (np.random.default_rng(1).random(samples.shape) > 0.4).astype(float)
    spoiled = np.where(masks > 0, samples, 1e3)
    codes = linear.project(basis, spoiled, masks)
    np.testing.assert_allclose(linear.decode(basis, codes), samples, atol=1e-4)
    same = np.repeat(masks[:1], N, axis=0)
    np.testing.assert_allclose(
        linear.project(basis, samples, masks[:1], ridge=0.3),
        linear.project(basis, samples, same, ridge=0.3),
        atol=1e-8,
    )


def test_ridge_by_hand():
    basis = linear.Basis(np.zeros(2), np.array([[1.0, 0.0]]), np.array([2.0]))
    code = linear.project(basis, np.array([[6.0, 1.0]]), ridge=4.0)
    np.testing.assert_allclose(code, [[2 * 6 / (2 * 2 + 4)]], atol=1e-6)


def subpopulations(seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, 300)
    centres = np.array([[0.0, 0, 0], [12, 0, 0], [0, 12, 0]])
    stretch = np.array([[1.0, 0, 0], [0.5, 0.4, 0], [0, 0, 2.0]])
    return centres[label] + rng.standard_normal((300, 3)) @ stretch, label, stretch.T @ stretch


def test_mixture_finds_subpopulations_and_their_covariance():
    codes, label, covariance = subpopulations()
    mixture = gmm_prior.fit_mixture(codes, 3)
    pairs = {(a, b) for a, b in zip(mixture.predict(codes), label, strict=True)}
    assert len(pairs) == 3  # one to one
    np.testing.assert_allclose(mixture.covariances_, covariance, atol=0.5)
    np.testing.assert_allclose(mixture.weights_.sum(), 1)


def test_mixture_codes_reconstruct_and_beat_one_gaussian_at_equal_modes():
    codes, label, _ = subpopulations()
    lift = np.linalg.qr(np.random.default_rng(3).standard_normal((10, 3)))[0].T
    samples = codes @ lift + 2
    basis = linear.pca(samples, 3)
    model = gmm_prior.learn(basis, linear.project(basis, samples), 3, 3)
    best, _, faces = gmm_prior.project(model, samples)
    np.testing.assert_allclose(faces, samples, atol=1e-5)
    one = gmm_prior.truncate(model, 1)
    best, code, faces = gmm_prior.project(one, samples, ridge=1e-3)
    assert code.shape == (300, 1) and len(set(zip(best, label, strict=True))) == 3
    plain = linear.truncate(linear.pca(samples, 3), 1)
    other = linear.decode(plain, linear.project(plain, samples))
    assert np.square(faces - samples).mean() < 0.5 * np.square(other - samples).mean()


def test_missing_data_pca_recovers_the_modes_that_filling_with_the_mean_blurs():
    samples, axes = low_rank(count=200, shape=(5, 4, 3), noise=0.01)
    masks = np.random.default_rng(2).random((200, 5, 4, 1)) > 0.4
    basis = missing_data_pca.learn(np.where(masks, samples, 1e6), masks, K, iterations=60)
    seen = np.broadcast_to(masks, samples.shape)
    mean = np.sum(samples, axis=0, where=seen) / seen.sum(axis=0)
    naive = linear.pca(np.where(masks, samples, mean), K)

    def angle(found):
        overlap = found.modes.reshape(K, -1) @ axes.reshape(K, -1).T
        return np.degrees(np.arccos(np.clip(np.linalg.svd(overlap)[1].min(), -1, 1)))

    assert angle(basis) < 1 < 5 < angle(naive)
    np.testing.assert_allclose(basis.std, [3, 2, 1], rtol=0.15)


def test_missing_data_pca_without_gaps_is_pca():
    samples, _ = low_rank(noise=0.01)
    basis = missing_data_pca.learn(samples, np.ones_like(samples), K)
    exact = linear.truncate(linear.pca(samples, K), K)
    np.testing.assert_allclose(basis.std, exact.std, rtol=1e-4)
    np.testing.assert_allclose(basis.mean, exact.mean, atol=1e-5)


def test_an_entry_that_nothing_shows_stays_at_the_overall_mean():
    samples, _ = low_rank()
    masks = np.ones((1, V, 3), bool)
    masks[0, 2] = False
    basis = missing_data_pca.learn(np.where(masks, samples, np.nan), masks, K)
    assert np.isfinite(basis.mean).all() and np.abs(basis.modes[:, 2]).max() < 1e-4
    np.testing.assert_allclose(basis.mean[2], np.delete(samples, 2, axis=1).mean(), rtol=1e-5)
