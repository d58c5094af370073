"""How fast examples are read from prepared data sets, and generated."""

import collections
import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tf_nonlinear3dmm import data
from tf_nonlinear3dmm.configs import Config
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.maintenance.benchmark import tables, timing
from tf_nonlinear3dmm.maintenance.benchmark.setting import Setting

_FACE_GOAL = 40
WORK = (
    "batches: what training reads from a prepared data set, all labels, augmented. faces: "
    "generated and written as tfds records by the call that training makes, all maps and both "
    "label sets. Median of {runs} runs."
)


def measure(setting: Setting) -> Iterator[tables.Table]:
    """Yields one `Table`."""
    config = setting.config()
    count = 64 if setting.quick else 512
    data.prepare(config, setting.say)
    batches, _ = data.open_training(config, FaceModel.load(config.model.face_model))
    prepared = batches.dataset(0, count // config.train.batch_size)
    read = timing.take_turns(
        {"batches": lambda: collections.deque(prepared, maxlen=0)}, setting.runs, setting.say
    )
    generated = generate(config, 16 if setting.quick else 256, min(3, setting.runs), setting.say)
    size, faces = config.model.image_size, _speeds(*generated)
    rows = [
        ["batches", size, *_speeds(read.seconds["batches"], count), "", ""],
        ["faces", size, *faces, _FACE_GOAL, faces[0] >= _FACE_GOAL],
    ]
    columns = ["what", "px", "a second", "fastest run", "goal, at least", "met"]
    yield tables.Table("Data", WORK.format(runs=setting.runs), columns, rows)


def _speeds(seconds: Sequence[float], count: int) -> list[float]:
    """Median and best of `count` things a second."""
    return [float(count / np.median(seconds)), count / min(seconds)]


def generate(
    config: Config, count: int, runs: int, say: Callable[[str], None]
) -> tuple[list[float], int]:
    """(seconds of each run, faces of a run), each run a new data set."""
    seconds = []
    for number in range(runs + 1):
        with tempfile.TemporaryDirectory() as folder:
            source = dataclasses.replace(
                config.data,
                folder=folder,
                train_examples=count,
                validation_examples=16,
                test_examples=16,
            )
            with timing.stopwatch() as clock:
                data.prepare(dataclasses.replace(config, data=source), lambda line: None)
        say(f"generated {count + 32} faces: {clock.seconds:.1f} s")
        seconds += [clock.seconds] if number else []
    return seconds, count + 32
