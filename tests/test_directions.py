import numpy as np
import pytest

from tf_nonlinear3dmm.evaluation import directions

N, K, A = 400, 5, 3


def labelled_codes(seed=0):
    rng = np.random.default_rng(seed)
    attributes = rng.normal(size=[N, A]) * [2.0, 0.5, 1.0] + [3.0, 0.0, -1.0]
    attributes[:, 2] += 0.8 * attributes[:, 0]  # two attributes go together
    effect = rng.normal(size=[A, K])
    codes = attributes @ effect + 0.7
    return codes, attributes, effect


def test_regress_finds_the_effect_of_each_attribute_alone():
    codes, attributes, effect = labelled_codes()
    steps = directions.regress(codes, attributes, ridge=0.0)
    np.testing.assert_allclose(steps, effect * attributes.std(axis=0)[:, np.newaxis], rtol=1e-9)


def test_an_attribute_that_never_varies_has_no_effect():
    codes, attributes, _ = labelled_codes()
    attributes[:, 1] = 4.0
    steps = directions.regress(codes, attributes)
    assert np.all(steps[1] == 0) and np.isfinite(steps).all()


def test_regress_refuses_codes_of_other_faces():
    with pytest.raises(ValueError, match="`attributes` must have shape"):
        directions.regress(np.zeros([4, K]), np.zeros([5, A]))


def test_through_a_linear_decoder_is_the_ridge_solution():
    rng = np.random.default_rng(1)
    codes = rng.normal(size=[N, K]) * [0.5, 1, 1.5, 2, 2.5]
    matrix = rng.normal(size=[K, 9]).astype(np.float32)
    effects, ridge = rng.normal(size=[A, 9]), 0.2
    found = directions.through(lambda code: code @ matrix + 3, codes, effects, ridge)
    precision = np.linalg.inv(np.cov(codes.T))
    for step, effect in zip(found, effects, strict=True):
        size = np.sum(effect**2)
        normal = matrix @ matrix.T / size + ridge * precision
        wanted = np.linalg.solve(normal, matrix @ effect / size)
        np.testing.assert_allclose(step, wanted, rtol=2e-3, atol=1e-4)


def test_through_makes_up_for_an_encoder_that_tells_half():
    """Codes that follow the truth weakly and with noise: the decoded effect is the true one."""
    codes, attributes, effect = labelled_codes()
    truth = codes - 0.7
    seen = 0.3 * codes + np.random.default_rng(2).normal(0, 0.2, codes.shape)
    part = directions.Part(lambda code: code, seen.astype(np.float32), truth)
    names = ["age", "smile", "jaw_open"]
    found = directions.fit({"shape": part}, attributes, names)
    true_steps = effect * attributes.std(axis=0)[:, np.newaxis]
    weak = directions.regress(seen, attributes)
    for direction in found:
        row = names.index(direction.name.split("_", 1)[1])
        wanted = true_steps[row]
        assert np.linalg.norm(direction.step - wanted) < 0.35 * np.linalg.norm(wanted)
        assert np.linalg.norm(weak[row] - wanted) > 0.5 * np.linalg.norm(wanted)


def test_age_has_the_wrinkles_that_it_brings():
    rng = np.random.default_rng(3)
    age, smile = rng.normal(size=[2, N])
    wrinkles = 0.8 * age + 0.3 * rng.normal(size=N)
    attributes = np.stack([age, smile, wrinkles], axis=1)
    truth = attributes @ np.diag([1.0, 2.0, 3.0])  # each attribute has a number of its own
    part = directions.Part(lambda code: code, truth.astype(np.float32), truth)
    found = directions.fit({"albedo": part}, attributes, ["age", "smile", "wrinkles"])
    steps = {direction.name: direction.step for direction in found}
    with_age = np.cov(wrinkles, age)[0, 1] / age.std()
    np.testing.assert_allclose(steps["albedo_age"], [age.std(), 0, 3 * with_age], atol=0.05)
    np.testing.assert_allclose(steps["albedo_wrinkles"], [0, 0, 3 * wrinkles.std()], atol=0.2)


def test_fit_moves_the_code_that_its_group_says(tmp_path):
    codes, attributes, _ = labelled_codes()
    parts = {
        "shape": directions.Part(lambda code: code, codes, codes),
        "albedo": directions.Part(lambda code: code[:, :1], codes[:, :2], codes[:, :1]),
    }
    found = directions.fit(parts, attributes, ["age", "smile", "unlisted"])
    assert [(d.name, d.label, d.part, len(d.step)) for d in found] == [
        ("shape_age", "age", "shape", K),
        ("expression_smile", "smile", "shape", K),
        ("albedo_age", "age", "albedo", 2),
    ]
    directions.save(tmp_path / "directions.npz", found)
    for before, after in zip(found, directions.load(tmp_path / "directions.npz"), strict=True):
        assert before[:4] == after[:4]
        np.testing.assert_allclose(before.step, after.step, rtol=1e-6)
