"""Laws of paint: colours in range, symmetry, and each ingredient where it belongs."""

import numpy as np
import pytest
import scipy.ndimage

from tf_nonlinear3dmm.data.builders.synthetic_faces.people import appearance, identity
from tf_nonlinear3dmm.data.builders.synthetic_faces.skin import (
    albedo,
    complexion,
    eyes_and_mouth,
    noise,
    surface,
)
from tf_nonlinear3dmm.face import FaceModel, load_kinds, load_population

SIZE = (96, 112)


@pytest.fixture(scope="module")
def skin(population):
    return surface.measure(population, FaceModel.load("makehuman"), SIZE)


@pytest.fixture(scope="module")
def tiles():
    return noise.make_tiles(SIZE)


def drawn(seed):
    random = np.random.default_rng(seed)
    return appearance.sample(random, identity.sample(random, None))


def plain(person):
    """`person` without anything that differs from left to right or texel to texel."""
    return person._replace(
        skin_shares=np.zeros_like(person.skin_shares),
        mottling=0.0,
        freckles=0.0,
        spots=0.0,
        blemishes=0.0,
        moles=np.zeros([0, 3]),
    )


def test_albedo_is_a_colour(skin, tiles):
    for seed in range(20):
        colour = albedo.whole(skin, tiles, drawn(seed), gap=0.1)
        assert colour.shape == (SIZE[0] * SIZE[1], 3) and colour.dtype == np.float32
        assert np.isfinite(colour).all() and colour.min() >= 0 and colour.max() <= 1


def test_without_noise_the_left_half_mirrors_the_right(skin, tiles):
    flat = noise.NoiseTiles(*(np.zeros_like(tile) for tile in tiles))
    for seed in range(8):
        person = plain(drawn(seed))
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


def test_lipstick_colours_lips_alone(skin, tiles):
    person = drawn(1)._replace(lipstick=0.0)
    painted = person._replace(lipstick=1.0, lipstick_colour=np.array([0.0, 0.0, 1.0], np.float32))
    change = np.abs(albedo.paint(skin, tiles, painted) - albedo.paint(skin, tiles, person))
    lips = skin.masks["lips"] > 0
    assert change[lips].max() > 0.2 and change[~lips].max() == 0


def test_a_beard_grows_on_the_lower_face_alone(skin, tiles):
    person = drawn(2)._replace(beard="shaven", beard_density=0.0)
    bearded = person._replace(beard="full", beard_density=1.0, beard_colour=np.zeros(3, np.float32))
    change = np.abs(albedo.paint(skin, tiles, bearded) - albedo.paint(skin, tiles, person)).max(1)
    y, z = skin.position[:, 1], skin.position[:, 2]
    assert change[(y < -0.65) & (z > 0.5)].mean() > 0.3
    assert change[(y > 0.3) | (skin.masks["lips"] == 1)].max() == 0


def test_teeth_keep_their_height_as_the_mouth_opens():
    row = np.linspace(0, 1, 400)
    place = np.stack([np.full(400, 0.1), row], axis=1)
    for gap in (0.2, 0.4):
        bright = eyes_and_mouth.mouth(place, gap, drawn(0)).mean(axis=1) > 0.5
        upper = np.flatnonzero(~bright)[0] / 400 * gap
        assert abs(upper - 0.076) < 0.01


def test_an_eye_is_dark_in_the_middle_and_light_outside():
    angle = np.radians([0.0, 15.0, 40.0])
    directions = np.stack([np.sin(angle), np.zeros(3), np.cos(angle)], axis=1)
    person = drawn(0)._replace(pupil=0.4, iris=np.array([0.3, 0.4, 0.5], np.float32))
    pupil, iris, white = eyes_and_mouth.eye(directions.astype(np.float32), person)
    assert pupil.max() < 0.1 < iris.mean() < white.mean()


def cheeks(skin):
    x, y, z = skin.position.T
    return (np.abs(x) > 0.2) & (np.abs(x) < 0.5) & (y < 0.05) & (y > -0.25) & (z > 0.4)


def middle_of_lips(skin):
    x, y, z = skin.position.T
    return (skin.masks["lips"] == 1) & (np.abs(x) < 0.15) & (z > 1.0)


def test_every_skin_lies_where_the_map_says(skin):
    texels, lips = skin.skins.detail, middle_of_lips(skin)
    assert lips.sum() > 5
    redness = texels[..., 0] - texels[..., 1]
    more = redness[:, lips].mean(axis=1) - redness[:, cheeks(skin)].mean(axis=1)
    assert more.min() > 0 and more[load_kinds().ethnicity > 0].min() > 0.08
    nostril = skin.masks["nostril"] > 0.5
    assert (texels[:, nostril].mean(axis=(1, 2)) < texels[:, cheeks(skin)].mean(axis=(1, 2))).all()


def test_skins_are_alike_on_both_sides_and_carry_no_light(skin):
    left = skin.skins.detail.reshape(-1, *SIZE, 3).mean(axis=-1)
    smooth = scipy.ndimage.gaussian_filter(left, (0, 8, 8))
    assert np.abs(smooth - smooth[:, :, ::-1]).mean(axis=(1, 2)).max() < 0.02
    face = (skin.label == surface.SKIN) & (skin.masks["ear"] == 0)
    assert smooth.reshape(len(smooth), -1)[:, face].std(axis=1).max() < 0.06


def test_both_levels_wear_the_same_skin(skin):
    fine = load_population(1)
    other = surface.measure(fine, FaceModel.load("makehuman-12k"), SIZE)
    person = drawn(5)
    colours = [albedo.whole(s, noise.make_tiles(SIZE), person, 0.0) for s in (skin, other)]
    for region in (cheeks, middle_of_lips):
        here, there = (
            c[region(s)].mean(axis=0) for c, s in zip(colours, (skin, other), strict=True)
        )
        np.testing.assert_allclose(here, there, atol=0.03)


def test_paint_is_deterministic(skin, tiles):
    first, again = (albedo.paint(skin, tiles, drawn(9)) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_tone_falls_as_melanin_rises(skin, tiles):
    for seed in range(4):
        tones = [
            albedo.paint(skin, tiles, drawn(seed)._replace(melanin=m))[cheeks(skin)].mean(axis=0)
            for m in np.linspace(0, 1.3, 8)
        ]
        assert (np.diff(tones, axis=0) < 0).all()


def test_tones_spread_as_those_of_people_do(skin, tiles):
    where = skin.label == surface.SKIN
    red = [255 * albedo.paint(skin, tiles, drawn(i))[where, 0].mean() for i in range(200)]
    assert 29 < np.std(red) < 40
    low, high = np.percentile(red, [2, 98])
    assert low < 90 and high > 200


def test_mixtures_follow_ancestry_sex_and_age():
    kinds, random = load_kinds(), np.random.default_rng(0)
    for race, male, age in ((0, True, 0.5), (1, False, 0.95), (2, True, 0.75)):
        drawn = [complexion.sample(random, np.eye(3)[race], male, age) for _ in range(60)]
        shares = np.zeros(len(kinds.names))
        for chosen, share in drawn:
            assert len(set(chosen)) == complexion.MIXED and abs(share.sum() - 1) < 1e-6
            shares[chosen] += share / len(drawn)
        assert shares[kinds.ethnicity == race].sum() > 0.9
        assert shares[kinds.male == male].sum() > 0.8
        assert abs(shares @ kinds.age - age) < 0.06


def test_the_old_have_creases(skin, tiles):
    young = drawn(3)._replace(wrinkles=np.zeros(5, np.float32))
    old = young._replace(wrinkles=np.ones(5, np.float32))
    change = albedo.paint(skin, tiles, old) - albedo.paint(skin, tiles, young)
    fold, x = skin.nasolabial < 0.012, np.abs(skin.position[:, 0])
    assert change[fold].mean() < -0.05
    assert np.abs(change[cheeks(skin) & (skin.nasolabial > 0.08)]).mean() < 0.03
    assert np.abs(change[(skin.masks["ear"] > 0) | (x > 0.75)]).max() == 0


def test_brows_are_dark_and_differ_between_people(skin, tiles):
    line = (np.abs(skin.brow[:, 1]) < 0.03) & (skin.brow[:, 0] > 0.2) & (skin.brow[:, 0] < 0.8)
    line &= (skin.position[:, 2] > 0.4) & (skin.label == surface.SKIN)
    covers = []
    for seed in range(6):
        person = drawn(seed)
        person = person._replace(brow=person.brow._replace(density=1.0), brow_colour=np.zeros(3))
        bare = person._replace(brow=person.brow._replace(density=0.0))
        covers.append((albedo.paint(skin, tiles, bare) - albedo.paint(skin, tiles, person))[line])
    assert all(cover.max() > 0.2 for cover in covers)
    assert np.corrcoef([c.mean(axis=1) for c in covers])[np.triu_indices(6, 1)].max() < 0.95


def test_zones_hold_all_that_is_painted_in_them(skin):
    for name in ("eyes", "beard", "scalp", "creases", "mouth"):
        index, part = skin.zones[name]
        assert len(index) == len(part.label) == len(part.masks["lips"])
        np.testing.assert_array_equal(part.position, skin.position[index])
    assert set(np.flatnonzero(skin.upper_lid < 0.03)) <= set(skin.zones["eyes"][0])


def test_mouth_coordinates_run_from_corner_to_corner(population):
    ids = np.unique(population.tri[population.face_label == surface.MOUTH])
    column, row = surface.mouth_coordinates(population)[ids].T
    rim = np.isin(ids, population.tri[population.face_label == surface.SKIN])
    assert set(np.round(row[rim], 3)) <= {0.0, 1.0}
    assert 0 < row[~rim].min() and row[~rim].max() < 1
    assert column.min() == -1 and column.max() == 1
    assert np.corrcoef(column, population.mean[ids, 0])[0, 1] > 0.9
    assert np.corrcoef(row, population.uv[ids, 1])[0, 1] > 0.5
