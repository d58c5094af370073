"""How much memory training takes, and whether it grows."""

import dataclasses
import statistics
from collections.abc import Iterator, Mapping

from tf_nonlinear3dmm.configs import Config
from tf_nonlinear3dmm.maintenance.benchmark import process, tables
from tf_nonlinear3dmm.maintenance.benchmark.setting import Setting

BATCH = 16
_PEAK_GOAL, _GROWTH_GOAL = 10.0, 5.0
STEPS = 2000
FACES = {"train_examples": 32, "validation_examples": 16, "test_examples": 16}


def measure(setting: Setting) -> Iterator[tables.Table]:
    """Yields two `Table`s."""
    yield peak(setting)
    yield growth(setting)


def peak(setting: Setting) -> tables.Table:
    """The peak of both stages."""
    config = few_faces(setting, setting.preset if setting.quick else "paper")
    setting.say(f"training steps of the preset {config.preset}")
    flags = process.flags(config, pretrain_steps=2, finetune_steps=1000)
    with process.train(flags) as run:
        run.wait_for(lambda: run.step()[1] >= 4)
        gigabytes = run.megabytes("VmHWM") / 1000
    row = [config.preset, BATCH, gigabytes, _PEAK_GOAL, gigabytes < _PEAK_GOAL]
    work = (
        "Peak resident memory (VmHWM) of `nonlinear3dmm train` through two steps of pretraining, a "
        "validation with its panel, a checkpoint, and two steps of finetuning."
    )
    columns = ["preset", "batch", "peak GB", "goal, below", "met"]
    return tables.Table("Memory of a step", work, columns, [row])


def growth(setting: Setting) -> tables.Table:
    """The memory of a long run, in quarters."""
    config = few_faces(setting, "tiny")
    steps = 24 if setting.quick else STEPS
    setting.say(f"{steps} training steps of the preset {config.preset}")
    changes = {"train_panel_every": steps // 4, "train_validate_every": steps // 4}
    flags = process.flags(config, pretrain_steps=0, finetune_steps=steps + 1, **changes)
    samples = {}
    with process.train(flags) as run:

        def sample():
            step = run.step()[1]
            if step:
                samples[step] = run.megabytes("RssAnon")
            return step >= steps

        run.wait_for(sample, 0.2)
    sizes = quarters(samples)
    grown = 100 * (sizes[3] / sizes[1] - 1)
    row = [config.preset, steps, *sizes, grown, _GROWTH_GOAL, grown <= _GROWTH_GOAL]
    work = (
        "Anonymous resident memory (RssAnon: without mapped files) of `nonlinear3dmm train` while "
        "it finetunes: the median of each quarter of its steps. Growth is from second to last."
    )
    columns = ["preset", "steps", "1st MB", "2nd MB", "3rd MB", "4th MB"]
    columns += ["growth %", "goal, at most", "met"]
    return tables.Table("Memory of a long run", work, columns, [row])


def quarters(samples: Mapping[int, float]) -> list[float]:
    """Medians of step -> value over the four quarters of the steps; a quarter has a step."""
    first, last = min(samples), max(samples)
    parts = [[], [], [], []]
    for step, value in samples.items():
        parts[min(3, 4 * (step - first) // max(1, last - first))].append(value)
    return [statistics.median(part or [samples[last]]) for part in parts]


def few_faces(setting: Setting, preset: str) -> Config:
    """The `Config` of a preset with faces for a few batches of `BATCH`."""
    config = setting.config(preset, FACES)
    return dataclasses.replace(config, train=dataclasses.replace(config.train, batch_size=BATCH))
