import dataclasses
import pickle

import numpy as np
import pytest

from tf_nonlinear3dmm.face import ASSET, EMBEDDED, FaceModel, load_population, sample_shapes

PERMUTED = [*range(16, -1, -1)]
SIZES = {"makehuman": (3016, 5954), "makehuman-12k": (11857, 23558)}


@pytest.fixture(params=SIZES)
def face(request):
    return FaceModel.load(request.param)


@pytest.fixture
def arrays():
    """The smallest sound face: V = 4, T = 2, Ks = 3, Ke = 1."""
    return {
        "name": np.array("two triangles"),
        "licence": np.array("CC0"),
        "units": np.array(1.0),
        "mean_vertices": np.arange(12.0).reshape(4, 3),
        "shape_scale": np.array(10.0),
        "triangles": np.array([[0, 1, 2], [0, 2, 3]]),
        "uv": np.linspace(0, 1, 8).reshape(4, 2),
        "landmarks": np.full(68, -1),
        "mirror": np.array([1, 0, 2, 3]),
        "normal_triangles": np.array([True, False]),
        "shape_basis": np.random.default_rng(0).normal(size=[3, 4, 3]),
        "shape_std": np.array([3.0, 2.0, 1.0]),
        "expression_basis": np.random.default_rng(1).normal(size=[1, 4, 3]),
        "expression_std": np.array([0.5]),
        "region_skin": np.ones(4),
        "region_constancy": np.zeros(4),
    }


def write(path, arrays):
    np.savez(path, **arrays)
    return path


def edges(triangles):
    return np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])


def test_embedded_sizes(face):
    vertices, triangles = SIZES[face.name]
    assert face.mean_vertices.shape == (vertices, 3) and face.triangles.shape == (triangles, 3)
    assert face.units == 100 and 2 * face.shape_scale * face.units == 50
    assert face.shape_basis.shape == face.expression_basis.shape == (0, vertices, 3)
    names = "skin constancy lips eyelids eyes brows mouth nostril ear ao"
    assert set(face.regions) == set(names.split())


def test_the_asset_is_small():
    assert ASSET.stat().st_size <= 2e6


def test_the_face_is_one_disk(face):
    directed = edges(face.triangles)
    assert len(np.unique(directed, axis=0)) == len(directed)  # each edge at most once each way
    undirected, counts = np.unique(np.sort(directed, axis=1), axis=0, return_counts=True)
    assert len(face.mean_vertices) - len(undirected) + len(face.triangles) == 1
    border = undirected[counts == 1]
    assert len(border) == {"makehuman": 76, "makehuman-12k": 154}[face.name]
    assert np.all(np.unique(border, return_counts=True)[1] == 2)  # one closed loop, with Euler = 1
    assert set(np.unique(face.triangles)) == set(range(len(face.mean_vertices)))


def test_the_map_does_not_fold(face):
    a, b, c = (face.uv[face.triangles[:, i]].astype(np.float64) for i in range(3))
    signed = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    assert signed.max() < 0  # v runs down, so that outward triangles are negative
    assert signed.max() / np.median(signed) > 0.005


def test_left_and_right_are_the_same_to_the_last_bit(face):
    mirror = face.mirror
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(mirror)))
    np.testing.assert_array_equal(face.mean_vertices[mirror], face.mean_vertices * [-1, 1, 1])
    np.testing.assert_array_equal(face.uv[mirror][:, 1], face.uv[:, 1])
    np.testing.assert_allclose(face.uv[mirror][:, 0], 1 - face.uv[:, 0], atol=6e-8)  # one rounding
    for mask in face.regions.values():
        np.testing.assert_array_equal(mask[mirror], mask)
    mirrored = {tuple(np.roll(t, -t.argmin())) for t in mirror[face.triangles][:, ::-1]}
    assert mirrored == {tuple(np.roll(t, -t.argmin())) for t in face.triangles}


def test_landmarks_mirror_as_those_of_300w_do(face):
    permutation = load_population().lm_mirror
    np.testing.assert_array_equal(permutation[:17], PERMUTED)
    np.testing.assert_array_equal(permutation[permutation], np.arange(68))
    np.testing.assert_array_equal(face.mirror[face.landmarks], face.landmarks[permutation])


def test_regions_are_where_their_names_say(face):
    points, marks = face.mean_vertices, face.mean_vertices[face.landmarks]

    def centre(name):
        return np.average(np.abs(points * [1, 0, 0]) + points * [0, 1, 1], 0, face.regions[name])

    assert abs(centre("lips")[1] - marks[48:60, 1].mean()) < 0.05
    assert np.linalg.norm(centre("eyes") - marks[42:48].mean(axis=0)) < 0.12
    assert np.linalg.norm(centre("eyelids") - marks[42:48].mean(axis=0)) < 0.12
    assert abs(centre("brows")[1] - marks[17:27, 1].mean()) < 0.03
    assert centre("ear")[0] > 0.65 and centre("nostril")[2] > 0.9
    assert face.regions["ao"][face.landmarks[30]] > 0.95 > face.regions["ao"][face.landmarks[62]]


def test_slow_albedo_is_where_beards_and_hairlines_do_not_reach(face):
    slow = face.regions["constancy"]
    assert np.all(slow <= face.regions["skin"]) and np.array_equal(slow, slow[face.mirror])
    assert (
        not np.any(slow[face.landmarks[[*range(17), *range(48, 68)]]]) and slow[face.landmarks[30]]
    )
    assert not np.any(slow * face.regions["ear"]) and 0.1 < slow.mean() < 0.4


def test_the_stitches_between_eyes_and_lids_do_not_count_for_normals(face):
    level = EMBEDDED[face.name]
    labels = load_population(level).face_label
    np.testing.assert_array_equal(face.normal_triangles, labels < 4)
    assert np.sum(~face.normal_triangles) == (80, 160)[level]


@pytest.mark.parametrize("level", [0, 1])
def test_the_operator_gives_the_mean(level):
    people = load_population(level)
    names = list(people.race_names)
    young = [people.race[names.index(n)] for n in names if n.endswith("-young")]
    source = people.base + np.mean(young, axis=0) / 1000
    source = np.concatenate([source, [[0, 0, 1]]])
    np.testing.assert_allclose(people.operator @ source - people.origin, people.mean, atol=2e-4)


@pytest.mark.parametrize("level", [0, 1])
def test_displacements_do_not_move_the_mouth_sheet_back(level):
    people = load_population(level)
    weights = people.operator @ np.append(np.ones(len(people.base)), 0)
    np.testing.assert_allclose(weights, 1, atol=1e-5)


@pytest.mark.parametrize("level", [0, 1])
def test_the_jaw_opens_as_a_rotation(level):
    people = load_population(level)
    offsets = people.unit[list(people.unit_names).index("jawOpen")] / 1000
    moved = people.operator @ np.concatenate([offsets, [[0, 0, 0]]])
    c, s = np.cos(people.jaw_angle), np.sin(people.jaw_angle)
    turn = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    full = (people.mean - people.jaw_hinge) @ (turn - np.eye(3)).T
    chin = people.contours[6:11]
    np.testing.assert_allclose(people.jaw_weight[chin], 1, atol=0.15)
    assert np.all(people.jaw_weight[people.contours[17:31]] < 0.05)
    left = np.linalg.norm(moved - people.jaw_weight[:, None] * full, axis=1)
    assert left.max() < 0.16 and left.mean() < 0.01  # dm; the lips' corners follow least


@pytest.mark.parametrize("level", [0, 1])
def test_the_lower_lip_goes_with_the_jaw_and_the_upper_one_stays(level):
    people = load_population(level)
    inner_upper, inner_lower = people.lm[61:64], people.lm[65:68]
    assert people.jaw_weight[inner_upper].max() < 0.2 < 0.9 < people.jaw_weight[inner_lower].min()


def test_eyes_look_forward_out_of_their_spheres():
    people = load_population(1)
    for side, label in ((0, 2), (1, 3)):
        ids = np.unique(people.tri[people.face_label == label])
        distance = np.linalg.norm(people.mean[ids] - people.eye_centre[side], axis=1)
        np.testing.assert_allclose(distance, people.eye_radius, rtol=0.06)
        assert people.eye_theta[ids].min() < 0.05 and people.eye_theta[ids].max() < 1.25
    assert people.eye_axis[0, 2] > 0.99 and people.eye_centre[0, 0] > 0 > people.eye_centre[1, 0]
    assert np.all(people.base[people.eye_ids[0], 0] > 0) and np.all(
        people.base[people.eye_ids[1], 0] < 0
    )


def test_the_population_is_complete_and_shared_read_only():
    people = load_population()
    assert people is load_population(0)
    for block, count in {"race": 18, "univ": 54, "local": 258, "asym": 50, "unit": 51}.items():
        targets = people.arrays[block]
        assert targets.shape == (count, 3008, 3) and targets.dtype == np.int16
        assert len(set(people.arrays[f"{block}_names"])) == count
    known = set(people.local_names) | {""}
    assert set(people.slider_neg) <= known and set(people.slider_pos) <= known - {""}
    assert people.slider_sigma.shape == (137,) and np.all(people.slider_sigma > 0)
    with pytest.raises(ValueError, match="read-only"):
        people.base[0] = 0
    with pytest.raises(AttributeError, match="Population has no array `bse`; it has hm08_ids"):
        people.bse  # noqa: B018
    with pytest.raises(ValueError, match="`level` must be 0 or 1, got 2"):
        load_population(2)


def test_the_face_agrees_with_the_reference(shared):
    with np.load(shared / "face_model" / "face_template.npz") as reference:
        for level in (0, 1):
            people = load_population(level)
            mean = reference[f"mean{level}"]
            distance = np.linalg.norm(
                mean[reference[f"lm{level}"]] - people.mean[people.contours], axis=1
            )
            assert distance.max() < 1e-6
            ours = {tuple(row) for row in np.round(people.mean * 1e4).astype(int)}
            theirs = {tuple(row) for row in np.round(mean * 1e4).astype(int)}
            assert len(ours ^ theirs) < 0.02 * len(ours)  # roundings to a neighbouring cell
            assert people.operator.nnz == len(reference[f"op{level}_data"])
            np.testing.assert_array_equal(
                np.bincount(people.face_label), np.bincount(reference[f"face_label{level}"])
            )
        for block in ("race", "univ", "local", "asym", "unit", "base"):
            np.testing.assert_array_equal(people.arrays[block], reference[block])


def test_save_then_load_gives_the_same_model(face, tmp_path):
    face.save(tmp_path / "face.npz")
    again = FaceModel.load(tmp_path / "face.npz")
    for field in dataclasses.fields(FaceModel):
        old, new = getattr(face, field.name), getattr(again, field.name)
        if field.name == "regions":
            assert old.keys() == new.keys()
            for name in old:
                np.testing.assert_array_equal(old[name], new[name])
        else:
            np.testing.assert_array_equal(old, new)


def test_an_unsound_model_is_not_saved(face, tmp_path):
    broken = dataclasses.replace(face, units=-1.0)
    with pytest.raises(ValueError, match="key `units` must be one positive number"):
        broken.save(tmp_path / "face.npz")
    assert not (tmp_path / "face.npz").exists()


def test_types_are_those_of_the_networks(arrays, tmp_path):
    face = FaceModel.load(write(tmp_path / "face.npz", arrays))
    assert face.name == "two triangles" and face.shape_scale == 10.0
    assert face.triangles.dtype == face.landmarks.dtype == face.mirror.dtype == np.int32
    assert face.mean_vertices.dtype == face.uv.dtype == face.shape_basis.dtype == np.float32
    assert face.normal_triangles.dtype == bool


WRONG = {
    "missing": ("uv", None, "key `uv` is missing; the file has expression_basis, "),
    "shape": ("uv", np.zeros([4, 3]), r"key `uv` must have shape \[V = 4, 2\], got float64"),
    "rank": ("mirror", np.zeros([4, 1], int), r"key `mirror` must have shape \[V = 4\], got int64"),
    "count": ("shape_std", np.ones(2), r"key `shape_std` must have shape \[Ks = 3\], got"),
    "landmarks": (
        "landmarks",
        np.zeros(51, int),
        r"must have shape \[68\], got int64 of shape \[51",
    ),
    "range": ("triangles", np.array([[0, 1, 4]]), "must lie in 0 to 3, got 0 to 4"),
    "negative": ("landmarks", np.full(68, -2), "must lie in -1 to 3, got -2 to -2"),
    "nan": ("mean_vertices", np.full([4, 3], np.nan), "must be finite, got 12 NaN or infinite"),
    "float ids": ("triangles", np.zeros([2, 3]), "key `triangles` must hold integers, got float64"),
    "text": ("uv", np.full([4, 2], "a"), "key `uv` must hold numbers, got <U1"),
    "units": ("units", np.array(0.0), "key `units` must be one positive number"),
    "name": ("name", np.array(3), "key `name` must be one string"),
    "uv": ("uv", np.full([4, 2], 1.5), "key `uv` must lie in 0 to 1, got 1.5 to 1.5"),
    "region": ("region_skin", None, "key `region_skin` is missing"),
}


@pytest.mark.parametrize("key, value, message", WRONG.values(), ids=WRONG)
def test_errors_name_file_key_and_expectation(arrays, tmp_path, key, value, message):
    arrays[key] = value
    path = write(tmp_path / "wrong.npz", {k: v for k, v in arrays.items() if v is not None})
    with pytest.raises(ValueError, match=f"wrong.npz: .*{message}"):
        FaceModel.load(path)


class Bomb:
    """Leaves a trace when it is unpickled."""

    def __reduce__(self):
        return (open, ("exploded", "w"))


def test_objects_are_refused_and_never_unpickled(arrays, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    objects = np.empty(1, object)
    objects[0] = Bomb()
    path = write(tmp_path / "bomb.npz", arrays | {"uv": objects})
    with pytest.raises(
        ValueError, match="bomb.npz: key `uv` must hold numbers or text, got pickled"
    ):
        FaceModel.load(path)
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match="bomb.npz: not an .npz file"):
        FaceModel.load(path)
    assert not (tmp_path / "exploded").exists()


def test_a_truncated_file_is_an_error(arrays, tmp_path):
    path = write(tmp_path / "cut.npz", arrays)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="cut.npz: not an .npz file"):
        FaceModel.load(path)


def test_unknown_names_get_the_nearest():
    with pytest.raises(ValueError, match="no face model `makehumann`; did you mean `makehuman`"):
        FaceModel.load("makehumann")
    with pytest.raises(ValueError, match="`bfm`; Embedded are `makehuman`, `makehuman-12k`; any"):
        FaceModel.load("bfm")
    with pytest.raises(FileNotFoundError, match="faces/bfm.npz: there is no such face model file"):
        FaceModel.load("faces/bfm.npz")


def test_sampled_shapes_have_the_bases_moments(arrays, tmp_path):
    face = FaceModel.load(write(tmp_path / "face.npz", arrays))
    faces = sample_shapes(face, np.random.default_rng(0), 20000)
    assert faces.shape == (20000, 4, 3) and faces.dtype == np.float32
    np.testing.assert_allclose(
        faces.mean(axis=0), face.mean_vertices, atol=0.15
    )  # 5 sigma / sqrt n
    basis = np.concatenate([face.shape_basis, face.expression_basis])
    std = np.concatenate([face.shape_std, face.expression_std])
    variance = np.sum((basis * std[:, None, None]) ** 2, axis=0)
    np.testing.assert_allclose(faces.var(axis=0), variance, rtol=0.05)


def test_sampled_shapes_repeat_and_need_a_basis(arrays, tmp_path):
    face = FaceModel.load(write(tmp_path / "face.npz", arrays))
    twice = [sample_shapes(face, np.random.default_rng(3), 2) for _ in range(2)]
    np.testing.assert_array_equal(*twice)
    with pytest.raises(ValueError, match="must have a shape or expression basis, got `makehuman`"):
        sample_shapes(FaceModel.load("makehuman"), np.random.default_rng(0), 1)
