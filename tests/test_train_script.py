"""The command line of scripts/train.py."""

import json
import signal
import subprocess
import sys
import time

import fake_faces
import programs
import pytest

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.core import config_flags


def parse(*words):
    parser = config_flags.parser("Trains.")
    return config_flags.config(parser, parser.parse_args(words))


def test_no_flags_is_the_preset_small():
    assert parse() == configs.preset("small")


def test_every_field_can_be_set():
    config = parse(
        *("--preset", "tiny", "--model.width", "8", "--model.uv_size", "48,56"),
        *("--finetune.loss.symmetry", "0", "--pretrain.steps=5", "--data.mirror", "false"),
        *("--labels", "teacher", "--data.folder", "elsewhere", "--train.seed", "3"),
    )
    assert config.model.width == 8 and config.model.uv_size == (48, 56)
    assert config.finetune.loss.symmetry == 0.0 and config.pretrain.loss.symmetry == 1.0
    assert config.pretrain.steps == 5 and config.data.mirror is False and config.train.seed == 3
    assert config.data.labels == "teacher" and config.data.folder == "elsewhere"


def test_every_field_is_a_flag():
    def names(values, prefix="--"):
        for name, value in values.items():
            inner = isinstance(value, dict)
            yield from names(value, f"{prefix}{name}.") if inner else [prefix + name]

    actions = config_flags.parser("Trains.")._actions
    flags = {flag for action in actions for flag in action.option_strings}
    assert {*names(configs.to_dict(configs.Config()))} <= flags


def test_a_field_that_is_true_or_false_needs_no_value():
    assert not parse().data.strict
    for words in (["--strict"], ["--data.strict"], ["--strict", "true", "--mix", "1"]):
        assert parse(*words).data.strict
    assert not parse("--strict", "false").data.strict
    assert parse("--strict", "--mix", "2,1").data.mix == "2,1"


def test_a_config_file_repeats_a_run(tmp_path):
    config = parse("--preset", "tiny", "--model.width", "8")
    path = tmp_path / "config.json"
    path.write_text(json.dumps(configs.to_dict(config)))
    assert parse("--config", str(path)) == config
    assert parse("--config", str(path), "--train.seed", "9").train.seed == 9


@pytest.mark.parametrize("preset", configs.PRESETS)
def test_a_config_in_words_is_read_as_the_same(preset):
    assert parse(*config_flags.words(configs.preset(preset))) == configs.preset(preset)
    changes = ("--model.uv_size", "48,56", "--data.mirror", "false", "--finetune.steps", "7")
    config = parse("--preset", preset, *changes, "--train.seed", "3", "--data", "a:/b/c")
    assert parse(*config_flags.words(config)) == config
    assert {*changes} <= {*config_flags.words(config)}


@pytest.mark.parametrize(
    "words, message",
    [
        (["--model.widht", "8"], "no flag --model.widht; did you mean --model.width?"),
        (
            ["--learning_rate", "1"],
            "no flag --learning_rate; did you mean --encoder.learning_rate?",
        ),
        (["--symetry", "1"], "no flag --symetry; did you mean --decoders.loss.symmetry?"),
        (["--presets", "tiny"], "no flag --presets; did you mean --preset?"),
        (["--preset", "smal"], "did you mean `small`? got 'smal'"),
        (["--model.width", "wide"], "--model.width: must be N, got 'wide'"),
        (["--data.mirror", "maybe"], "--data.mirror: must be true|false, got 'maybe'"),
        (["--model.plan", "lite"], "did you mean `light`? got 'lite'"),
        (["--labels", "teachr"], "did you mean `teacher`? got 'teachr'"),
        (["--labels", "truth"], "must be one of `ground_truth`, `teacher`; got 'truth'"),
        (["--train.seed", "-3"], "`seed` must be a number from 0 to 2147483647, got -3"),
        (
            ["--preset", "tiny", "--pretrain.steps", "0", "--finetune.steps", "0"],
            "must not be 0 in every stage",
        ),
        (["--config", "nowhere.json"], "no file nowhere.json"),
        (["--config", "a", "--preset", "tiny"], "not both"),
        (["--model.width"], "expected one argument"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(words, message, capsys):
    with pytest.raises(SystemExit) as end:
        parse(*words)
    said = capsys.readouterr().err
    assert end.value.code == 2 and message in said and said.count("\n") == 1


def test_help_shows_the_values_of_the_preset_small():
    words = " ".join(config_flags.parser("Trains.").format_help().split())
    small = configs.preset("small")
    for name in ("train.clip_norm", "pretrain.steps", "finetune.loss.shape", "model.uv_size"):
        value = small
        for part in name.split("."):
            value = getattr(value, part)
        _, _, after = words.partition(f"--{name} ")
        assert after.split("[")[1].startswith(config_flags._show(value) + "]"), name


def test_help_explains_every_flag_without_waiting_for_tensorflow():
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, programs.SCRIPTS / "train.py", "--help"], capture_output=True, text=True
    )
    seconds = time.monotonic() - began
    assert ended.returncode == 0 and seconds < 5
    shown = " ".join(ended.stdout.split())
    for words in ("--strategy", "--out", "runs/<preset>", "half a cosine", "[96,112]", "[0.001]"):
        assert words in shown
    assert "runs/no_symmetry" in shown


def start(data, out, *words):
    flags = ["--preset", "tiny", "--data", "fake_faces", "--data.folder", data, "--out", out]
    flags += ["--pretrain.alternating", "false"]  # as the kinds of step in finetuning
    flags += ["--pretrain.steps", "10", "--finetune.steps", "20"]
    return programs.start("train.py", *flags, "--train.checkpoint_minutes", "0", *words)


@pytest.mark.slow
def test_a_run_that_is_killed_and_stopped_is_the_unbroken_run(tmp_path):
    """SIGKILL and SIGTERM in both stages; the evaluation is left out by a missing test split."""
    data, whole, broken = tmp_path / "data", tmp_path / "whole", tmp_path / "broken"
    fake_faces.prepare(data)
    _, output = programs.end(start(data, whole))
    assert (whole / "weights.npz").exists(), output[-2000:]
    killed = start(data, broken)
    programs.follow(killed, "pretrain 5/30")
    killed.send_signal(signal.SIGKILL)
    programs.end(killed)
    stopped = start(data, broken)
    programs.follow(stopped, "finetune 15/30")
    stopped.send_signal(signal.SIGTERM)
    code, output = programs.end(stopped)
    assert code == 0, output[-2000:]
    assert "To resume: nonlinear3dmm train" in output and "--preset tiny" in output
    _, output = programs.end(start(data, broken))
    assert "resuming after step" in output
    assert (broken / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()
    assert (broken / "weights.npz").read_bytes() == (whole / "weights.npz").read_bytes()
