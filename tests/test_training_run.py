"""Whole runs of the smallest preset on pictures of noise."""

import dataclasses
import json
import signal

import fake_faces
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.util import event_pb2

from tf_nonlinear3dmm import configs, training
from tf_nonlinear3dmm.core import array_files, locks
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.training import checkpoints, log, loop, strategies
from tf_nonlinear3dmm.training.run import check


def tiny(folder, pretrain=3, finetune=0, learning_rate=1e-3, **train):
    config = configs.preset("tiny")
    return dataclasses.replace(
        config,
        pretrain=dataclasses.replace(config.pretrain, steps=pretrain, learning_rate=learning_rate),
        finetune=dataclasses.replace(config.finetune, steps=finetune),
        data=dataclasses.replace(config.data, sources="fake_faces", folder=str(folder)),
        train=dataclasses.replace(config.train, log_every=1, **train),
    )


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    fake_faces.prepare(folder)
    return folder


@pytest.fixture(scope="module")
def run(prepared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    assert training.train(tiny(prepared), folder) == training.Outcome(True, 3, 3)
    return folder


def test_a_run_has_its_files(run, prepared):
    names = {path.name for path in run.iterdir()} - {".lock"}
    assert names == {
        "config.json", "checkpoints", "metrics.jsonl", "panels", "tensorboard", "weights.npz"
    }  # fmt: skip
    held = configs.from_dict(json.loads((run / "config.json").read_text()))
    assert held == tiny(prepared)
    lines = log.read(run / "metrics.jsonl")
    terms = {"loss", "projection", "shape", "texture", "symmetry", "constancy", "nme"}
    assert terms < {*lines[0]} and {"encoder_loss", "landmarks"} < {*lines[1]}
    assert {"nme", "vertices", "image"} < {*lines[-1]}


def test_tensorboard_gets_scalars_panels_and_histograms_of_the_codes(run):
    (path,) = (run / "tensorboard").glob("events*")
    kinds = {}
    for record in tf.data.TFRecordDataset(str(path)):
        for value in event_pb2.Event.FromString(record.numpy()).summary.value:
            kinds.setdefault(value.metadata.plugin_data.plugin_name, set()).add(value.tag)
    assert {"training/loss", "validation/nme", "speed/images_per_second"} < kinds["scalars"]
    assert kinds["images"] == {"panel"}
    assert kinds["histograms"] == {"shape_code", "albedo_code"}


def test_a_loaded_run_has_the_averaged_weights(run):
    model, config = training.load(run)
    arrays, _ = checkpoints.Checkpoints(run / "checkpoints", 1).load_latest()
    averaged = [a for name, a in sorted(arrays.items()) if name.startswith("averaged/")]
    tensors = [v.value for v in model.weights if "float" in v.dtype]
    for tensor, array in zip(tensors, averaged, strict=True):
        np.testing.assert_array_equal(tensor, array)
    size = config.model.image_size
    result = model(tf.zeros([2, size, size, 3]))
    assert np.isfinite(result.image).all() and model.encoder.projection_std.numpy().min() > 0


def test_a_finished_run_is_left_alone(run, prepared):
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    assert training.train(tiny(prepared), run).finished
    assert before == {path: path.stat().st_mtime_ns for path in run.rglob("*")}


def test_a_run_of_another_configuration_is_left_alone(run, prepared):
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    with pytest.raises(
        training.RunError, match="pretrain.steps 3 there, 4 asked for.*another --out"
    ):
        training.train(tiny(prepared, pretrain=4), run)
    with pytest.raises(training.RunError, match="preset 'tiny' there, 'small' asked for"):
        training.train(configs.preset("small"), run)
    assert before == {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    check(tiny(prepared, checkpoint_minutes=77.0), run)  # may differ


def test_two_processes_cannot_train_one_run(prepared, tmp_path):
    with locks.alone(tmp_path):
        with pytest.raises(training.RunError, match="in use by another process"):
            training.train(tiny(prepared), tmp_path)
    with locks.alone(tmp_path, wait=False):
        assert not (tmp_path / "config.json").exists()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"data": {"folder": "nowhere"}}, "neither prepared in nowhere/ nor known"),
        ({"model": {"face_model": "makehuma"}}, "did you mean `makehuman`"),
        ({"model": {"uv_size": (48, 56)}}, r"`texture` of .* must have shape \[48, 56, 3\]"),
    ],
)
def test_what_cannot_start_leaves_no_folder(prepared, tmp_path, changes, message):
    config = tiny(prepared)
    for part, values in changes.items():
        new = dataclasses.replace(getattr(config, part), **values)
        config = dataclasses.replace(config, **{part: new})
    with pytest.raises(training.RunError, match=message):
        training.train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_wrong_strategy_names_the_nearest(prepared, tmp_path):
    with pytest.raises(training.RunError, match="did you mean `mirrored`. got 'miror'"):
        training.train(tiny(prepared), tmp_path / "run", "miror")
    with pytest.raises(ValueError, match="did you mean `mirrored`"):  # of a finished run too
        strategies.is_chief("miror")


def test_multi_worker_asks_for_its_environment(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(ValueError, match="needs the environment variable TF_CONFIG"):
        strategies.create("multi_worker")
    monkeypatch.setenv("TF_CONFIG", "{not json")
    with pytest.raises(ValueError, match="TF_CONFIG is not JSON"):
        strategies.create("multi_worker")


@pytest.mark.slow
def test_both_stages_of_the_smallest_preset(prepared, tmp_path, monkeypatch):
    """Python sees the model while a graph is traced, and then no more: once per kind of step."""
    traced = []

    def count(name):
        function = getattr(Nonlinear3DMM, name)

        def counted(model, inputs, training=False, draw=True):
            traced.append((training, draw))
            return function(model, inputs, training=training, draw=draw)

        monkeypatch.setattr(Nonlinear3DMM, name, counted)

    count("call")
    count("pairs")
    config = tiny(prepared, pretrain=4, finetune=4, validate_every=1, panel_every=2)
    assert training.train(config, tmp_path / "run").finished
    lines = log.read(tmp_path / "run" / "metrics.jsonl")
    drawn = [line for line in lines if "reconstruction" in line]
    assert {line["stage"] for line in drawn} == {"finetune"} and len(drawn) == 4
    steps = [draw for training, draw in traced if training]
    assert steps == [False, False, True, True] and len(traced) == len(steps) + 1


@pytest.mark.slow
def test_records_of_a_loss_that_is_not_finite_are_named(tmp_path, monkeypatch):
    def far(split, i, **_):
        record = original(split, i)
        return record | {"vertices": record["vertices"] * np.float32(1e30)} if i == 3 else record

    original = fake_faces.example
    monkeypatch.setattr(fake_faces, "example", far)
    fake_faces.prepare(tmp_path / "data")
    config = tiny(tmp_path / "data", pretrain=9, checkpoint_minutes=0.0)
    with pytest.raises(training.NonFiniteError) as caught:
        training.train(config, tmp_path / "run")
    assert f"{tmp_path}/run/nonfinite.json names its records" in str(caught.value)
    report = json.loads((tmp_path / "run" / "nonfinite.json").read_text())
    assert "train-3" in report["records"] and len(report["records"]) == 8
    assert not np.isfinite(report["terms"]["shape"])
    saved = checkpoints.Checkpoints(tmp_path / "run" / "checkpoints", 3).steps()
    assert saved[-1:] == ([report["step"]] if report["step"] else [])


@pytest.mark.slow
def test_the_adversarial_term_trains_a_discriminator(prepared, tmp_path):
    config = tiny(prepared, pretrain=4, checkpoint_minutes=0.0)
    loss = dataclasses.replace(config.pretrain.loss, adversarial=0.1, history=20)
    config = dataclasses.replace(config, pretrain=dataclasses.replace(config.pretrain, loss=loss))
    assert training.train(config, tmp_path / "run").finished
    lines = log.read(tmp_path / "run" / "metrics.jsonl")[:4]
    assert all({"adversarial", "discriminator"} < {*line} for line in lines)
    store = checkpoints.Checkpoints(tmp_path / "run" / "checkpoints", 3)
    before, after = (array_files.read(store.path(step))[0] for step in (2, 4))
    assert (before["discriminator/0000"] != after["discriminator/0000"]).any()
    assert after["history/0001"] == 32 and after["history/0000"].dtype == np.uint8
    assert training.load(tmp_path / "run")


def test_the_perceptual_term_needs_the_file_of_weights(prepared, tmp_path):
    config = tiny(prepared)
    loss = dataclasses.replace(config.pretrain.loss, perceptual=1.0, perceptual_weights="no.mat")
    config = dataclasses.replace(config, pretrain=dataclasses.replace(config.pretrain, loss=loss))
    with pytest.raises(training.RunError, match="no file of VGG weights at `no.mat`"):
        training.train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def staged(folder):
    """`tiny` with the stages that learn from 3D labels."""
    config = tiny(folder)
    stages = {
        name: dataclasses.replace(getattr(configs.small(), name), steps=2)
        for name in ("decoders", "encoder", "finetune")
    }
    stages["pretrain"] = dataclasses.replace(config.pretrain, steps=0)
    model = dataclasses.replace(config.model, camera="rotation", linear_part=True)
    stages["encoder"] = dataclasses.replace(stages["encoder"], batch_size=4)
    return dataclasses.replace(config, model=model, **stages)


def test_stages_train_what_they_say_and_resume_bit_for_bit(prepared, tmp_path, monkeypatch):
    config = staged(prepared)
    assert training.train(config, tmp_path / "whole") == training.Outcome(True, 6, 6)
    lines = log.read(tmp_path / "whole" / "metrics.jsonl")
    by_stage = {line["stage"]: {*line} for line in lines if line["kind"] == "training"}
    assert {"shape", "albedo", "loss"} < by_stage["decoders"] and "nme" not in by_stage["decoders"]
    assert {"reprojection", "shape_code", "albedo_code", "nme"} < by_stage["encoder"]
    assert {"reconstruction", "reprojection", "nme"} < by_stage["finetune"]
    checked = [line for line in lines if line["kind"] == "validation"]
    assert {"vertices", "albedo"} < {*checked[0]} and "nme" not in checked[0]

    after_step = loop.Observer.after_step

    def stop(self, position, *arguments):
        if position.step == 2:
            signal.raise_signal(signal.SIGTERM)
        return after_step(self, position, *arguments)

    saved = dict(checkpoint_minutes=0.0, keep_checkpoints=9)  # every step
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, **saved))
    with monkeypatch.context() as patch:
        patch.setattr(loop.Observer, "after_step", stop)
        assert training.train(config, tmp_path / "part") == training.Outcome(False, 3, 6)
    assert training.train(config, tmp_path / "part") == training.Outcome(True, 6, 6)

    def arrays(run, step):
        return array_files.read(tmp_path / run / "checkpoints" / f"{step:08d}.npz")[0]

    whole, part = arrays("whole", 6), arrays("part", 6)
    assert {*whole} == {*part}
    for name, array in whole.items():
        np.testing.assert_array_equal(array, part[name], err_msg=name)

    before, after = arrays("part", 2), arrays("part", 4)  # the stage `encoder`
    model = Nonlinear3DMM(config.model, np.zeros(8), np.ones(8))
    learns = {id(weight) for weight in model.encoder.weights}
    for i, weight in enumerate(v for v in model.weights if "float" in v.dtype):
        same = np.array_equal(before[f"model/{i:04d}"], after[f"model/{i:04d}"])
        rests = any(name in weight.path for name in ("projection_mean", "projection_std"))
        assert same == (id(weight) not in learns or rests), weight.path


def test_a_linear_part_needs_labels_from_3d(prepared, tmp_path):
    config = staged(prepared)
    with pytest.raises(ValueError, match="`linear_part` must be True"):
        dataclasses.replace(config, model=configs.tiny().model)
    with pytest.raises(ValueError, match="`landmarks` must be 0, got 1.0"):
        dataclasses.replace(config.encoder, loss=configs.only(landmarks=1.0))


def test_a_run_with_other_codes_starts_from_the_trunk_of_another(run, prepared, tmp_path):
    config = tiny(prepared, pretrain=1, trunk=str(run), learning_rate=0.0)
    config = dataclasses.replace(
        config, model=dataclasses.replace(config.model, albedo_code_size=5)
    )
    training.train(config, tmp_path / "other")
    first, other = (training.load(path)[0].encoder for path in (run, tmp_path / "other"))
    for layer in ("conv1", "conv4"):
        kernels = [each.trunk.get_layer(layer).kernel for each in (first, other)]
        np.testing.assert_allclose(*kernels, rtol=1e-6)
    wider = dataclasses.replace(config, model=dataclasses.replace(config.model, width=5))
    with pytest.raises(training.RunError, match="the other encoder has width 4, this one 5"):
        training.train(wider, tmp_path / "wider")


def test_a_run_starts_from_the_weights_of_another(run, prepared, tmp_path):
    first = training.load(run)[0]
    config = tiny(prepared, pretrain=1, init=str(run), learning_rate=0.0)
    training.train(config, tmp_path / "again")
    again = training.load(tmp_path / "again")[0]
    for one, other in zip(first.trainable_weights, again.trainable_weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)  # the averages of equal weights
    wider = dataclasses.replace(config, model=dataclasses.replace(config.model, width=5))
    with pytest.raises(training.RunError, match="holds another model: width 4"):
        training.train(wider, tmp_path / "wider")
    package = dataclasses.replace(config.train, init="package")
    with pytest.raises(training.RunError, match="holds another model: image_size 112"):
        training.train(dataclasses.replace(config, train=package), tmp_path / "package")
    nothing = dataclasses.replace(config.train, init=str(tmp_path / "nothing"))
    with pytest.raises(training.RunError, match="nothing: no such file"):
        training.train(dataclasses.replace(config, train=nothing), tmp_path / "new")
