"""The experiments' own mathematics, verdicts, schedule and report."""

import dataclasses
import functools
import json
import pathlib
import re
import runpy
import time
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm import configs, training
from tf_nonlinear3dmm.evaluation import (
    directions,
    document,
    errors,
    expressiveness,
    statistics,
)
from tf_nonlinear3dmm.networks import linear
from tf_nonlinear3dmm.studies import paper, pictures, runs, schedule, study
from tf_nonlinear3dmm.studies.paper import (
    alignment,
    autoencoder,
    baseline_training,
    budget,
    claims,
    code_fitting,
    figures,
    merging,
    report,
    results,
    sections,
    shape_power,
    summary,
    texture_targets,
    trained_models,
    weak_labels,
)

N, K, D = 7, 3, 11
SCALES = (study.tiny, study.quick, study.middle, study.full)
DOCS = pathlib.Path(__file__).parents[1] / "docs" / "results"


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
    found, decoded = code_fitting.fit(
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


@pytest.mark.parametrize("how", ["linear", "gradient"])
def test_shapes_are_represented_wherever_they_lie_and_of_any_size(tmp_path, monkeypatch, how):
    made = study.tiny(tmp_path, None, "data", fit_steps=200)
    face, rng = made.face(), np.random.default_rng(0)
    modes = rng.standard_normal((2, *face.mean_vertices.shape)).astype(np.float32) / 100
    basis = linear.Basis(face.mean_vertices, modes, np.ones(2, np.float32))
    skin = face.regions["skin"][np.newaxis, :, np.newaxis]
    turn = np.array([[1, -0.03, 0], [0.03, 1, 0], [0, 0, 1]])
    people = linear.decode(basis, np.array([[1.0, -1.0], [0.5, 2.0]], np.float32))
    moved = np.float32(1.04 * people @ turn.T + [0.03, -0.02, 0.05])
    monkeypatch.setattr(shape_power, "targets", lambda study: (moved, skin))
    if how == "linear":
        placed = shape_power._anywhere(made, basis)
        errors = shape_power.error(
            made, linear.decode(placed, linear.project(placed, moved, skin)), moved
        )
    else:
        start, ones = np.zeros((2, 2), np.float32), np.ones(2)
        errors = shape_power._fitted(
            made, lambda z, rows: basis.mean + tf.tensordot(z, modes, 1), start, ones
        )
    still = shape_power.error(made, linear.decode(basis, linear.project(basis, moved, skin)), moved)
    assert (errors < 0.3).all() and (still > 4).all()


def test_a_fit_tells_the_decoder_which_sample_it_is():
    offsets = np.arange(5, dtype=np.float32)[:, None]
    table = tf.constant(offsets)

    def decode(z, rows):
        return tf.gather(table, rows) + z

    ones = np.ones((1, 1))
    found, _ = code_fitting.fit(decode, offsets + 2, ones, 0 * offsets, [1.0], 100, 0.2, batch=2)
    np.testing.assert_allclose(found, 2, atol=0.05)


def test_a_fit_does_not_remember_the_batch_before():
    targets = np.tile([[1.0, -2.0]], (4, 1))
    found, _ = code_fitting.fit(
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
    np.testing.assert_allclose(texture_targets.best_light(targets, albedo), light, atol=0.05)


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
        pairs = [(claims.SHAPE, "ours", other)]
        rows = claims.judge({}, {claims.SHAPE: table}, pairs, claims.AGREES)
        return rows[0][2] if rows else None

    assert verdict("worse") == "agrees"  # 8 is held against 6
    assert verdict("better") == "goes against the paper"
    assert verdict("alike") == "undecided"
    assert verdict("mixed") == "differs by code size"
    assert verdict("absent") is None


def test_alignment_is_judged_by_the_balanced_mean():
    yaw = np.array([0.0] * 8 + [45.0, 75.0])
    ours = np.full(10, 3.0)
    worse = np.array([2.9] * 8 + [5.0, 6.0])  # better on most faces, worse in the balanced mean
    faces = {errors.YAW: yaw, (errors.NME, "a"): ours, (errors.NME, "b"): worse}
    pairs = [(claims.ALIGNMENT, "a", "b"), (claims.RECONSTRUCTION, "a", "b")]
    rows = claims.judge(faces, {}, pairs, claims.AGREES)
    assert len(rows) == 1 and "NME 3.00 against 4.63 %, gain +1.63" in rows[0][1]


def test_every_model_that_is_judged_is_in_a_table(tmp_path):
    made = tiny(tmp_path)
    methods = {*trained_models.runs_of(made), errors.PREDICTED_POSE, claims.TEACHER}
    known = {claims.ALIGNMENT: methods}
    known[claims.RECONSTRUCTION] = known[claims.ALIGNMENT]
    known |= {name: {*models} for name, (_, models) in report.TABLES.items()}
    for kind, *pair in claims.CLAIMS + claims.QUESTIONS:
        assert {*pair} <= known[kind]
    for models in known.values():
        assert all(figures.style(model) for model in models)


def test_what_parts_kept_comes_back_in_one_table(tmp_path):
    made = tiny(tmp_path)
    results.save(made, "shape/b", {"two": {16: np.array([1.0, np.nan]), 8: [3.0, 4.0]}})
    results.save(made, "shape/a", {"one": {8: [5.0]}, "two": {32: [6.0, 7.0]}})
    results.save(made, "photo/a", {"one": {8: [9.0]}})
    table = results.table(made, "shape", ["three", "two", "one"])
    assert [*table] == ["two", "one"] and [*table["two"]] == ["8", "16", "32"]
    np.testing.assert_array_equal(table["two"]["16"], [1, np.nan])
    np.testing.assert_array_equal(table["one"]["8"], [5])
    for size, value in ((64, 0.25), (160, 0.5), (16, 1.5)):
        results.save_maps(made, "m", size, np.full((2, 3, 4, 3), value))
    np.testing.assert_array_equal(
        results.read_maps(made, ["n", "m"])["m"], np.full((2, 3, 4, 3), 0.5)
    )


def test_a_report_says_the_same_in_markdown_and_html(tmp_path):
    made = tiny(tmp_path)
    pictures.save(made, "dot", np.zeros((2, 2, 3), np.uint8))
    blocks = [
        document.Block("heading", "A < B"),
        document.Block("text", "by `name`"),
        document.Block("table", [["x", "y"], ["1", "2"]]),
        document.Block("figure", ("figures/dot.png", "A dot.")),
    ]
    text = document.to_markdown(blocks)
    assert text.startswith("# A < B\n") and "| 1 | 2 |" in text and "figures/dot.png" in text
    page = document.to_html(blocks, tmp_path)
    assert "A &lt; B" in page and "<td>2</td>" in page and "<code>name</code>" in page
    assert "data:image/png;base64," in page and "http" not in page


def test_a_report_has_a_section_for_whatever_there_is(tmp_path):
    made = tiny(tmp_path)
    yaw = np.array([0.0, 40, 80, 10])
    methods = ("Nonlinear, teacher, finetuned", errors.BEST_POSE)
    faces = {(errors.NME, m): np.arange(4.0) for m in methods} | {errors.YAW: yaw}
    numbers = {
        "command": made.command,
        "setting": report._setting(made),
        "machine": "2 CPU cores",
        "missing": ["a", "b"],
        "failed": {"b": "ValueError: no"},
        "claims": [],
        "questions": [],
        "alignment": statistics.summarise(faces)["alignment"],
        "power": {claims.SHAPE: {"mean face": {"0": [1.0, 0.5, 2.0]}}},
        "speed_ms": {"Nonlinear, teacher, finetuned": 12.3},
        "seconds": {"nonlinear-teacher-6-pretrain": 60.0, "nonlinear-teacher-6": 120.0},
        "images": {"Nonlinear, teacher, finetuned": "24"},
        "networks": {"a": dict(images=24, before=5.0, after=4.9, gain=0.02, flat=False)},
        "config": configs.to_dict(made.config),
    }
    text = document.to_markdown(sections.blocks(numbers, tmp_path))
    assert "Not done yet: `a`, `b`." in text and "Failed: `b`: ValueError: no" in text
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    ours, control = (next(r for r in rows if r[0] == f"| {m}") for m in methods)
    assert ours[-1] == "4.70 |" and control[-1] == " |"
    assert next(r for r in rows if r[-1] == "12.3 |")[1:4] == ["teacher", "24", "3.0"]
    assert "| a | 24 | 5.00 | 4.90 | 2.0 % | no |" in text
    assert "## 3D reconstruction" not in text and "## Representation power: shape" in text
    assert "](figures/" not in text  # none is drawn yet
    assert "nonlinear3dmm reproduce --tiny" in text


def test_models_differ_only_in_what_their_name_says(tmp_path):
    made = study.quick(tmp_path, None, "data")
    config, bases = trained_models.configure(made, "mlp-teacher-9-pretrain")
    assert bases is None
    assert (config.model.shape_decoder, config.data.labels) == ("mlp", "teacher")
    assert (config.model.shape_code_size, config.finetune.steps) == (9, 0)
    plain, _ = trained_models.configure(made, "nonlinear-ground_truth-6")
    assert plain.model.shape_decoder == "conv" and plain.finetune == made.config.finetune


def test_the_model_of_cvpr_2019_differs_in_decoders_and_regularisers_alone(tmp_path):
    made = study.middle(tmp_path, None, "data")
    ours, _ = trained_models.configure(made, "nonlinear-teacher-9")
    theirs, _ = trained_models.configure(made, "cvpr19-teacher-9")
    assert theirs.model.proxies and theirs.model.albedo_decoder == "global_local"
    same = dict(shape_decoder="conv", albedo_decoder="conv", proxies=False)
    assert dataclasses.replace(theirs.model, **same) == ours.model
    off = dict.fromkeys(("symmetry", "constancy", "residual", "smoothness"), 0.0)
    for (name, stage), (_, own) in zip(theirs.stages(), ours.stages(), strict=True):
        assert dataclasses.replace(stage, loss=own.loss) == own
        assert dataclasses.replace(stage.loss, **off) == dataclasses.replace(own.loss, **off), name
    assert theirs.encoder == ours.encoder


def test_labels_of_the_teacher_count_a_tenth_in_finetuning(tmp_path):
    for make in SCALES:
        made = make(tmp_path, None, "data")
        config, _ = trained_models.configure(made, "nonlinear-teacher-6")
        own, after = made.config.finetune.loss, config.finetune.loss
        before = made.config.pretrain.loss if made.config.pretrain.steps else own
        terms = ("projection", "reprojection", "shape", "albedo")
        for term in terms:
            np.testing.assert_allclose(getattr(before, term), 10 * getattr(after, term))
        off = dict.fromkeys(terms, 0.0)
        assert dataclasses.replace(after, **off) == dataclasses.replace(own, **off)


def test_linear_models_have_the_bases_and_labels_of_their_name(tmp_path):
    made, face = tiny(tmp_path), tiny(tmp_path).face()
    rng = np.random.default_rng(0)
    for source, modes in (("scan-200", 4), ("oracle", 9)):
        for what, shape in (("shape", face.mean_vertices.shape), ("albedo", (24, 28, 3))):
            basis = linear.pca(rng.standard_normal((10, *shape)).astype(np.float32), modes)
            np.savez(made.file(f"bases/{source}-{what}.npz"), **basis._asdict())
    config, arrays = trained_models.configure(made, "linear-teacher-scan-200")
    assert config.data.labels == "teacher" and config.encoder == made.config.encoder
    assert config.decoders.steps == 0  # they learn nothing
    assert config.model.shape_code_size == config.model.albedo_code_size == 4  # it has no more
    config, arrays = trained_models.configure(made, "linear-ground_truth-oracle")
    assert config.data.labels == "ground_truth" and config.model.shape_code_size == made.code_size
    oracle = linear.truncate(linear.Basis(**np.load(made.file("bases/oracle-shape.npz"))), 6)
    part, scale = arrays["linear_shape"], face.shape_scale
    own = linear.Basis(part["mean"], part["basis"] * scale, part["std"])
    np.testing.assert_allclose(face.mean_vertices + scale * own.mean, oracle.mean, atol=1e-4)
    np.testing.assert_allclose(_covariance(own), _covariance(oracle), rtol=1e-3, atol=1e-5)


def test_a_run_forked_from_another_has_its_checkpoints(tmp_path):
    source = tmp_path / "a"
    (source / "checkpoints").mkdir(parents=True)
    (source / "checkpoints" / "00000002.npz").write_bytes(b"x")
    config = configs.preset("tiny")
    runs.fork(source, tmp_path / "b", config)
    assert (tmp_path / "b" / "checkpoints" / "00000002.npz").read_bytes() == b"x"
    held = configs.from_dict(json.loads((tmp_path / "b" / "config.json").read_text()))
    assert held == config


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A schedule of three parts.

    `follow`, `done`: what was done in turn; `behave`: part -> what it does once instead (False: it
    stops before its end); `lines`: what was said.
    """
    monkeypatch.setattr(schedule.gc, "collect", lambda: None)  # a second after each part
    done, behave, lines = [], {}, []

    def do(name):
        act = behave.pop(name, None)
        if callable(act):
            return act()
        if act is False:
            return False
        done.append(name)

    def write(records):
        done.append("report")
        return True

    parts = [schedule.Part(name, functools.partial(do, name)) for name in ("a", "b", "c")]

    def follow(minutes=None, **changes):
        return schedule.follow(tiny(tmp_path, **changes), parts, write, minutes, lines.append)

    names = dict(done=done, behave=behave, lines=lines, study=tiny(tmp_path))
    return types.SimpleNamespace(follow=follow, **names)


def test_the_schedule_resumes_where_it_stopped(work):
    work.behave["b"] = False
    assert not work.follow() and work.done == ["a", "report"]
    assert schedule.records(work.study)["b"]["done"] is False
    assert not work.follow(minutes=0) and work.done == ["a", "report", "report"]
    assert work.lines[-2] == "the time budget is used up before `b`"
    assert work.follow() and work.done[3:] == ["b", "c", "report"]
    assert work.follow() and work.done[6:] == ["report"]


def test_a_kill_loses_at_most_the_part_that_runs(work):
    def kill():
        raise KeyboardInterrupt  # no part may catch it

    work.behave["b"] = kill
    with pytest.raises(KeyboardInterrupt):
        work.follow()
    assert [*schedule.records(work.study)] == ["a"] == work.done
    assert work.follow() and work.done[1:] == ["b", "c", "report"]


def test_no_part_begins_after_the_time_budget(work):
    work.behave["a"] = lambda: time.sleep(0.7)
    assert not work.follow(minutes=0.01)
    assert [*schedule.records(work.study)] == ["a"] and work.done == ["report"]
    assert work.lines[-2] == "the time budget is used up before `b`"


def test_a_part_that_fails_is_named_and_the_others_do_not_wait(work):
    work.behave["a"] = lambda: 1 / 0
    assert not work.follow() and work.done == ["b", "c", "report"]
    assert "ZeroDivisionError" in schedule.records(work.study)["a"]["error"]
    assert any("`a` failed: ZeroDivisionError" in line for line in work.lines)
    assert work.follow() and work.done[3:] == ["a", "report"]
    assert "error" not in schedule.records(work.study)["a"]


def test_a_folder_of_another_study_is_refused(work):
    assert work.follow()
    with pytest.raises(training.RunError, match="study of another configuration"):
        work.follow(fit_steps=4)


def test_every_model_of_the_tables_is_in_the_schedule(tmp_path):
    for make in SCALES:
        made = make(tmp_path, None, "data", source="photo_folder:photos")
        names = [part.name for part in paper.parts(made)]
        assert len(names) == len(set(names))
        for run in sum(trained_models.runs_of(made).values(), []):
            assert names.index(run) < names.index(f"predict {run}")
            assert f"predict {run} on photo_folder" in names
        for size in made.decoder_codes:
            assert {f"shape: {kind} {size}, trained in 3D" for kind in ("mlp", "conv")} <= {*names}
        for size in made.image_codes:
            trained = names.index(f"nonlinear-{made.image_labels}-{size}")
            assert trained < names.index(f"shape: conv {size}, trained on images")
            assert trained < names.index(f"texture: conv {size}, trained on images")
        weak = made.image_labels == "teacher"
        assert (f"cvpr19-teacher-{made.code_size}" in names) == weak
        assert names.index("bases: all faces") < names.index("linear-ground_truth-oracle")


def test_crops_are_the_evaluation_crop(tmp_path):
    size = configs.preset("tiny").model.image_size
    stored = size * 11 // 8
    image = np.arange(2 * stored * stored * 3, dtype=np.uint32).reshape(2, stored, stored, 3) % 251
    arrays = {"image": image.astype(np.uint8), "landmarks": np.full((2, 68, 2), 10.0, np.float32)}

    class Split(dict):
        rows = np.array([1])

    images, landmarks = baseline_training.crops(tiny(tmp_path), Split(arrays))
    offset = (stored - size) // 2
    assert images.shape == (1, size, size, 3)
    np.testing.assert_array_equal(images[0, 0, 0], arrays["image"][1, offset, offset])
    np.testing.assert_array_equal(landmarks[0, 0], [10 - offset] * 2)


def test_latent_traversals_follow_what_was_measured():
    rng = np.random.default_rng(0)
    vertices = rng.random((300, 68, 3)).astype(np.float32)
    lengths = expressiveness.measure(vertices, np.arange(68))
    np.testing.assert_allclose(
        lengths[3, 1], np.linalg.norm(vertices[3, 31] - vertices[3, 35]), rtol=1e-5
    )
    codes_of = lengths @ np.diag([1.0, 3.0, 0.5]).astype(np.float32)
    part = directions.Part(lambda z: z / np.float32([1, 3, 0.5]), codes_of, lengths)
    found = directions.fit({"shape": part}, lengths, expressiveness.LENGTHS, expressiveness.GROUPS)
    steps = np.stack([direction.step for direction in found])
    expected = np.diag(lengths.std(axis=0) * [1, 3, 0.5])
    np.testing.assert_allclose(steps, expected, atol=0.02)


def _covariance(basis):
    """Of the first coordinates of a linear model's samples."""
    scaled = (basis.std * basis.modes.reshape(len(basis.modes), -1)[:, :9].T).T
    return scaled.T @ scaled


def test_principal_modes_are_orthogonal_and_of_the_same_model():
    rng = np.random.default_rng(0)
    modes = rng.standard_normal((K, D))
    basis = linear.Basis(
        np.zeros(D), modes / np.linalg.norm(modes, axis=1)[:, None], 1 + rng.random(K)
    )
    turned = linear.principal(basis)
    np.testing.assert_allclose(turned.modes @ turned.modes.T, np.eye(K), atol=1e-12)
    np.testing.assert_allclose(_covariance(turned), _covariance(basis), atol=1e-12)


def test_an_error_is_flat_where_the_last_third_gains_less_than_a_percent():
    def judge(last, count=9, factor=1.0):
        errors = [10.0] * 6 + [10.0 * last] * (count - 6)
        return budget.judge([(i + 1, factor * e) for i, e in enumerate(errors)], count)

    assert judge(1.0).flat and judge(0.9901).flat and judge(1.5).flat
    assert not judge(0.9899).flat and judge(0.9).gain == pytest.approx(0.1)
    assert judge(0.9, factor=7.0).gain == pytest.approx(0.1)  # whatever the unit
    curve = [(3, 5.0), (6, np.nan), (6, 8.0), (7, np.inf), (9, 6.0)]  # a bad validation, no gain
    assert budget.judge(curve, 9) == (9, 5.0, 5.0)
    assert budget.judge([(7, 1.0), (9, 1.0)], 9) is None  # nothing to compare with
    assert budget.judge([(3, 1.0), (6, 1.0)], 9) is None  # not at its end
    slow = [(i, 3 + np.exp(-i / 4)) for i in range(1, 31)]
    assert budget.judge(slow, 30).flat and not budget.judge(slow[:9], 9).flat


def test_validation_errors_stand_at_the_images_seen(tmp_path):
    config = tiny(tmp_path).config  # 1 step of decoders, 2 of the encoder, 1 of finetuning
    lines = [
        {"step": step, "stage": stage, "kind": kind, "nme": 1.0 * step, "vertices": 0.5}
        for step, stage in ((1, "decoders"), (2, "encoder"), (3, "encoder"), (4, "finetune"))
        for kind in ("training", "validation")
    ]
    size = config.train.batch_size
    assert budget.curve(lines, config) == [(size, 2.5), (2 * size, 3.5), (3 * size, 4.5)]
    assert budget.images(config) == 3 * size


def test_every_network_learns_from_as_many_images(tmp_path):
    for make in SCALES:
        made = make(tmp_path, None, "data")
        names = [part.name for part in paper.parts(made)]
        runs = [n for n in names if n.split("-")[0] in ("nonlinear", "linear", "mlp", "3DDFA")]
        whole = [run for run in runs if not run.endswith(trained_models.PRETRAIN)]
        assert len(whole) >= len(made.image_codes) + 4 + 3 * (made.seeds - 1)
        counts = {budget.images(trained_models.named(made, run)) for run in whole}
        assert counts == {budget.images(made.config)}
        cascade = budget.steps(made.config) * budget.batch_size(made.config)
        assert cascade == budget.images(made.config)  # each network of 3DDFA


def test_seeds_differ_in_the_seed_and_count_as_one_method(tmp_path):
    made = study.middle(tmp_path, None, "data")
    runs = trained_models.runs_of(made)
    assert {method: len(runs[method]) for method in runs if len(runs[method]) > 1} == dict.fromkeys(
        trained_models.HEADLINE, 3
    )
    first, second, third = (trained_models.named(made, r) for r in runs[trained_models.NONLINEAR])
    assert [c.train.seed for c in (first, second, third)] == [0, 1, 2]
    assert study.change(third, "train", seed=0) == first
    values = {("nme", run): np.full(N, k) for k, run in enumerate(runs["SDM"])}
    values |= {"yaw": np.arange(N), ("nme", "mean face"): np.zeros(N)}
    folded = alignment.by_method(made, values)
    assert [*folded] == [("nme", "SDM"), "yaw", ("nme", "mean face")]
    np.testing.assert_array_equal(folded["nme", "SDM"], np.ones(N))


def test_the_albedo_of_the_teacher_is_what_explains_the_photo():
    rng = np.random.default_rng(3)
    directions = 0.1 * rng.standard_normal((K, 40, 1, 3)).astype(np.float32)
    basis = linear.Basis(np.full((40, 1, 3), 0.5, np.float32), directions, np.ones(K, np.float32))
    codes = rng.standard_normal((N, K)).astype(np.float32)
    harmonics = rng.standard_normal((N, 40, 9)).astype(np.float32)
    light = rng.standard_normal((N, 9, 3)).astype(np.float32)
    albedo = linear.decode(basis, codes).reshape(N, 40, 3)
    photo = albedo * np.einsum("ntk,nkc->ntc", harmonics, light)
    visible = np.ones((N, 40, 1), np.float32)
    visible[:, :4] = 0
    photo = np.where(visible > 0, photo, 9)
    fit = weak_labels.at_texels(basis, np.arange(40))
    found, _ = weak_labels.fit_codes(fit, texture_targets.Unwrapped(photo, visible, harmonics))
    gain = (found * codes).sum() / (codes**2).sum()
    assert 0.5 < gain < 1.05  # a ridge makes it smaller, and light takes its part
    assert np.corrcoef(found.ravel(), codes.ravel())[0, 1] > 0.9


def test_the_albedo_of_the_teacher_has_what_the_photo_shows_on_either_side():
    rng = np.random.default_rng(4)
    model = np.full((1, 6, 8, 3), 0.5)
    true = model + rng.uniform(-0.3, 0.1, model.shape)
    true[:, :, 4:] = true[:, :, 3::-1]  # a symmetric face
    harmonics = np.concatenate([np.ones((1, 6, 8, 1)), 0.1 * rng.random((1, 6, 8, 8))], axis=-1)
    light = np.full((1, 9, 3), 0.6)
    visible = np.ones((1, 6, 8, 1))
    visible[:, :, :3] = 0  # a side is hidden
    visible[:, 0] = 0  # and a row on both
    photo = true * np.einsum("nhwk,nkc->nhwc", harmonics, light)
    photos = texture_targets.Unwrapped(np.where(visible > 0, photo, 9), visible, harmonics)
    shown = weak_labels.with_details(model, light, photos)
    np.testing.assert_allclose(shown[:, 1:], true[:, 1:], atol=1e-6)
    np.testing.assert_allclose(shown[:, 0], model[:, 0])
    dark = weak_labels.with_details(model, 0.1 * light, photos)
    np.testing.assert_allclose(dark, model)


def test_the_committed_pages_say_what_the_committed_numbers_say():
    numbers = json.loads((DOCS / "report.json").read_text())
    for name, module in (("report.md", sections), ("summary.md", summary)):
        text = document.to_markdown(module.blocks(numbers, DOCS))
        assert (DOCS / name).read_text() == text, f"{name} is not of report.json"


def report_of(made, nme):
    """Numbers of a report whose methods have these errors: run -> `[N]`."""
    yaw = np.linspace(0, 80, N)
    values = {(errors.NME, run): own for run, own in nme.items()}
    values |= {(errors.VERTEX_SCALED, run): own**2 for run, own in nme.items()}
    tables = statistics.summarise(alignment.by_method(made, values | {errors.YAW: yaw}))
    seeds = report._seeds(made, values | {errors.YAW: yaw})
    own = dict(alignment=tables["alignment"], photos=tables["alignment"], seeds=seeds)
    own |= dict(reconstruction=tables["measures"], photo_seeds=seeds)
    return json.loads((DOCS / "report.json").read_text()) | json.loads(json.dumps(own))


def assert_alike(actual, expected):
    if isinstance(expected, dict):
        assert {*actual} == {*expected}
        for key, value in expected.items():
            assert_alike(actual[key], value)
    else:
        np.testing.assert_allclose(actual, expected, rtol=1e-9)


def test_reports_of_other_seeds_are_merged_into_that_of_all(tmp_path):
    made, rng = study.middle(tmp_path, None, "data"), np.random.default_rng(0)
    runs = [*trained_models.runs_of(made)["SDM"], *trained_models.runs_of(made)["3DDFA"]]
    nme = {run: rng.random(N) for run in [*runs, "mean face, best pose", "cvpr19-teacher-64"]}
    first = {name: own for name, own in nme.items() if "-seed" not in name}
    second = {name: own for name, own in nme.items() if "-seed" in name or "mean face" in name}
    whole = report_of(made, nme)
    merged = merging.merge([report_of(made, first), report_of(made, second)])
    assert merged["seeds"] == whole["seeds"] and {*merged["seeds"]} == {"SDM", "3DDFA"}
    for name in ("alignment", "photos"):
        assert {*merged[name]} == {*whole[name]}
        for method, row in whole[name].items():
            own = merged[name][method]
            assert own.pop("n") == row.pop("n")
            assert_alike({key: own[key][0] for key in own}, {key: row[key][0] for key in row})
    (measure,) = whole["reconstruction"]
    for method, row in whole["reconstruction"][measure].items():
        assert_alike(merged["reconstruction"][measure][method][0], row[0])


def test_a_report_alone_is_merged_into_itself():
    numbers = json.loads((DOCS / "report.json").read_text())
    assert merging.merge([numbers]) == numbers


def test_a_method_without_seeds_was_trained_once(tmp_path):
    made = study.middle(tmp_path, None, "data")
    both = [report_of(made, {"cvpr19-teacher-64": np.arange(N) + k * 1e-6}) for k in range(2)]
    assert merging.merge(both).get("seeds", {}) == {}


def test_a_part_is_missing_where_no_report_has_it():
    first = json.loads((DOCS / "report.json").read_text())
    first |= dict(missing=["a", "b", "c"], failed={"a": "no", "b": "no"})
    second = first | dict(missing=["c", "b"], failed={"b": "never"})
    second["power"] = {claims.SHAPE: {"Linear oracle": {"40": [1, 2, 3], "8": [4, 5, 6]}}}
    merged = merging.merge([first, second])
    assert merged["missing"] == ["b", "c"] and merged["failed"] == {"b": "never"}
    oracle = merged["power"][claims.SHAPE]["Linear oracle"]
    assert [*oracle] == ["8", "16", "40", "64", "160"] and oracle["40"] == [1, 2, 3]


def test_reports_of_different_studies_are_not_merged():
    first = json.loads((DOCS / "report.json").read_text())
    second = json.loads((DOCS / "report.json").read_text())
    second["config"]["data"]["folder"] = "elsewhere"
    merging.merge([first, second])
    second["config"]["encoder"]["steps"] += 1
    with pytest.raises(training.RunError, match="different configurations"):
        merging.merge([first, second])


def test_verdicts_of_other_trainings_and_code_sizes_are_merged():
    first = [["a", "1 against 2 mm, gain 1 (0 to 2)", "agrees"], ["b", "x", "agrees"]]
    first += [["c", "ratio of the errors at size 64: 0.9 (0 to 1); size 8: 1.2", "agrees"]]
    second = [["a", "3 against 5 mm, gain 2 (1 to 3)", "agrees"], ["b", "y", "undecided"]]
    second += [["c", "ratio of the errors at size 16 against 8: 0.7", "agrees"], ["d", "z", "no"]]
    text = "ratio of the errors at size 8: 1.2; size 16 against 8: 0.7; size 64: 0.9 (0 to 1)"
    assert claims.merge([first, second]) == [
        ["a", "1 against 2 mm, gain 1 (0 to 2); other trainings: 2 (1 to 3)", "agrees"],
        ["b", "x; other trainings: y", "differs by training"],
        ["c", text, "agrees"],
        ["d", "z", "no"],
    ]
    assert claims.merge([first]) == claims.merge([first, first])


def test_the_script_writes_the_page_of_the_reports_it_is_given(tmp_path, monkeypatch):
    script = DOCS.parents[1] / "scripts" / "maintenance" / "merge_reports.py"
    flags = [str(DOCS / "report.json"), "--out", str(tmp_path)]
    monkeypatch.setattr("sys.argv", [str(script), *flags])
    runpy.run_path(str(script), run_name="__main__")
    for name in ("report.md", "summary.md", "report.json"):
        assert (tmp_path / name).read_text() == (DOCS / name).read_text()
    assert "data:image/png;base64," in (tmp_path / "report.html").read_text()


def test_the_page_has_both_test_sets_ratios_and_four_figures(tmp_path):
    numbers = json.loads((DOCS / "report.json").read_text())
    numbers["photos"] = {
        method: {"balanced mean": [value, value - 1, value + 1], "n": [7, 3, 2, 2]}
        for method, value in (("SDM", 8.0), ("Nonlinear, ground truth", 4.0))
    }
    numbers["setting"]["photos"] = "aflw2000_3d"
    numbers["networks"] = {"a": dict(gain=0.001, flat=True), "b": dict(gain=0.05, flat=False)}
    numbers["seeds"] = {"SDM": [5.0, 6.0, 4.0], "3DDFA": [5.0, 6.0]}
    numbers["claims"] = [
        ["alignment: `a` is better than `b`", "NME 1", "agrees"],
        ["alignment: `c` is better than `d`", "NME 3", "undecided"],
        ["alignment on `aflw2000_3d`: `a` is better than `b`", "NME 2", "goes against the paper"],
    ]
    assert "trained 1 to 3 times" in document.to_markdown(summary.blocks(numbers, DOCS))
    numbers["seeds"] = dict.fromkeys(trained_models.HEADLINE, [5.0, 6.0, 4.0])
    text = document.to_markdown(summary.blocks(numbers, DOCS))
    row = next(line for line in text.splitlines() if line.startswith("| SDM |"))
    assert row.endswith("| 8.00 (7.00 to 9.00) | 0.50 | 0.77 |")  # 4.70 / 6.12
    assert "1 of 2 networks" in text and "less than 1 %; of the others, by up to 5.0 %" in text
    assert "trained 3 times, with NMEs at most 2.00 apart" in text
    assert "and the 7 of `aflw2000_3d`" in text
    assert "`a` is better than `b` | NME 1 | agrees | NME 2 | goes against the paper |" in text
    assert "`c` is better than `d` | NME 3 | undecided |  |  |" in text
    assert re.search(r"\) at 40 \| 0\.\d\d \| 0\.64 \| \d", text)  # no more than 40 modes
    assert text.count("](figures/") == len(summary.FIGURES) == 4
    text = (DOCS / "summary.md").read_text()
    assert sum(any(map(str.isalnum, word)) for word in text.split()) < 900  # three minutes
