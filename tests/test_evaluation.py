import dataclasses
import functools
import json
import types

import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm import configs, data, evaluation, training
from tf_nonlinear3dmm.evaluation import expressiveness, report, tables
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.rendering import camera, visualize

N = 6
CONFIG = configs.preset("tiny")
S, STORED = CONFIG.model.image_size, 44
MARGIN = (STORED - S) // 2
MEAN = np.array([14, 0, 0, 16, 0, -14, 0, 17], np.float32)


@pytest.fixture(scope="module")
def model():
    tf.keras.utils.set_random_seed(0)
    made = Nonlinear3DMM(CONFIG.model, MEAN, np.full(8, 0.5, np.float32))
    for decoder in (made.shape_decoder, made.albedo_decoder):  # untrained ones say nothing
        bias = decoder.seed.bias
        bias.assign(np.random.default_rng(0).normal(size=bias.shape))
        decoder.last.kernel.assign(decoder.last.kernel * 10)
    return made


@pytest.fixture(autouse=True)
def no_tracing():
    """The tests measure few faces: tracing would take longer than measuring."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


class FakeSplit:
    """What `data.Split` offers, from arrays in memory."""

    def __init__(self, arrays):
        self.arrays, self.rows, self.skipped = arrays, np.arange(N), ["bad"]
        self.name = "test"
        info = types.SimpleNamespace(metadata=None, features={})
        self.builder = types.SimpleNamespace(info=info, data_path="here")

    def __contains__(self, name):
        return name in self.arrays

    def __getitem__(self, name):
        return self.arrays[name]

    def prepare(self, names):
        assert {*names} <= {*self.arrays}


def perfect(model):
    """Records that the model reconstructs without error."""
    return {name: values.copy() for name, values in _perfect(model).items()}


@functools.cache
def _perfect(model):
    random = np.random.default_rng(0)
    image = random.integers(0, 256, [N, STORED, STORED, 3], np.uint8)
    inside = slice(MARGIN, MARGIN + S)
    result = model(image[:, inside, inside].astype(np.float32) / 255)
    projection = camera.crop(result.projection, -MARGIN, -MARGIN, 1.0)
    return {
        "image": image,
        "face_mask": np.full([N, STORED, STORED, 1], 255, np.uint8),
        "landmarks": result.landmarks.numpy() + MARGIN,
        "projection": projection.numpy(),
        "vertices": result.vertices.numpy(),
        "albedo": np.round(255 * result.albedo_map.numpy()).astype(np.uint8),
        "illumination": 3 * result.illumination.numpy(),
        "yaw_deg": np.array([0, 10, -40, 50, 70, -80], np.float32),
        "has_landmarks": np.ones(N, bool),
        "has_vertices": np.ones(N, bool),
    }


def measured(model, arrays):
    batches = data.in_order(FakeSplit(arrays), S, 4, list(arrays))
    return evaluation.measure(model, batches)


def test_a_perfect_reconstruction_has_no_error(model):
    found = measured(model, perfect(model))
    faces = found.per_face()
    for name in ("nme", "vertex error (mm)", "vertex error (% of the eye distance)"):
        np.testing.assert_allclose(faces[name, "model"], np.zeros(N), atol=1e-3)
    np.testing.assert_allclose(faces["normal angle (degrees)", "model"], np.zeros(N), atol=0.05)
    np.testing.assert_allclose(faces["albedo L1", "model"], np.zeros(N), atol=1 / 255)
    np.testing.assert_allclose(faces["light error up to strength", "model"], np.zeros(N), atol=1e-3)
    np.testing.assert_allclose(found.per_vertex()["model"], 0, atol=1e-3)
    assert (faces["vertex error (mm)", "mean face"] > 1e-3).all()


def test_the_best_pose_is_no_worse_than_the_predicted_one(model):
    arrays = perfect(model)
    noise = np.random.default_rng(0).normal(size=arrays["landmarks"].shape)
    arrays["landmarks"] = (arrays["landmarks"] + noise).astype(np.float32)
    faces = measured(model, arrays).per_face()
    assert (faces["nme", evaluation.BEST_POSE] < faces["nme", evaluation.PREDICTED_POSE]).all()


def test_vertex_errors_are_in_millimetres_and_over_the_eye_distance(model):
    arrays = perfect(model)
    arrays["vertices"] = 1.1 * np.tile(model.face.mean_vertices, [N, 1, 1])
    faces = measured(model, arrays).per_face()
    skin = model.face.regions["skin"]
    points = 100 * model.face.mean_vertices  # the embedded face is in decimetres
    centre = skin @ points / skin.sum()
    expected = 0.1 * skin @ np.linalg.norm(points - centre, axis=1) / skin.sum()
    np.testing.assert_allclose(faces["vertex error (mm)", "mean face"], expected, rtol=1e-4)
    scaled = faces["vertex error, aligned with scale (mm)", "mean face"]
    np.testing.assert_allclose(scaled, np.zeros(N), atol=1e-4)
    eyes = [points[model.face.landmarks[part]].mean(0) for part in (slice(36, 42), slice(42, 48))]
    share = 100 * expected / (1.1 * np.linalg.norm(eyes[0] - eyes[1]))
    np.testing.assert_allclose(
        faces["vertex error (% of the eye distance)", "mean face"], share, rtol=1e-4
    )


def test_normals_are_compared_after_alignment(model):
    arrays = perfect(model)
    turn = camera.rotation(camera.compose(*[tf.fill([N], 0.3)] * 4, tf.zeros([N, 2]))).numpy()
    arrays["vertices"] = arrays["vertices"] @ turn.transpose(0, 2, 1)
    angle = measured(model, arrays).per_face()["normal angle (degrees)", "model"]
    np.testing.assert_allclose(angle, np.zeros(N), atol=0.05)


def test_absent_labels_count_nowhere(model):
    arrays = perfect(model)
    arrays["has_landmarks"] = np.arange(N) != 2
    arrays["has_vertices"] = np.arange(N) != 3
    arrays["landmarks"][2] = arrays["vertices"][3] = 0
    found = measured(model, arrays)
    faces = found.per_face()
    assert np.flatnonzero(np.isnan(faces["nme", "model"])).tolist() == [2]
    assert np.flatnonzero(np.isnan(faces["vertex error (mm)", "mean face"])).tolist() == [3]
    assert found.count == N - 1
    summary = evaluation.summarise(faces)
    assert summary["alignment"]["model"]["n"][0] == N - 1
    assert summary["measures"]["vertex error (mm)"]["model"][-1] == N - 1


def test_a_data_set_of_photos_alone_can_be_measured(model):
    kept = ("image", "face_mask", "landmarks", "projection")
    arrays = {name: perfect(model)[name] for name in kept}
    arrays["has_landmarks"] = np.zeros(N, bool)
    summary = evaluation.summarise(measured(model, arrays).per_face())
    assert [*summary["measures"]] == ["image L1 on the visible face"]
    assert not summary["alignment"]


def test_a_crop_that_is_off_shows_the_same_face_elsewhere(model):
    """A bright spot lies where the landmark says it does, in the crop and in one that is off."""
    arrays = perfect(model)
    place = np.random.default_rng(1).uniform(14, 26, [N, 1, 2]).astype(np.float32)
    arrays["landmarks"] = np.tile(place, [1, 68, 1])
    rows, columns = np.mgrid[:STORED, :STORED]
    distance = (columns - place[..., :1]) ** 2 + (rows - place[..., 1:]) ** 2
    spot = np.round(255 * np.exp(-distance / 8)).astype(np.uint8)
    arrays["image"] = np.repeat(spot[..., np.newaxis], 3, axis=-1)
    [batch] = data.in_order(FakeSplit(arrays), S, N, ["image"], off=0.1)
    for end in ("", data.OFF):
        light = batch[f"image{end}"].numpy()[..., 0]
        total = light.sum((1, 2))
        x, y = (np.sum(light * axis, (1, 2)) / total for axis in np.mgrid[:S, :S][::-1])
        found = np.stack([x, y], -1)
        np.testing.assert_allclose(found, batch[f"landmarks{end}"][:, 0], atol=0.05)
    difference = np.abs(batch["landmarks"] - batch[f"landmarks{data.OFF}"])[:, 0]
    assert difference.max() < 0.16 * S and (difference.max(axis=1) > 0.1).all()


def test_a_crop_that_is_off_by_nothing_is_the_evaluation_crop(model):
    [batch] = data.in_order(FakeSplit(perfect(model)), S, N, ["image"], off=1e-7)
    for name in ("image", "landmarks"):
        np.testing.assert_allclose(batch[f"{name}{data.OFF}"], batch[name], atol=1e-3)


def test_how_far_a_crop_is_off_depends_on_its_record_and_the_seed(model):
    arrays = perfect(model)
    sides = [np.ptp(arrays["landmarks"], axis=(1, 2)), None, None]
    for place, rows in enumerate((np.arange(N), np.array([4, 1])), start=1):
        batches = data.in_order(FakeSplit(arrays), S, 4, ["image"], rows, off=0.1, seed=3)
        sides[place] = np.concatenate([b[f"landmarks{data.OFF}"].numpy() for b in batches])
    np.testing.assert_array_equal(sides[2], sides[1][[4, 1]])
    other = next(data.in_order(FakeSplit(arrays), S, N, ["image"], off=0.1, seed=4))
    assert not np.isclose(other[f"landmarks{data.OFF}"], sides[1]).all(axis=(1, 2)).any()


def test_both_label_sets_are_measured_by_both_yaws(model):
    arrays = perfect(model)
    moved = arrays["landmarks"] + np.float32([3, 0])
    moved[0] = 0
    arrays["landmarks_reannotated"] = moved
    arrays["has_landmarks_reannotated"] = np.arange(N) != 0
    arrays["yaw_label_deg"] = np.float32([-1, 40, 40, 40, 40, 70])
    faces = measured(model, arrays).per_face()
    box = np.sqrt(np.prod(np.ptp(arrays["landmarks"], axis=1), axis=-1))
    wanted = np.where(np.arange(N) == 0, np.nan, 100 * 3 / box)
    np.testing.assert_allclose(faces["nme, re-annotated", "model"], wanted, rtol=1e-3)
    summary = evaluation.summarise(faces)
    assert summary["alignment"]["model"]["n"] == [6, 2, 2, 2]
    assert summary["alignment_reannotated"]["model"]["n"] == [5, 1, 2, 2]
    assert summary["alignment_by_label"]["model"]["n"] == [5, 0, 4, 1]
    mean = np.nanmean(wanted[1:2]), np.nanmean(wanted[2:4]), np.nanmean(wanted[4:])
    found = summary["alignment_reannotated"]["model"]["balanced mean"][0]
    assert found == pytest.approx(np.mean(mean), rel=1e-3)
    arrays["has_landmarks_reannotated"][:] = False
    arrays["yaw_label_deg"][:] = -1
    assert {*evaluation.summarise(measured(model, arrays).per_face())} == {"alignment", "measures"}


def test_a_yaw_without_a_label_is_that_of_the_best_pose(model):
    arrays = perfect(model)
    yaw = np.radians(np.float32([0, 20, -45, 50, 70, -80]))
    zeros, scale = np.zeros(N, np.float32), np.full(N, 12, np.float32)
    pose = camera.compose(yaw, zeros, zeros, scale, np.full([N, 2], 20, np.float32))
    points = np.tile(model.face.mean_vertices[model.face.landmarks], [N, 1, 1])
    arrays["landmarks"] = camera.project(points, pose).numpy()[..., :2]
    arrays["projection"] *= 0
    arrays["yaw_deg"][:] = 0
    arrays["has_projection"] = np.arange(N) == 5
    faces = measured(model, arrays).per_face()
    assert faces["yaw is known"].tolist() == [0, 0, 0, 0, 0, 1]
    np.testing.assert_allclose(faces["yaw"][:5], np.degrees(yaw[:5]), atol=0.5)
    assert faces["yaw"][5] == 0


def test_a_gain_explains_a_darker_albedo(model):
    arrays = perfect(model)
    arrays["albedo"] = (arrays["albedo"] * 0.5).astype(np.uint8)
    faces = measured(model, arrays).per_face()
    assert (faces["albedo L1", "model"] > 0.1).all()
    assert (faces["albedo L1 up to colour gain", "model"] < 2 / 255).all()


@pytest.fixture
def run(model, tmp_path, monkeypatch):
    split = FakeSplit(perfect(model))
    monkeypatch.setattr(visualize, "FINE", 1)
    monkeypatch.setattr(report, "SHOWN", 1)
    monkeypatch.setattr(training, "load", lambda folder: (model, CONFIG))
    monkeypatch.setattr(data, "open_split", lambda request, config, name: split)
    line = {"step": 1, "stage": "pretrain", "kind": "training", "nme": 3.0}
    (tmp_path / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    (tmp_path / "config.json").write_text("{}")
    return tmp_path


def test_evaluate_writes_report_and_figures(run):
    written = evaluation.evaluate(run, say=lambda line: None)
    assert json.loads((run / "report.json").read_text())["faces"] == N
    assert written["bad_records"] == ["bad"]
    command = f"nonlinear3dmm evaluate --run {run} --source synthetic_faces --split test\n"
    text = (run / "report.md").read_text()
    words = (
        "mean face, best pose",
        "vertex error (mm)",
        "5.42",
        "95 %",
        "1 bad records were left out: bad",
    )
    for expected in (*words, command):
        assert expected in text
    names = {path.stem for path in (run / "figures").iterdir()}
    expected = {"best", "median", "worst", "cumulative", "error_maps", "curves"}
    assert names == expected | {"interpolation", "shape_albedo_exchange", "relighting"}
    for name in names:
        assert f"(figures/{name}.png)" in text


@pytest.mark.slow
def test_evaluate_writes_elsewhere_and_fewer_faces(run):
    written = evaluation.evaluate(run, faces=3, out=run / "other", say=lambda line: None)
    assert written["faces"] == 3 and (run / "other/report.md").exists()
    assert not (run / "report.md").exists()


def test_a_directional_light_lights_the_side_it_stands_on(model, monkeypatch):
    monkeypatch.setattr(visualize, "FINE", 1)
    codes = model.encode(np.full([2, S, S, 3], 0.5, np.float32))
    drawn = expressiveness.draw(
        model,
        codes.shape_code,
        codes.albedo_code,
        expressiveness.light_from([-60, 60]),
        yaw_deg=0.0,
    )
    left, right = np.split(drawn.astype(float).mean((1, 3)), 2, axis=1)
    assert left[0].mean() > left[1].mean() + 2 and right[1].mean() > right[0].mean() + 2


def test_a_texture_with_the_light_in_it_is_shown_as_it_is(model, monkeypatch):
    monkeypatch.setattr(visualize, "FINE", 1)
    config = dataclasses.replace(CONFIG.model, lighting=False)
    made = Nonlinear3DMM(config, MEAN, np.full(8, 0.5, np.float32))
    drawn = expressiveness.draw_all(made, None, FakeSplit(perfect(model)))
    assert [*drawn] == ["interpolation", "shape_albedo_exchange"]
    few = FakeSplit(perfect(model))
    few.rows = few.rows[:5]
    assert expressiveness.draw_all(made, None, few) == {}


def test_evaluate_says_what_is_wrong_in_one_line(tmp_path):
    with pytest.raises(evaluation.EvaluationError, match="no such file; train with"):
        evaluation.evaluate(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_intervals_read_well():
    assert tables.with_interval((4.2111, 4.0, 4.4)) == "4.21 (4.00 to 4.40)"
    assert tables.with_interval((0.01234, 0.01, 0.02)) == "0.0123 (0.01 to 0.02)"
    assert tables.with_interval((np.nan, np.nan, np.nan)) == "-"
