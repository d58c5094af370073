"""Laws of paint: colours in range, symmetry, and each ingredient where it belongs."""

import numpy as np
import pytest

from datasets.synthetic_faces import albedo, identity, look, openings, surface
from tf_nonlinear3dmm import face_model

SIZE = (48, 56)


@pytest.fixture(scope="module")
def skin(population):
    return surface.measure(population, face_model.FaceModel.load("makehuman"), SIZE)


@pytest.fixture(scope="module")
def noise():
    return albedo.make_noise(SIZE)


def drawn(seed):
    random = np.random.default_rng(seed)
    return look.sample(random, identity.sample(random, None))


def test_albedo_is_a_colour(skin, noise):
    for seed in range(20):
        colour = albedo.whole(skin, noise, drawn(seed), gap=0.1)
        assert colour.shape == (SIZE[0] * SIZE[1], 3) and colour.dtype == np.float32
        assert np.isfinite(colour).all() and colour.min() >= 0 and colour.max() <= 1


def test_without_noise_the_left_half_mirrors_the_right(skin, noise):
    flat = albedo.Noise(*(np.zeros_like(tile) for tile in noise))
    for seed in range(8):
        person = look.plain(drawn(seed))
        colour = albedo.whole(skin, flat, person, gap=0.1).reshape(*SIZE, 3)
        difference = np.abs(colour - colour[:, ::-1]).max(axis=-1)
        assert np.mean(difference > 0.02) < 0.01  # eyes are turned, not mirrored, copies


def test_more_melanin_is_darker_and_blood_is_redder():
    light, dark = albedo.skin_colour(0.1, 0.5), albedo.skin_colour(0.6, 0.5)
    assert (dark < light).all()
    pale, flushed = albedo.skin_colour(0.1, 0.2), albedo.skin_colour(0.1, 1.2)
    assert flushed[0] - flushed[1] > pale[0] - pale[1]
    np.testing.assert_allclose(
        albedo.skin_colour(np.array([0.1, 0.6]), np.array([0.5, 0.5])), [light, dark], rtol=1e-6
    )


def test_lipstick_colours_lips_alone(skin, noise):
    person = drawn(1)._replace(lipstick=0.0)
    painted = person._replace(lipstick=1.0, lipstick_colour=np.array([0.0, 0.0, 1.0], np.float32))
    change = np.abs(albedo.paint(skin, noise, painted) - albedo.paint(skin, noise, person))
    lips = skin.masks["lips"] > 0
    assert change[lips].max() > 0.2 and change[~lips].max() == 0


def test_a_beard_grows_on_the_lower_face_alone(skin, noise):
    person = drawn(2)._replace(beard="shaven", beard_density=0.0)
    bearded = person._replace(beard="full", beard_density=1.0, beard_colour=np.zeros(3, np.float32))
    change = np.abs(albedo.paint(skin, noise, bearded) - albedo.paint(skin, noise, person)).max(1)
    y, z = skin.position[:, 1], skin.position[:, 2]
    assert change[(y < -0.65) & (z > 0.5)].mean() > 0.3
    assert change[(y > 0.3) | (skin.masks["lips"] == 1)].max() == 0


def test_teeth_keep_their_height_as_the_mouth_opens():
    row = np.linspace(0, 1, 400)
    sheet = np.stack([np.full(400, 0.1), row], axis=1)
    for gap in (0.2, 0.4):
        bright = openings.mouth(sheet, gap, drawn(0)).mean(axis=1) > 0.5
        upper = np.flatnonzero(~bright)[0] / 400 * gap
        assert abs(upper - 0.076) < 0.01


def test_an_eye_is_dark_in_the_middle_and_light_outside():
    angle = np.radians([0.0, 15.0, 40.0])
    directions = np.stack([np.sin(angle), np.zeros(3), np.cos(angle)], axis=1)
    person = drawn(0)._replace(pupil=0.4, iris=np.array([0.3, 0.4, 0.5], np.float32))
    pupil, iris, white = openings.eye(directions.astype(np.float32), person)
    assert pupil.max() < 0.1 < iris.mean() < white.mean()


def test_zones_hold_all_that_is_painted_in_them(skin):
    for name in ("eyes", "beard", "scalp", "forehead", "mouth"):
        index, part = skin.zones[name]
        assert len(index) == len(part.label) == len(part.masks["lips"])
        np.testing.assert_array_equal(part.position, skin.position[index])
    assert set(np.flatnonzero(skin.upper_lid < 0.03)) <= set(skin.zones["eyes"][0])


def test_sheet_coordinates_run_from_corner_to_corner(population):
    ids = np.unique(population.tri[population.face_label == surface.SHEET])
    column, row = surface.sheet_coordinates(population)[ids].T
    rim = np.isin(ids, population.tri[population.face_label == surface.SKIN])
    assert set(np.round(row[rim], 3)) <= {0.0, 1.0}
    assert 0 < row[~rim].min() and row[~rim].max() < 1
    assert column.min() == -1 and column.max() == 1
    assert np.corrcoef(column, population.mean[ids, 0])[0, 1] > 0.9
    assert np.corrcoef(row, population.uv[ids, 1])[0, 1] > 0.5
