"""The texture of a face where the photo does not show it."""

import dataclasses

import numpy as np
import pytest
import scipy.ndimage

from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import uv_layout
from tf_nonlinear3dmm.serving import completion, confidence, textures

H, W = 24, 28  # cells
HU, WU = completion.CELL * H, completion.CELL * W
SKIN, LIGHT = np.array([0.72, 0.5, 0.4]), np.array([1.1, 1.0, 0.9])


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """The part of a `Nonlinear3DMM` that completes textures."""

    face: FaceModel
    uv_layout: uv_layout.UVLayout


@pytest.fixture(scope="module")
def model():
    face = FaceModel.load("makehuman")
    return Model(face, uv_layout.build(face, (H, W)))


def noise(seed, deviation=8.0):
    smooth = scipy.ndimage.gaussian_filter(
        np.random.default_rng(seed).normal(size=[HU, WU, 3]), (deviation, deviation, 0)
    )
    return smooth / smooth.std()


def scene(seed=0, slope=0.3):
    """The model's colours, and those of a photo in another light, with pores."""
    lit = SKIN * (1 + 0.03 * (noise(seed) + noise(seed)[:, ::-1]))
    photo = lit * LIGHT * (0.95 + slope * np.linspace(-0.5, 0.5, WU)[:, None])
    return np.clip(lit, 0, 1), np.clip(photo * (1 + 0.03 * noise(seed + 1, 1.0)), 0, 1)


def unwrapped(photo, shown):
    towards = np.full([H, W, 1], 0.9, np.float32)
    return textures.Unwrapped(photo * shown, shown.astype(np.float32), towards)


def of_photo(seen, lit, model):
    return completion.colours(textures.completed(seen, lit, model), lit)


def left(share):
    """Which texels `[HU, WU, 1]` lie in the left `share` of the map."""
    return np.broadcast_to((np.arange(WU) < share * WU)[None, :, None], [HU, WU, 1])


def step(texture, column):
    """The mean jump between two columns, beyond that between their neighbours."""
    jumps = np.abs(np.diff(texture.mean(axis=0), axis=0)).mean(axis=-1)
    return jumps[column - 3 : column + 3].max() - np.median(jumps)


def test_a_face_that_is_seen_whole_keeps_its_pixels(model):
    lit, photo = scene()
    texture = of_photo(unwrapped(photo, left(1)), lit, model)
    middle = np.s_[HU // 4 : -HU // 4, WU // 4 : -WU // 4]
    np.testing.assert_allclose(texture[middle], photo[middle], atol=2e-3)


def test_the_mirrored_photo_gives_the_mirrored_texture(model):
    lit, photo = scene()
    texture = of_photo(unwrapped(photo, left(0.6)), lit, model)
    flipped = unwrapped(photo[:, ::-1], left(0.6)[:, ::-1])
    mirrored = of_photo(flipped, lit[:, ::-1], model)
    np.testing.assert_allclose(mirrored[:, ::-1], texture, atol=2e-3)  # the face is not quite so


def test_where_the_photo_ends_there_is_no_seam(model):
    lit, photo = scene()
    shown = left(0.6)
    texture = of_photo(unwrapped(photo, shown), lit, model)
    hard = np.where(shown, photo, lit)
    column = int(0.6 * WU)
    assert step(hard, column) > 0.03
    assert max(step(texture, k) for k in range(WU // 4, WU - 8)) < 0.012


def test_what_is_hidden_has_the_photo_s_light_and_the_other_side_s_detail(model):
    lit, photo = scene(slope=0)
    texture = of_photo(unwrapped(photo, left(0.6)), lit, model)
    right = np.s_[HU // 4 : -HU // 4, int(0.7 * WU) : int(0.85 * WU)]
    assert np.abs(texture - photo)[right].mean() < 0.6 * np.abs(lit - photo)[right].mean()
    detail = [x - scipy.ndimage.gaussian_filter(x, (2, 2, 0)) for x in (texture, photo[:, ::-1])]
    assert np.corrcoef(detail[0][right].ravel(), detail[1][right].ravel())[0, 1] > 0.7


@pytest.mark.parametrize("colour", [(0.1, 0.8, 0.1), (0.05, 0.04, 0.04), (0.2, 0.3, 0.9)])
def test_what_covers_a_cheek_gives_way_to_skin(model, colour):
    lit, photo = scene()
    rows, columns = np.mgrid[:HU, :WU]
    blob = np.hypot(rows - 0.55 * HU, columns - 0.3 * WU) < 0.09 * WU
    covered = np.where(blob[..., None], colour, photo)
    texture = of_photo(unwrapped(covered, left(1)), lit, model)
    assert np.abs(texture - photo)[blob].mean() < 0.05 < np.abs(covered - photo)[blob].mean()


def test_brows_and_freckles_stay(model):
    lit, photo = scene()
    brows = uv_layout.to_texels(
        model.face.regions["brows"][None, :, None], uv_layout.build(model.face, (HU, WU))
    )[0].numpy()
    painted = photo * (1 - 0.6 * (brows > 0.5))
    for row, column in ((HU // 2, WU // 3), (HU // 2, 2 * WU // 3)):
        painted[row : row + 2, column : column + 2] *= 0.5
    texture = of_photo(unwrapped(painted, left(1)), lit, model)
    changed = np.abs(painted - photo).max(axis=-1) > 0.1
    assert changed.sum() > 20
    assert np.median(np.abs(texture - painted)[changed]) < 0.02


@pytest.mark.parametrize("share", [0.0, 0.05])
def test_without_a_photo_the_model_s_colours_remain(model, share):
    lit, photo = scene()
    texture = of_photo(unwrapped(photo, left(share)), lit, model)
    assert np.isfinite(texture).all()
    np.testing.assert_allclose(
        texture[:, WU // 2 :], lit[:, WU // 2 :], atol=0.25 if share else 1e-3
    )


def test_black_and_white_photos_give_finite_colours(model):
    lit, _ = scene()
    for level in (0.0, 1.0):
        photo = np.full([HU, WU, 3], level)
        texture = of_photo(unwrapped(photo, left(0.5)), lit, model)
        assert np.isfinite(texture).all() and 0 <= texture.min() <= texture.max() <= 1


def test_cells_and_texels_have_the_same_centres():
    ramp = np.linspace(0, 1, WU)[None, :, None] * np.ones([HU, 1, 1])
    means, weight = completion.cells(ramp, np.ones([HU, WU, 1]))
    assert means.shape == (H, W, 1) and np.all(weight == 1)
    inner = np.s_[:, completion.CELL : -completion.CELL]
    np.testing.assert_allclose(completion.fine(means)[inner], ramp[inner], atol=1e-6)


def test_skin_in_another_light_is_skin(model):
    """A change of the light that is linear in the place leaves the confidence as it was."""
    tolerance = confidence.tolerance(model.face, model.uv_layout)
    slope = np.linspace(-0.5, 0.5, W)[None, :, None] * np.float32([1, 0.8, 0.6])
    ratio = np.broadcast_to(0.3 + slope, [H, W, 3]).astype(np.float32)
    skin = confidence.of_skin(ratio, np.ones([H, W, 1], np.float32), tolerance)
    assert skin.min() > 0.95
