"""The experiments' own mathematics, verdicts, schedule and report."""

import json
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm import configs, training
from tf_nonlinear3dmm.baselines import linear
from tf_nonlinear3dmm.experiments import (
    autoencoder,
    claims,
    codes,
    document,
    expressiveness,
    landmarkers,
    paper,
    report,
    schedule,
    study,
    texture_power,
    variants,
)

N, K, D = 7, 3, 11


def tiny(folder, **changes):
    return study.tiny(folder, None, "data", **changes)


def test_codes_by_gradient_reach_the_closed_form():
    rng = np.random.default_rng(0)
    basis = linear.Basis(
        rng.standard_normal(D),
        np.linalg.qr(rng.standard_normal((D, K)))[0].T,
        np.array([1.5, 1.0, 0.7]),
    )
    targets = rng.standard_normal((N, D))
    weights = rng.random((N, D)) + 0.2
    exact = linear.project(basis, targets, weights)
    mean, modes = (
        tf.constant(x, tf.float32) for x in (basis.mean, basis.modes * basis.std[:, None])
    )
    found, decoded = codes.fit(
        lambda z, rows: mean + z @ modes,
        targets,
        weights,
        np.zeros((N, K)),
        [2.0, 1.0, 1.0],
        300,
        0.1,
        batch=3,
    )
    np.testing.assert_allclose(found, exact, atol=2e-3)
    np.testing.assert_allclose(decoded, linear.decode(basis, exact), atol=5e-3)


def test_a_fit_tells_the_decoder_which_sample_it_is():
    offsets = np.arange(5, dtype=np.float32)[:, None]
    table = tf.constant(offsets)

    def decode(z, rows):
        return tf.gather(table, rows) + z

    ones = np.ones((1, 1))
    found, _ = codes.fit(decode, offsets + 2, ones, 0 * offsets, [1.0], 100, 0.2, batch=2)
    np.testing.assert_allclose(found, 2, atol=0.05)


def test_a_fit_does_not_remember_the_batch_before():
    targets = np.tile([[1.0, -2.0]], (4, 1))
    found, _ = codes.fit(
        lambda z, rows: z**3, targets, np.ones((1, 1)), np.ones((4, 2)), [1.0, 1.0], 5, 0.1, batch=2
    )
    np.testing.assert_allclose(found, found[:1].repeat(4, axis=0), rtol=1e-5)


def test_an_autoencoder_learns_more_than_the_mean():
    rng = np.random.default_rng(1)
    linear_codes = rng.standard_normal((200, 4)).astype(np.float32)
    samples = np.tanh(linear_codes @ rng.standard_normal((4, D))).astype(np.float32)

    def build():
        layer = keras.Sequential([keras.layers.Dense(20, "elu"), keras.layers.Dense(D)])
        layer.build([None, K])
        return layer, layer

    trained = autoencoder.train(build, K, samples, linear_codes, np.ones(D), 150, rate=1e-2)
    decoded = trained.decode(trained.encode(linear_codes)).numpy()
    assert np.mean((decoded - samples) ** 2) < 0.4 * samples.var(axis=0).mean()
    blank = autoencoder.untrained(build, K, 4)
    for variable, value in zip(blank.weights, trained.weights, strict=True):
        variable.assign(value)
    np.testing.assert_allclose(blank.decode(blank.encode(linear_codes)), decoded, atol=1e-5)


def test_best_light_is_the_one_that_made_the_photo():
    rng = np.random.default_rng(2)
    albedo = rng.uniform(0.3, 0.9, (2, 6, 5, 3)).astype(np.float32)
    harmonics = rng.standard_normal((2, 6, 5, 9)).astype(np.float32)
    light = rng.standard_normal((2, 9, 3)).astype(np.float32)
    visible = np.ones((2, 6, 5, 1), np.float32)
    visible[:, 0] = 0
    photo = albedo * np.einsum("nhwk,nkc->nhwc", harmonics, light)
    spoiled = np.where(visible > 0, photo, 9)
    targets = types.SimpleNamespace(photo=spoiled, visible=visible, harmonics=harmonics)
    np.testing.assert_allclose(texture_power.best_light(targets, albedo), light, atol=0.05)


def test_verdicts_follow_the_interval_of_the_paired_difference():
    spread = np.array([0.0, 10, 20, 30])  # of the faces: larger than any difference
    table = {
        "ours": {"4": 1.0 + spread, "8": 0.5 + spread},
        "worse": {"4": 2.0 + spread, "6": 1.5 + spread},
        "better": {"4": 0.2 + spread, "8": 0.2 + spread},
        "alike": {"8": 0.5 + spread + [0.1, -0.1, 0.1, -0.1]},
        "mixed": {"4": 2.0 + spread, "8": 0.1 + spread},
    }

    def verdict(other):
        return claims._power(table, "ours", other, "x")[2]

    assert verdict("worse") == "agrees"  # 8 is held against 6
    assert verdict("better") == "goes against the paper"
    assert verdict("alike") == "undecided"
    assert verdict("mixed") == "differs by code size"
    assert claims._power(table, "ours", "absent", "x") is None


def test_alignment_is_judged_by_the_balanced_mean():
    yaw = np.array([0.0] * 8 + [45.0, 75.0])
    ours = np.full(10, 3.0)
    worse = np.array([2.9] * 8 + [5.0, 6.0])  # better on most faces, worse in the balanced mean
    found = {"yaw": yaw, "nme": {"a": ours, "b": worse}}
    row = claims._alignment(found, "a", "b")
    assert "3.00 against 4.63, gain +1.63" in row[1]


def test_a_report_says_the_same_in_both_forms(tmp_path):
    made = tiny(tmp_path)
    report.keep_figure(made, "dot", np.zeros((2, 2, 3), np.uint8))
    blocks = [
        document.Block("heading", "A < B"),
        document.Block("text", "by `name`"),
        document.Block("table", [["x", "y"], ["1", "2"]]),
        document.Block("figure", ("dot", "A dot.")),
    ]
    text = document.to_markdown(blocks)
    assert text.startswith("# A < B\n") and "| 1 | 2 |" in text and "figures/dot.png" in text
    page = document.to_html(blocks, tmp_path)
    assert "A &lt; B" in page and "<td>2</td>" in page and "<code>name</code>" in page
    assert "data:image/png;base64," in page and "http" not in page


def test_models_differ_only_in_what_their_name_says(tmp_path):
    made = tiny(tmp_path)
    config, bases = variants.configure(made, "mlp-teacher-9-pretrain")
    assert bases is None
    assert (config.model.shape_decoder, config.data.labels) == ("mlp", "teacher")
    assert (config.model.shape_code_size, config.finetune.steps) == (9, 0)
    plain, _ = variants.configure(made, "nonlinear-truth-6")
    assert plain.model.shape_decoder == "conv" and plain.finetune == made.config.finetune


def test_a_run_that_goes_on_from_another_has_its_checkpoints(tmp_path):
    source = tmp_path / "a"
    (source / "checkpoints").mkdir(parents=True)
    (source / "checkpoints" / "00000002.npz").write_bytes(b"x")
    config = configs.preset("tiny")
    variants.begin(source, tmp_path / "b", config)
    assert (tmp_path / "b" / "checkpoints" / "00000002.npz").read_bytes() == b"x"
    held = configs.from_dict(json.loads((tmp_path / "b" / "config.json").read_text()))
    assert held == config


def test_the_schedule_goes_on_where_it_stopped(tmp_path):
    done, patience = [], {"b": 1}

    def work(name):
        if patience.get(name, 0):
            patience[name] -= 1
            return False
        done.append(name)

    made = tiny(tmp_path)
    names = ("a", "b", "c")
    steps = [schedule.Part(n, lambda n=n: work(n), trains=n == "b") for n in names]

    def write(seconds):
        done.append("report")

    def follow(minutes=None):
        return schedule.follow(made, steps, write, minutes, say=lambda line: None)

    assert not follow() and done == ["a"]
    assert schedule.seconds(made)["b"]["done"] is False
    assert not follow(minutes=0) and done == ["a"]
    assert follow() and done == ["a", "b", "c", "report"]
    assert follow() and done[-1] == "report" and len(done) == 5


def test_a_folder_of_another_study_is_refused(tmp_path):
    assert schedule.follow(tiny(tmp_path), [], lambda seconds: None)
    with pytest.raises(training.RunError, match="study of another configuration"):
        schedule.follow(tiny(tmp_path, fit_steps=4), [], lambda seconds: None)


def test_every_model_of_the_tables_is_in_the_schedule(tmp_path):
    for make in (study.tiny, study.quick, study.full):
        made = make(tmp_path, None, "data")
        names = [part.name for part in paper.parts(made)]
        assert len(names) == len(set(names))
        for run in paper.methods(made).values():
            assert run is None or names.index(run) < names.index("shape power")


def test_crops_are_the_evaluation_crop(tmp_path):
    size = configs.preset("tiny").model.image_size
    stored = size * 5 // 4
    image = np.arange(2 * stored * stored * 3, dtype=np.uint32).reshape(2, stored, stored, 3) % 251
    arrays = {"image": image.astype(np.uint8), "landmarks": np.full((2, 68, 2), 10.0, np.float32)}

    class Split(dict):
        rows = np.array([1])

    images, landmarks = landmarkers.crops(tiny(tmp_path), Split(arrays))
    offset = (stored - size) // 2
    assert images.shape == (1, size, size, 3)
    np.testing.assert_array_equal(images[0, 0, 0], arrays["image"][1, offset, offset])
    np.testing.assert_array_equal(landmarks[0, 0], [10 - offset] * 2)


def test_mirror_images_follow_their_landmarks():
    images = np.random.default_rng(0).integers(0, 255, (2, 6, 6, 3)).astype(np.uint8)
    landmarks = np.random.default_rng(1).uniform(0, 5, (2, 68, 2)).astype(np.float32)
    landmarks[:, 36] = 1, 4  # the outer corner of the right eye
    both, points = landmarkers.mirrored(images, landmarks)
    np.testing.assert_array_equal(both[2, 3, 0], images[0, 3, 5])
    np.testing.assert_allclose(points[3, 45], [4, 4])  # is now the left eye's
    np.testing.assert_array_equal(points[:2], landmarks)


def test_walks_follow_what_was_measured():
    rng = np.random.default_rng(0)
    vertices = rng.random((300, 68, 3)).astype(np.float32)
    lengths = expressiveness.measure(vertices, np.arange(68))
    np.testing.assert_allclose(
        lengths[3, 1], np.linalg.norm(vertices[3, 31] - vertices[3, 35]), rtol=1e-5
    )
    shape_codes = lengths @ np.diag([1.0, 3.0, 0.5]).astype(np.float32)
    found = expressiveness.find(shape_codes, shape_codes, lengths, list(expressiveness.MEASURED))
    steps = np.stack([direction.step for direction in found])
    expected = np.diag(lengths.std(axis=0) * [1, 3, 0.5])
    np.testing.assert_allclose(steps, expected, atol=0.01)


@pytest.mark.slow
def test_the_whole_schedule_ends_in_a_report(tmp_path):
    from datasets.synthetic_faces import teacher

    one = dict(shape_codes=(6,), texture_codes=(6,), image_codes=(6,), mlp_codes=())
    made = study.tiny(tmp_path / "study", teacher.scan_200, str(tmp_path / "data"), **one)
    lines = []
    assert paper.reproduce(made, say=lines.append)
    numbers = json.loads((made.folder / "report.json").read_text())
    methods = [*paper.methods(made), "mean face, predicted pose", "mean face, best pose"]
    assert list(numbers["alignment"]) == methods
    assert all(np.isfinite(row["mean"]).all() for row in numbers["alignment"].values())
    assert set(numbers["texture"]) == {"albedo", "photo"}
    assert numbers["shape"]["mean face"]["0"][0] > numbers["shape"]["Linear oracle"]["6"][0]
    text = (made.folder / "report.md").read_text()
    page = (made.folder / "report.html").read_text()
    figures = list((made.folder / "figures").glob("*.png"))
    assert len(figures) == text.count("](figures/") == page.count("data:image/png;base64,") == 12
    before = len(lines)
    assert paper.reproduce(made, say=lines.append) and len(lines) == before + 1
