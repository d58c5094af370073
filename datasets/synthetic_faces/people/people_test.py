"""Laws of shapes: who people are, and what their faces do."""

import numpy as np
import pytest

from tf_nonlinear3dmm.data.builders.synthetic_faces.people import expression, identity, targets
from tf_nonlinear3dmm.face import morphs
from tf_nonlinear3dmm.face import muscles as facial_muscles


@pytest.fixture(scope="module")
def basis(population):
    return morphs.face_basis(population)


@pytest.fixture(scope="module")
def muscles(population, basis):
    return facial_muscles.attach(population, basis)


def average(**changes):
    """The average person of an asset with 137 sliders and 50 asymmetries, or one that differs."""
    person = identity.Identity(np.full(3, 1 / 3), 0.5, 0.5, 0.5, 0.5, np.zeros(137), np.zeros(50))
    return identity.stack([person._replace(**changes)])


def draws(population, count=2000):
    randoms = (np.random.default_rng([7, i]) for i in range(count))
    return [expression.sample(random, population.unit_names) for random in randoms]


def test_the_average_person_has_the_mean_face(population, basis):
    np.testing.assert_allclose(
        targets.neutral(average(), population, basis)[0], population.mean, atol=1e-5
    )


def test_faces_are_linear_in_race_and_bent_in_age(population, basis):
    def face(**changes):
        return targets.neutral(average(**changes), population, basis)[0]

    pure = [face(race=np.eye(3)[i]) for i in range(3)]
    mixed = face(race=np.array([0.2, 0.3, 0.5]))
    np.testing.assert_allclose(mixed, 0.2 * pure[0] + 0.3 * pure[1] + 0.5 * pure[2], atol=1e-5)
    straight = (face(age=0.4) + face(age=0.6)) / 2
    assert np.abs(straight - face(age=0.5)).max() > 1e-3  # young is a corner


def test_body_height_does_not_move_the_head(population, basis):
    tall = targets.neutral(average(male=1.0), population, basis)[0, population.anchor_ids]
    assert np.abs((tall - population.mean[population.anchor_ids]).mean(axis=0)).max() < 1e-5


def test_the_two_sides_of_a_slider_are_different_targets(population):
    index = list(population.slider_names).index("nose/nose-hump")
    for value, target in ((-0.5, population.slider_neg), (0.5, population.slider_pos)):
        sliders = np.zeros(137)
        sliders[index] = value
        weights = targets.weights(average(sliders=sliders), population)[0]
        local = weights[18 + 54 : 18 + 54 + 258]
        used = [str(population.local_names[i]) for i in np.flatnonzero(local)]
        assert used == [str(target[index])] and local.max() == 0.5


def test_people_lie_in_their_ranges_and_keep_left_and_right_alike(population):
    people = [identity.sample(np.random.default_rng(i), population) for i in range(200)]
    batch = identity.stack(people)
    np.testing.assert_allclose(batch.race.sum(axis=1), 1)
    assert batch.age.min() >= 0.09 and batch.age.max() <= 1
    assert np.abs(batch.sliders).max() <= 1 and batch.asymmetry.min() >= 0
    names = list(population.slider_names)
    left, right = names.index("cheek/l-cheek-bones"), names.index("cheek/r-cheek-bones")
    assert np.corrcoef(batch.sliders[:, left], batch.sliders[:, right])[0, 1] > 0.97


def test_scanned_people_are_symmetric_young_and_mostly_european(population, basis):
    people = [identity.sample_scan(np.random.default_rng(i), population) for i in range(100)]
    batch = identity.stack(people)
    assert batch.race[:, 2].min() == 0.96 and np.abs(batch.age - 0.52).mean() < 0.06
    faces = targets.neutral(batch, population, basis)
    mirrored = faces[:, population.mirror] * np.array([-1, 1, 1])
    assert np.abs(faces - mirrored).max() < 0.02  # the asset's own pairs differ by as much


def test_the_jaw_meets_its_target_at_both_ends_and_bows_between(population, basis, muscles):
    neutral = population.mean[np.newaxis].astype(np.float32)
    opened = muscles.units[muscles.where["jawOpen"]]

    def face(weight):
        weights = np.zeros([1, len(population.unit_names)], np.float32)
        weights[0, muscles.where["jawOpen"]] = weight
        return facial_muscles.apply(neutral, weights, muscles)[0]

    np.testing.assert_allclose(face(0.0), neutral[0], atol=1e-6)
    np.testing.assert_allclose(face(1.0), neutral[0] + opened, atol=1e-6)
    bow = np.linalg.norm(face(0.5) - neutral[0] - 0.5 * opened, axis=1).max()
    assert 0.015 < bow < 0.025  # .0204 dm: 24.4 degrees about the hinge


def test_gaze_keeps_every_point_of_the_eyeball_at_its_distance(population, basis, muscles):
    people = identity.stack([identity.sample(np.random.default_rng(3), population)])
    neutral = targets.neutral(people, population, basis)
    weights = np.zeros([1, len(population.unit_names)], np.float32)
    for name in ("eyeLookOutLeft", "eyeLookInRight", "eyeLookDownLeft", "eyeLookDownRight"):
        weights[0, muscles.where[name]] = 0.9
    moved = facial_muscles.apply(neutral, weights, muscles)
    for ids in muscles.eyes:
        centre = facial_muscles.eye_centre(neutral[:, ids])[:, np.newaxis]
        before, after = (np.linalg.norm(v[:, ids] - centre, axis=-1) for v in (neutral, moved))
        np.testing.assert_allclose(after, before, atol=1e-5)
        turn = moved[0, ids].mean(axis=0) - neutral[0, ids].mean(axis=0)
        assert turn[0] > 0.02 and turn[1] < -0.01  # both look to the subject's left, and down


def test_eye_centre_finds_the_centre_of_a_sphere():
    random = np.random.default_rng(0)
    points = random.normal(size=(2, 20, 3))
    centres = np.array([[1.0, 2, 3], [0, -1, 5]])
    points = 0.3 * points / np.linalg.norm(points, axis=-1, keepdims=True) + centres[:, np.newaxis]
    np.testing.assert_allclose(facial_muscles.eye_centre(points), centres, atol=1e-9)


@pytest.mark.parametrize("side", [0, 1])
def test_a_blink_of_one_closes_every_eye(population, basis, muscles, side):
    shapes = [identity.sample(np.random.default_rng(i), population) for i in range(30)]
    neutral = targets.neutral(identity.stack(shapes), population, basis)
    weights = np.stack(draws(population, 30))

    def gaps(blink):
        weights[:, muscles.where["eyeBlink" + expression.SIDES[side]]] = blink
        upper, lower = muscles.lids[side]
        moved = facial_muscles.apply(neutral, weights, muscles)
        return (moved[:, upper, 1] - moved[:, lower, 1]).mean(axis=1)

    assert np.median(gaps(0)) > 0.05  # dm
    assert (np.abs(gaps(1)) < 0.01).mean() > 0.9  # but for squints that have passed the other lid
    np.testing.assert_allclose(gaps(0.5), (gaps(0) + gaps(1)) / 2, atol=1e-4)


def test_the_lids_that_meet_face_each_other(population, muscles):
    for (upper, lower), eye in zip(muscles.lids, muscles.eyes, strict=True):
        apart = population.mean[upper] - population.mean[lower]
        assert len(upper) >= 4 and (apart[:, 1] > 0.04).all()
        assert np.abs(apart[:, 0]).max() < 0.03
        assert np.linalg.norm(population.mean[upper] - population.mean[eye].mean(0)) < 0.5


def rate(happens, chance):
    """True where a share of 2,000 draws lies within four standard errors of its chance."""
    return abs(np.mean(happens) - chance) < 4 * np.sqrt(chance * (1 - chance) / len(happens))


def test_ages_and_sexes_are_those_of_photographs(population):
    people = [identity.sample(np.random.default_rng([3, i]), None) for i in range(2000)]
    age, male = np.array([(person.age, person.male) for person in people]).T
    for name, (chance, low, high) in identity.BANDS.items():
        assert rate((age >= low) & (age < high), chance), name
    assert rate(male > 0.5, 0.5)
    assert np.mean((male < 0.25) | (male > 0.75)) > 0.9


def test_sex_and_age_show_in_the_skull(population, basis):
    def proportions(male, age):
        """Means of nose, eye and lips over the width of the face: 40 people `[3]`."""
        sex, middle = np.full(40, male), np.full(3, 1 / 3)
        streams = (np.random.default_rng([4, i]) for i in range(40))
        people = identity.stack([identity.draw(r, population, middle, male, age) for r in streams])
        points = targets.neutral(people._replace(male=sex), population, basis)[
            :, population.contours
        ]
        pairs = ((27, 33), (42, 45), (51, 57))
        lengths = [np.linalg.norm(points[:, i] - points[:, j], axis=1).mean() for i, j in pairs]
        return np.array(lengths) / np.ptp(points[:, :17, 0], axis=1).mean()

    (nose, eye, lips) = proportions(0.0, 0.5)
    man, child, old = proportions(1.0, 0.5), proportions(0.0, 0.15), proportions(0.0, 0.95)
    assert man[0] > 1.03 * nose and man[1] < 0.97 * eye and man[2] < 0.95 * lips
    assert child[0] < 0.95 * nose and child[1] > eye
    assert old[1] < 0.97 * eye and old[2] < 0.95 * lips


def test_expressions_are_coupled(population):
    where = {str(name): i for i, name in enumerate(population.unit_names)}
    for units in draws(population, 500):
        at = {name: units[i] for name, i in where.items()}
        assert at["mouthClose"] <= at["jawOpen"]
        for side in expression.SIDES:
            assert at["eyeBlink" + side] == 0 or at["eyeWide" + side] == 0
            assert at["eyeLookUp" + side] == 0 or at["eyeLookDown" + side] == 0
        assert at["eyeLookOutLeft"] == at["eyeLookInRight"]
        assert at["eyeLookInLeft"] == at["eyeLookOutRight"]
        themes = (
            "mouthSmileLeft",
            "mouthFrownLeft",
            "mouthPucker",
            "mouthPressLeft",
            "cheekPuff",
        )
        assert sum(at[name] > 0 for name in themes) <= 1 + (at["cheekPuff"] > 0)
        assert 0 <= units.min() and units.max() <= 1


def test_expressions_come_at_the_rates_of_photographs(population):
    units = np.stack(draws(population))
    of = {str(name): units[:, i] for i, name in enumerate(population.unit_names)}
    chances = {name: chance for name, (_, chance) in expression.THEMES.items()}
    assert rate(
        of["mouthSmileLeft"] + of["mouthSmileRight"] > 0, chances["smile"] + chances["laugh"]
    )
    assert rate(of["mouthPucker"] > 0, chances["pucker"])
    assert rate(of["cheekPuff"] > 0, chances["puff"])
    left, right = of["eyeBlinkLeft"] == 1, of["eyeBlinkRight"] == 1
    assert rate(left & right, expression.CLOSED) and rate(left ^ right, expression.WINK)
    assert rate(of["jawOpen"] > 0.55, chances["scream"] + 0.012)  # a few laugh or wonder as wide
    side = facial_muscles.GAZE_DEGREES["side"] * (of["eyeLookOutLeft"] - of["eyeLookInLeft"])
    assert abs(side.mean()) < 1.4  # 4 standard errors
    assert 12 < side.std() < 15  # 12, and more from those who look far to one side
