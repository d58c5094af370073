"""Stages, lines, checkpoints, stopping and resuming, with a small model for the real one."""

import dataclasses
import json
import os
import re
import signal
import time

import numpy as np
import pytest
import tensorflow as tf
import test_training_step as small

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.training import checkpoints, errors, log
from tf_nonlinear3dmm.training.loop import Loop, Observer, Position

CONFIG = configs.Config(
    pretrain=configs.StageConfig(steps=7, learning_rate=0.01),
    finetune=configs.StageConfig(steps=6, learning_rate=0.01, final_rate=0.1),
    train=configs.TrainConfig(
        log_every=3, validate_every=4, panel_every=5, checkpoint_minutes=0.0, keep_checkpoints=2
    ),
)


SIZES = {"decoders": 8, "encoder": 8, "pretrain": 8, "finetune": 8}


class Batches:
    """A batch for each step; `before` is called with the step before it is handed out."""

    def __init__(self, before=lambda step: None):
        self.before = before

    def dataset(self, first, last, *_):
        for step in range(first, last):
            self.before(step)
            yield small.batch(step)

    def names(self, step):
        return [f"record of step {step}"]


class Validation:
    def __init__(self, model):
        self.model = model

    def score(self, stage):
        value = float(sum(np.abs(v).sum() for v in small.weights(self.model)))
        return {"nme": value}, value

    def panel(self, stage):
        return np.zeros([4, 4, 3], np.uint8), {"shape_code": tf.zeros([3])}


def save(path, model, state):
    """`weights.save` for the small model."""
    tensors = [v.value for v in model.weights if "float" in v.dtype]
    array_files.write(path, checkpoints.values_of(tensors), state)


def run(folder, before=lambda step: None, config=CONFIG, batches=Batches):
    """Trains in `folder` from its last checkpoint; returns the position reached."""
    made = small.make(optimizer="adam")
    store = checkpoints.Checkpoints(folder / "checkpoints", config.train.keep_checkpoints)
    position, held = Position(), store.load_latest()
    if held:
        made.restore(held[0], "it")
        position = Position(**held[1])
    folder.mkdir(exist_ok=True)
    terminal = log.Terminal(13, position.step, SIZES, quiet=True)
    written = log.Files(folder, position.step)
    observer = Observer(config.train, made, Validation(made.model), terminal, written, store, save)
    try:
        return Loop(config, made, dict.fromkeys(SIZES, batches(before)), observer).run(position)
    finally:
        written.close()
        terminal.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "whole"
    assert run(folder).step == 13
    return folder


def test_lines_validations_panels_and_checkpoints_come_when_due(whole):
    lines = log.read(whole / "metrics.jsonl")
    found = {
        kind: [(line["step"], line["stage"]) for line in lines if line["kind"] == kind]
        for kind in ("training", "validation")
    }
    pretrain, finetune = "pretrain", "finetune"
    assert found["training"] == [
        (3, pretrain), (6, pretrain), (7, pretrain), (9, finetune), (12, finetune), (13, finetune)
    ]  # fmt: skip
    assert found["validation"] == [(4, pretrain), (7, pretrain)] + [
        (s, finetune) for s in (8, 12, 13)
    ]
    assert sorted(p.name for p in (whole / "panels").iterdir()) == [
        f"{step:08d}.png" for step in (5, 7, 10, 13)
    ]
    assert sorted(p.name for p in (whole / "checkpoints").iterdir()) == [
        "00000012.npz",
        "00000013.npz",
    ]
    assert [*(whole / "tensorboard").glob("events*")]


def test_a_line_holds_the_means_since_the_line_before(whole):
    made = small.make(optimizer="adam")
    numbers = [
        made.run("pretrain", CONFIG.pretrain, step, small.batch(step), [0, step])[0]
        for step in range(3)
    ]
    line = log.read(whole / "metrics.jsonl")[0]
    np.testing.assert_allclose(line["shape"], np.mean([n["shape"] for n in numbers]), rtol=1e-6)
    np.testing.assert_allclose(line["loss"], (numbers[0]["loss"] + numbers[2]["loss"]) / 2)
    np.testing.assert_allclose(line["encoder_loss"], numbers[1]["encoder_loss"])


def test_a_run_killed_at_any_step_has_the_lines_of_the_unbroken_run(whole, tmp_path):
    class Killed(Exception):
        pass

    kills = (0, 3, 7, 8, 12)
    for at in kills:

        def kill(step, at=at):
            if step == at:
                raise Killed

        with pytest.raises(Killed):
            run(tmp_path, kill)
        with (tmp_path / "metrics.jsonl").open("a") as file:
            file.write('{"step": 99, "kind": "trai')  # cut off while writing
    assert run(tmp_path).step == 13
    for name in ("metrics.jsonl", "weights.npz"):
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()
    arrays = [
        checkpoints.Checkpoints(f / "checkpoints", 2).load_latest() for f in (whole, tmp_path)
    ]
    for name in arrays[0][0]:
        np.testing.assert_array_equal(arrays[0][0][name], arrays[1][0][name])


def test_lines_after_the_checkpoint_are_written_again(whole, tmp_path):
    rarely = dataclasses.replace(CONFIG.train, checkpoint_minutes=60.0)
    config = dataclasses.replace(CONFIG, train=rarely)

    def stop(step):
        if step == 12:
            raise KeyError

    with pytest.raises(KeyError):
        run(tmp_path, stop, config)
    assert log.read(tmp_path / "metrics.jsonl")[-1]["step"] == 12
    assert checkpoints.Checkpoints(tmp_path / "checkpoints", 2).steps() == [7]  # end of the stage
    run(tmp_path, config=config)
    assert (tmp_path / "metrics.jsonl").read_text() == (whole / "metrics.jsonl").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_after_the_step(whole, tmp_path, number):
    handlers = signal.getsignal(number)
    rarely = dataclasses.replace(CONFIG.train, checkpoint_minutes=60.0)
    config = dataclasses.replace(CONFIG, train=rarely)
    reached = run(
        tmp_path, lambda step: os.kill(os.getpid(), number) if step == 4 else None, config
    )
    assert reached.step == 5
    assert checkpoints.Checkpoints(tmp_path / "checkpoints", 2).steps() == [5]
    assert signal.getsignal(number) is handlers
    assert run(tmp_path, config=config).step == 13
    assert (tmp_path / "metrics.jsonl").read_text() == (whole / "metrics.jsonl").read_text()


@pytest.fixture
def interrupts():
    """Ctrl-C raises, also in a process that was started in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_second_signal_does_not_wait(tmp_path, interrupts):
    before = signal.getsignal(signal.SIGINT)

    def twice(step):
        os.kill(os.getpid(), signal.SIGINT)
        while signal.getsignal(signal.SIGINT) is not before:  # the system merges waiting signals
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)  # another thread may have got it

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, twice)


def test_the_best_averaged_weights_of_the_last_stage_are_kept(whole):
    arrays, state = array_files.read(whole / "weights.npz")
    lines = log.read(whole / "metrics.jsonl")
    scores = {
        line["step"]: line["nme"]
        for line in lines
        if line["kind"] == "validation" and line["stage"] == "finetune"
    }
    assert state["step"] == min(scores, key=scores.get) and state["stage"] == "finetune"
    made = small.make()
    checkpoints.assign(made.tensors, arrays, "it")
    np.testing.assert_allclose(Validation(made.model).score("finetune")[1], state["nme"], rtol=1e-6)


def test_a_disk_that_fills_up_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    class Full(checkpoints.Checkpoints):
        def save(self, step, arrays, state):
            if step == 5:
                raise array_files.SaveError("cannot write: No space left on device")
            super().save(step, arrays, state)

    monkeypatch.setattr(checkpoints, "Checkpoints", Full)
    with pytest.raises(array_files.SaveError):
        run(tmp_path)
    assert Full(tmp_path / "checkpoints", 2).load_latest()[1]["step"] == 4


def test_a_step_that_is_not_finite_is_counted_from_the_start_of_the_run(tmp_path):
    class Bad(Batches):
        def dataset(self, first, last, *_):
            for step, batch in enumerate(super().dataset(first, last), first):
                yield batch | ({"vertices": tf.fill([8, 3], np.nan)} if step == 9 else {})

    with pytest.raises(errors.NonFiniteError, match="step 9: the loss or its gradient") as caught:
        run(tmp_path, batches=Bad)
    assert caught.value.step == 9 and caught.value.records == ["record of step 9"]
    assert checkpoints.Checkpoints(tmp_path / "checkpoints", 2).steps()[-1] == 9


@pytest.mark.parametrize("name", ["metrics.jsonl", "tensorboard", "panels", "weights.npz"])
def test_a_file_that_cannot_be_written_is_named(tmp_path, name):
    if name == "weights.npz":
        (tmp_path / ".weights.npz.part").mkdir()
    elif name == "metrics.jsonl":
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_text("")
    with pytest.raises(array_files.SaveError, match=f"cannot write {tmp_path}/{name}.*: [A-Z]"):
        run(tmp_path)


def test_metrics_do_not_depend_on_time_or_machine(whole):
    for line in (whole / "metrics.jsonl").read_text().splitlines():
        assert not {*json.loads(line)} & {"time", "seconds", "images_per_second"}


def test_plain_lines_where_there_is_no_terminal(capsys):
    terminal = log.Terminal(200, 100, SIZES)
    terminal.advance(101, "pretrain")
    terminal.show("pretrain", {"loss": 1.23456, "nme": 7.0})
    line = capsys.readouterr().out
    assert line.startswith("pretrain 101/200  loss 1.23  nme 7  ") and line.endswith(" left\n")
    assert "images/s" in line


def test_a_bar_on_a_narrow_terminal_shows_everything(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    terminal = log.Terminal(200, 100, SIZES)
    terminal.advance(101, "finetune")
    numbers = {name: 0.0123456 for name in log.SHOWN}
    terminal.show("finetune", numbers | {"symmetry": 1.0})
    terminal.say("a line above")
    terminal.close()
    said = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().out)
    for words in ("finetune", "101/200", "images/s", "left", "a line above"):
        assert words in said
    assert all(f"{name} 0.0123" in said for name in log.SHOWN)
