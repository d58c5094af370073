"""Laws of what people wear on the head: it fits them, lies outside, and is drawn in order."""

import numpy as np
import pytest

from tf_nonlinear3dmm.data.builders.synthetic_faces.accessories import attachments, hats
from tf_nonlinear3dmm.data.builders.synthetic_faces.drawing import translucent
from tf_nonlinear3dmm.data.builders.synthetic_faces.hair import scalp_grid, strands, styles
from tf_nonlinear3dmm.data.builders.synthetic_faces.head import extension, skull
from tf_nonlinear3dmm.face import load_hair
from tf_nonlinear3dmm.rendering import lighting

SIDE = 48
NAMES = sorted(load_hair())


def style(**changes):
    """A `Hairstyle` that changes nothing about a mesh, or one that differs."""
    plain = styles.sample(np.random.default_rng(0), False, 0.0, np.full(3, 0.4))._replace(
        kind="none", hat="", volume=1.0, length=1.0, tilt=0.0, lean=0.0, wave=0.0
    )
    return plain._replace(
        **{"mirrored": False, "fringe": 0, "strands": 0, "contrast": 1.0} | changes
    )


def worn(assets, neutral, own):
    """The vertices of all that a face `[V, 3]` wears."""
    maps = extension.affine(neutral[np.newaxis], assets.head)
    surfaces = attachments.around_mean_face(assets, neutral, maps[0], own)
    return np.concatenate([extension.carry(s.vertices, maps)[0] for s in surfaces])


def above_skull(points):
    arms = points - skull.CENTRE
    length = np.linalg.norm(arms, axis=1)
    return length - skull.distance(arms / length[:, np.newaxis])


@pytest.mark.parametrize("name", NAMES)
def test_every_mesh_is_whole_and_lies_outside_the_skull(name):
    mesh = load_hair()[name]
    assert np.isfinite(mesh.vertices).all() and np.isfinite(mesh.texture).all()
    assert mesh.triangles.max() == len(mesh.vertices) - 1 and len(mesh.triangles) > 500
    assert 0 <= mesh.uv.min() and mesh.uv.max() <= 1 and 0.2 < mesh.texture[..., 1].mean()
    upper = mesh.vertices[mesh.vertices[:, 1] > 0.5]
    assert np.quantile(above_skull(upper), 0.05) > -0.06 and np.median(above_skull(upper)) > 0.01


@pytest.mark.parametrize("name", NAMES)
def test_hair_follows_a_wider_head(context, name):
    wide = context.assets.mean * np.float32([1.2, 1, 1])
    before, after = (
        worn(context.assets, face, style(kind=name)) for face in (context.assets.mean, wide)
    )
    np.testing.assert_allclose(after, before * [1.2, 1, 1], atol=0.01)


def test_hair_follows_a_swollen_cheek_only_where_it_is_near(context):
    mean = context.assets.mean
    away = np.sum((mean - mean[context.assets.contours[4]]) ** 2, axis=1)
    swollen = mean + 0.2 * np.exp(-away / 0.02)[:, np.newaxis] * np.float32([-1, 0, 0])
    moved = worn(context.assets, swollen, style(kind="bob02")) - worn(
        context.assets, mean, style(kind="bob02")
    )
    size = np.linalg.norm(moved, axis=1)
    assert size.max() > 0.03 and np.median(size) < 0.3 * size.max()


@pytest.mark.parametrize("name", NAMES)
def test_a_mirrored_cut_is_the_mirror_image(context, name):
    plain = worn(context.assets, context.assets.mean, style(kind=name))
    mirrored = worn(context.assets, context.assets.mean, style(kind=name)._replace(mirrored=True))
    np.testing.assert_allclose(mirrored, plain * [-1, 1, 1], atol=2e-3)


@pytest.mark.parametrize("hat", styles.HATS)
def test_a_hat_covers_the_hair_under_it(context, hat):
    own = style(kind="long01", hat=hat)
    mesh = worn(context.assets, context.assets.mean, own)[: len(load_hair()["long01"].uv)]
    top = mesh[(mesh - skull.CENTRE) @ scalp_grid.CROWN > 0.3]
    assert above_skull(top).max() < 0.07
    assert above_skull(hats.surfaces(own)[0].vertices).min() > 0.07


def test_styles_are_those_of_photographs():
    def share(male, **kwargs):
        drawn = [
            styles.sample(np.random.default_rng([3, i]), male, colour=np.zeros(3), **kwargs)
            for i in range(1500)
        ]
        return {kind: np.mean([s.kind == kind for s in drawn]) for kind in styles.CHANCE}, drawn

    women, drawn = share(False, years=0.0)
    assert 0.5 < sum(women[kind] for kind in styles.LONG) < 0.8
    assert 0.04 < np.mean([s.hat != "" for s in drawn]) < 0.09
    men, _ = share(True, years=0.0)
    assert sum(men[kind] for kind in styles.LONG) < 0.12
    old, _ = share(True, years=1.0)
    assert old["none"] > 1.7 * men["none"]
    boys, _ = share(True, years=0.0, child=True)
    assert boys["none"] == 0 < men["none"]
    african, _ = share(False, years=0.0, african=1.0)
    assert african["afro01"] > 3 * women["afro01"]


def test_strands_reach_the_brow_and_hang_beside_the_cheek(context):
    fringe = strands.surface(style(fringe=20, reach=115.0), context.assets.strand_texture)
    brow = context.assets.mean[context.assets.contours[17:27], 1].mean()
    assert abs(fringe.vertices[:, 1].min() - brow) < 0.2
    hanging = strands.surface(style(strands=8), context.assets.strand_texture).vertices
    assert hanging[:, 1].min() < 0 and np.abs(hanging[hanging[:, 1] < 0, 0]).min() > 0.3
    assert strands.surface(style(), context.assets.strand_texture) is None


def square(depth, cover, colour, size=1.0):
    """A surface that faces the camera and fills the middle of the image."""
    corners = np.float32([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * size
    return translucent.TranslucentSurface(
        corners + np.float32([0, 0, depth]),
        np.tile(np.float32([0, 0, 1]), (4, 1)),
        np.array([[0, 1, 2], [0, 2, 3]]),
        np.zeros([4, 2], np.float32),
        np.full([1, 1, 2], [1.0, cover], np.float32),
        np.array(colour),
        0.0,
        9.0,
        False,
    )


class White:
    """Light of the same strength 1 from everywhere, no directional lights."""

    illumination = np.zeros([9, 3], np.float32)
    illumination[0] = 1 / lighting.SH_CONSTANTS[0]
    directions = np.zeros([0, 3], np.float32)
    colours = np.zeros([0, 3], np.float32)


def laid(surfaces, behind=-np.inf):
    projection = np.float32([[10, 0, 0, SIDE / 2], [0, -10, 0, SIDE / 2]])
    depth = np.full(SIDE * SIDE, behind, np.float32)
    colour, cover, place = translucent.composite(surfaces, projection, White, depth, SIDE)
    image = np.zeros([4, SIDE * SIDE])
    image[:3, place], image[3, place] = colour, cover
    return image.reshape(4, SIDE, SIDE)


def test_layers_lie_over_each_other_whatever_their_order():
    red, green = square(0.0, 1.0, [1, 0, 0]), square(0.5, 0.25, [0, 1, 0])
    middle = laid([red, green])[:, SIDE // 2, SIDE // 2 + 3]
    np.testing.assert_allclose(middle, [0.75, 0.25, 0, 1], atol=0.01)
    np.testing.assert_allclose(laid([green, red])[:, SIDE // 2, SIDE // 2 + 3], middle, atol=0.01)
    assert laid([red, green])[3].sum() == pytest.approx(21 * 21, rel=0.1)


def test_what_lies_behind_the_body_is_not_seen():
    both = [square(0.0, 1.0, [1, 0, 0]), square(0.5, 0.25, [0, 1, 0])]
    middle = laid(both, behind=2.0)[:, SIDE // 2, SIDE // 2 + 3]
    np.testing.assert_allclose(middle, [0, 0.25, 0, 0.25], atol=1e-6)
    assert laid(both, behind=9.0).max() == 0


def test_every_pixel_of_a_triangle_is_drawn_once():
    random = np.random.default_rng(0)
    x, y = random.uniform(-10, SIDE + 10, size=(2, 3, 40)).astype(np.float32)
    spans = translucent._spans(x, y, np.stack([x, y]), SIDE)
    row, column = np.mgrid[:SIDE, :SIDE]
    for t in range(x.shape[1]):
        sides = [
            (x[j, t] - x[i, t]) * (row - y[i, t]) - (y[j, t] - y[i, t]) * (column - x[i, t])
            for i, j in ((0, 1), (1, 2), (2, 0))
        ]
        inside = np.all(np.array(sides) > 0, axis=0) | np.all(np.array(sides) < 0, axis=0)
        drawn = np.zeros([SIDE, SIDE], int)
        for s in np.flatnonzero(spans.triangle == t):
            drawn[spans.y[s], spans.x[s] : spans.x[s] + spans.count[s]] += 1
            np.testing.assert_allclose(spans.start[:, s], [spans.x[s], spans.y[s]], atol=0.01)
        np.testing.assert_array_equal(drawn, inside)
