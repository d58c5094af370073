import numpy as np
import pytest

from tf_nonlinear3dmm import directions

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


def test_fit_moves_the_code_that_its_group_says(tmp_path):
    codes, attributes, _ = labelled_codes()
    found = directions.fit(codes, codes[:, :2], attributes, ["age", "smile", "unlisted"])
    assert [(d.name, d.part, len(d.step)) for d in found] == [
        ("shape_age", "shape", K),
        ("expression_smile", "shape", K),
        ("albedo_age", "albedo", 2),
    ]
    directions.save(tmp_path / "directions.npz", found)
    for before, after in zip(found, directions.load(tmp_path / "directions.npz"), strict=True):
        assert before[:4] == after[:4]
        np.testing.assert_allclose(before.step, after.step, rtol=1e-6)
