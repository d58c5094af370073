"""One training step, and where its time goes."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from tf_nonlinear3dmm import losses
from tf_nonlinear3dmm.configs import Config
from tf_nonlinear3dmm.core import graphs
from tf_nonlinear3dmm.data import Batches
from tf_nonlinear3dmm.maintenance.benchmark import process, renderer, tables, timing
from tf_nonlinear3dmm.maintenance.benchmark.setting import Setting
from tf_nonlinear3dmm.training import assembly, loop, strategies
from tf_nonlinear3dmm.training.step import Updates

PARTS = {  # name -> equal parts of a run
    "finetune step": 2,
    "pretrain step": 2,
    "encoder step": 2,
    "networks": 2,
    "optimizer": 2,
    "renderer": 1,
    "losses": 1,
    "data": 16,
}
WORK = (
    "Preset {preset}, batch {batch}, both kinds of step in turn (everything; the encoder alone). "
    "Parts are timed alone and need not add up. networks: a step whose loss weighs the outputs of "
    "encoder and both decoders: forward, backward and optimizer, without renderer, losses and "
    "data. optimizer: a step whose loss is the sum of the weights: clipping, Adam, averaged "
    "weights. renderer: as in its own table, with gradient. losses: every term of finetuning and "
    "its gradient, given the reconstruction. data: a batch read and augmented, which in training "
    "happens on other threads. Median of {runs} runs, all parts in turn."
)


def measure(setting: Setting) -> Iterator[tables.Table]:
    """Yields two `Table`s: the parts, and how the whole compares with its goals."""
    config = setting.config()
    batches, updates, _ = assembly.assemble(config, strategies.create("one_device"))
    functions = parts(config, batches, updates)
    times = timing.take_turns(functions, setting.runs, setting.say)
    whole = times.median("finetune step") / PARTS["finetune step"]
    rows = [
        [name, *times.ms(name, PARTS[name]), 100 * times.median(name) / PARTS[name] / whole]
        for name in functions
    ]
    columns = ["part", "ms", "minimum", "% of a finetune step"]
    work = WORK.format(preset=config.preset, batch=config.train.batch_size, runs=setting.runs)
    yield tables.Table("A training step", work, columns, rows)
    yield goals(setting, config, batches, updates, times)


def parts(
    config: Config, batches: dict[str, Batches], updates: Updates
) -> dict[str, Callable[[], Any]]:
    """Name -> function without arguments; a call does `PARTS` times the work of a step."""
    examples = {name: next(iter(source.dataset(0, 1))) for name, source in batches.items()}
    batch = examples["finetune"]
    # Nothing is learned while the clock runs, so that every run does the same work.
    stages = {
        name: dataclasses.replace(stage, learning_rate=0.0)
        for name, stage, _, _ in loop.stages(config)
    }

    def steps(updates, name):
        batch, stage = examples[name], stages[name]
        return lambda: [updates.run(name, stage, k, batch, [0, k]) for k in range(2)]

    def with_objective(objective):
        return Updates(updates.strategy, updates.model, objective, config.train)

    dataset = batches["finetune"].dataset(0, PARTS["data"])
    return {
        "finetune step": steps(updates, "finetune"),
        f"{_stage_before(batches)} step": steps(updates, _stage_before(batches)),
        "networks": steps(with_objective(_weigh_outputs), "finetune"),
        "optimizer": steps(with_objective(_weigh_weights), "finetune"),
        "renderer": renderer.Work(config.model, config.train.batch_size).step,
        "losses": _losses_alone(updates, stages["finetune"].loss, batch),
        "data": lambda: [list(one.values()) for one in dataset],
    }


def _stage_before(batches: dict[str, Batches]) -> str:
    """The name of the stage before finetuning that reads images."""
    return "encoder" if "encoder" in batches else "pretrain"


def _weigh_outputs(model, trains, config, batch, seed, critic=None):
    """An objective of the networks' outputs alone."""
    codes = model.encode(batch["image"], training=True)
    outputs = [codes.projection, codes.illumination]
    outputs += [model.decode_shape(codes.shape_code, training=True)[0]]
    outputs += [model.decode_albedo(codes.albedo_code, training=True)]
    terms = [tf.reduce_mean(output**2) for output in outputs if output is not None]
    return tf.reduce_sum(tf.stack(terms)), {}, None


def _weigh_weights(model, *_):
    """An objective whose gradient costs nothing."""
    terms = [tf.reduce_sum(variable.value) for variable in model.trainable_variables]
    return 1e-6 * tf.reduce_sum(tf.stack(terms)), {}, None


def _losses_alone(updates, config, batch):
    """A function without arguments: losses and their gradients by the reconstruction."""
    reconstruct = graphs.function(lambda images: updates.model(images, training=False))
    result = reconstruct(batch["image"])

    @graphs.function
    def step(result):
        known = updates.objective
        loss, _ = losses.total(config, result, batch, known.constants, [0, 0], None, known.features)
        inputs = [x for x in tf.nest.flatten(result) if x is not None and x.dtype.is_floating]
        return [gradient for gradient in tf.gradients(loss, inputs) if gradient is not None]

    return lambda: step(result)


def goals(
    setting: Setting,
    config: Config,
    batches: dict[str, Batches],
    updates: Updates,
    times: timing.Times,
) -> tables.Table:
    """The `Table` of ratios and times that have a goal."""
    setting.say("waiting for data")
    steps = 10 if setting.quick else 60
    before = _stage_before(batches)
    waited = {n: waiting(config, batches, updates, n, steps) for n in (before, "finetune")}
    setting.say("a training run from the start of its process")
    started = process.first_step(config)
    other = f"{before} step"
    networks = times.ratio("finetune step", "networks"), times.ratio(other, "networks")
    drawing = 100 * PARTS["finetune step"] * times.ratio("renderer", "finetune step")
    measured = [
        ("finetune step / networks", networks[0], 1.35),
        (f"{other} / networks", networks[1], 1.35),
        ("renderer, % of a finetune step", drawing, 25.0),
        (f"waiting for data, % of {before}", waited[before], 5.0),
        ("waiting for data, % of finetune", waited["finetune"], 3.0),
        ("from the start of `nonlinear3dmm train` to the end of its first step, s", started, 30.0),
    ]
    rows = [[name, value, goal, value <= goal] for name, value, goal in measured]
    work = (
        f"Ratios are medians over the rounds. Waiting is counted over {steps} steps, the time to "
        "the first step with data sets that are there."
    )
    columns = ["what", "measured", "goal, at most", "met"]
    return tables.Table("A training step and its goals", work, columns, rows)


def waiting(
    config: Config, batches: dict[str, Batches], updates: Updates, name: str, steps: int
) -> float:
    """Percent of `steps` steps of a stage that is spent waiting for their batches."""
    dataset, waited = iter(batches[name].dataset(0, steps + 1)), 0.0
    batch, start = next(dataset), time.perf_counter()
    for step in range(steps):
        updates.run(name, getattr(config, name), step, batch, [0, step])
        asked = time.perf_counter()
        batch = next(dataset)
        waited += time.perf_counter() - asked
    return 100 * waited / (time.perf_counter() - start)
