"""Laws of shapes: who people are, and what their faces do."""

import numpy as np
import pytest

from datasets.synthetic_faces import expression, identity


@pytest.fixture(scope="module")
def basis(population):
    return identity.face_basis(population)


@pytest.fixture(scope="module")
def muscles(population, basis):
    return expression.muscles(population, basis)


def average(**changes):
    """The average person of an asset with 137 sliders and 50 asymmetries, or one that differs."""
    person = identity.Identity(np.full(3, 1 / 3), 0.5, 0.5, 0.5, 0.5, np.zeros(137), np.zeros(50))
    return identity.stack([person._replace(**changes)])


def draws(population, count=300):
    randoms = (np.random.default_rng([7, i]) for i in range(count))
    return [expression.sample(random, population.unit_names) for random in randoms]


def test_the_average_person_has_the_mean_face(population, basis):
    np.testing.assert_allclose(
        identity.neutral(average(), population, basis)[0], population.mean, atol=1e-5
    )


def test_faces_are_linear_in_race_and_bent_in_age(population, basis):
    def face(**changes):
        return identity.neutral(average(**changes), population, basis)[0]

    pure = [face(race=np.eye(3)[i]) for i in range(3)]
    mixed = face(race=np.array([0.2, 0.3, 0.5]))
    np.testing.assert_allclose(mixed, 0.2 * pure[0] + 0.3 * pure[1] + 0.5 * pure[2], atol=1e-5)
    straight = (face(age=0.4) + face(age=0.6)) / 2
    assert np.abs(straight - face(age=0.5)).max() > 1e-3  # young is a corner


def test_body_height_does_not_move_the_head(population, basis):
    tall = identity.neutral(average(male=1.0), population, basis)[0, population.anchor_ids]
    assert np.abs((tall - population.mean[population.anchor_ids]).mean(axis=0)).max() < 1e-5


def test_the_two_sides_of_a_slider_are_different_targets(population):
    index = list(population.slider_names).index("nose/nose-hump")
    for value, target in ((-0.5, population.slider_neg), (0.5, population.slider_pos)):
        sliders = np.zeros(137)
        sliders[index] = value
        weights = identity.target_weights(average(sliders=sliders), population)[0]
        local = weights[18 + 54 : 18 + 54 + 258]
        used = [str(population.local_names[i]) for i in np.flatnonzero(local)]
        assert used == [str(target[index])] and local.max() == 0.5


def test_people_lie_in_their_ranges_and_keep_left_and_right_alike(population):
    people = [identity.sample(np.random.default_rng(i), population) for i in range(200)]
    batch = identity.stack(people)
    np.testing.assert_allclose(batch.race.sum(axis=1), 1)
    assert batch.age.min() >= 0.4 and batch.age.max() <= 1
    assert np.abs(batch.sliders).max() <= 1 and batch.asymmetry.min() >= 0
    names = list(population.slider_names)
    left, right = names.index("cheek/l-cheek-bones"), names.index("cheek/r-cheek-bones")
    assert np.corrcoef(batch.sliders[:, left], batch.sliders[:, right])[0, 1] > 0.97


def test_scanned_people_are_symmetric_young_and_mostly_european(population, basis):
    people = [identity.sample_scan(np.random.default_rng(i), population) for i in range(100)]
    batch = identity.stack(people)
    assert batch.race[:, 2].min() == 0.96 and np.abs(batch.age - 0.52).mean() < 0.06
    faces = identity.neutral(batch, population, basis)
    mirrored = faces[:, population.mirror] * np.array([-1, 1, 1])
    assert np.abs(faces - mirrored).max() < 0.02  # the asset's own pairs differ by as much


def test_the_jaw_meets_its_target_at_both_ends_and_bows_between(population, basis, muscles):
    neutral = population.mean[np.newaxis].astype(np.float32)
    opened = muscles.units[muscles.where["jawOpen"]]

    def face(weight):
        weights = np.zeros([1, len(population.unit_names)], np.float32)
        weights[0, muscles.where["jawOpen"]] = weight
        return expression.apply(neutral, weights, muscles)[0]

    np.testing.assert_allclose(face(0.0), neutral[0], atol=1e-6)
    np.testing.assert_allclose(face(1.0), neutral[0] + opened, atol=1e-6)
    bow = np.linalg.norm(face(0.5) - neutral[0] - 0.5 * opened, axis=1).max()
    assert 0.015 < bow < 0.025  # .0204 dm: 24.4 degrees about the hinge


def test_gaze_keeps_every_point_of_the_eyeball_at_its_distance(population, basis, muscles):
    people = identity.stack([identity.sample(np.random.default_rng(3), population)])
    neutral = identity.neutral(people, population, basis)
    weights = np.zeros([1, len(population.unit_names)], np.float32)
    for name in ("eyeLookOutLeft", "eyeLookInRight", "eyeLookDownLeft", "eyeLookDownRight"):
        weights[0, muscles.where[name]] = 0.9
    moved = expression.apply(neutral, weights, muscles)
    for ids in muscles.eyes:
        centre = expression.eye_centre(neutral[:, ids])[:, np.newaxis]
        before, after = (np.linalg.norm(v[:, ids] - centre, axis=-1) for v in (neutral, moved))
        np.testing.assert_allclose(after, before, atol=1e-5)
        turn = moved[0, ids].mean(axis=0) - neutral[0, ids].mean(axis=0)
        assert turn[0] > 0.02 and turn[1] < -0.01  # both look to the subject's left, and down


def test_eye_centre_finds_the_centre_of_a_sphere():
    random = np.random.default_rng(0)
    points = random.normal(size=(2, 20, 3))
    centres = np.array([[1.0, 2, 3], [0, -1, 5]])
    points = 0.3 * points / np.linalg.norm(points, axis=-1, keepdims=True) + centres[:, np.newaxis]
    np.testing.assert_allclose(expression.eye_centre(points), centres, atol=1e-9)


def test_expressions_are_coupled(population):
    where = {str(name): i for i, name in enumerate(population.unit_names)}
    for units in draws(population):
        at = {name: units[i] for name, i in where.items()}
        assert at["mouthClose"] <= at["jawOpen"] <= expression.JAW_LIMIT + 1e-6
        for side in ("Left", "Right"):
            lids = expression.MEETING_LIDS - 0.9 * at["eyeLookDown" + side]
            assert at["eyeBlink" + side] <= max(lids, 0) + 1e-6
            assert at["eyeBlink" + side] == 0 or at["eyeWide" + side] == 0
            assert at["eyeLookUp" + side] == 0 or at["eyeLookDown" + side] == 0
        assert at["eyeLookOutLeft"] == at["eyeLookInRight"]
        assert at["eyeLookInLeft"] == at["eyeLookOutRight"]
        themes = (
            "mouthSmileLeft",
            "mouthFrownLeft",
            "mouthPucker",
            "mouthFunnel",
            "mouthStretchLeft",
        )
        assert sum(at[name] > 0 for name in themes) <= 1
        assert 0 <= units.min() and units.max() <= 1


def test_every_theme_happens(population):
    units = np.stack(draws(population))
    where = {str(name): i for i, name in enumerate(population.unit_names)}
    for name in ("mouthSmileLeft", "mouthFrownLeft", "mouthPucker", "cheekPuff", "noseSneerLeft"):
        assert 0.01 < np.mean(units[:, where[name]] > 0) < 0.5
    assert 0.5 < np.mean(units[:, where["jawOpen"]] > 0) < 0.8
