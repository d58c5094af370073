"""The loop: stages of steps, with lines, validation, panels and checkpoints in between."""

import signal
import time
from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm.training import strategies
from tf_nonlinear3dmm.training.records import Window
from tf_nonlinear3dmm.training.updates import NonFiniteError


class Position(NamedTuple):
    """A run's whole state beside the arrays.

    Attributes:
        step: steps done.
        window: of `records.Window`.
        best: score of the best validation of the stage so far, lower is better, or None.
    """

    step: int = 0
    window: dict | None = None
    best: float | None = None


class Stopper:
    """Turns SIGTERM and Ctrl-C into a request to stop after the step; a second one kills."""

    def __init__(self):
        self.requested = False

    def __enter__(self):
        self._old = {s: signal.signal(s, self._ask) for s in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_):
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def _ask(self, number, _frame):
        self.requested = True
        signal.signal(number, self._old[number])


def stages(config):
    """[(name, `StageConfig`, first step, step after the last)] of a `Config`."""
    ends = np.cumsum([stage.steps for _, stage in config.stages()]).tolist()
    return [
        (name, stage, end - stage.steps, end)
        for (name, stage), end in zip(config.stages(), ends, strict=True)
    ]


class Loop:
    """Trains from a position to the end, or until asked to stop.

    Args:
        config: `Config`.
        updates: `updates.Updates`.
        batches: dict of stage name -> `data.Batches`.
        observer: what happens beside training, see `observer.Observer`.
    """

    def __init__(self, config, updates, batches, observer):
        self.config, self.updates, self.batches = config, updates, batches
        self.observer = observer

    def run(self, position):
        """Returns the position reached: the end, or where a signal stopped the run."""
        with Stopper() as stopper:
            for name, stage, first, last in stages(self.config):
                if position.step >= last:
                    continue
                if position.step == first:
                    position = position._replace(best=None)
                position = self._stage(name, stage, first, last, position, stopper)
                if position.step < last:
                    break
        return position

    def _stage(self, name, stage, first, last, position, stopper):
        window, saved = Window(position.window), time.monotonic()
        dataset = distribute(self.updates.strategy, self.batches[name], position.step, last)
        for batch in dataset:
            step, seed = position.step, [self.config.train.seed, position.step]
            try:
                numbers, stop = self.updates.run(
                    name, stage, step - first, batch, seed, stopper.requested
                )
            except NonFiniteError as error:
                error.step, error.records = step, self.batches[name].names(step)
                raise
            window.add(numbers)
            position = position._replace(step=step + 1)
            position = self.observer.after_step(position, name, window, step + 1 == last)
            minutes = (time.monotonic() - saved) / 60
            if stop or position.step == last or minutes >= self.config.train.checkpoint_minutes:
                position = position._replace(window=window.state())
                self.observer.save(position)
                saved = time.monotonic()
            if stop:
                break
        return position


def distribute(strategy, batches, first_step, last_step):
    """The batches of the steps `first_step` to `last_step` - 1, split over the replicas."""
    replicas = strategy.num_replicas_in_sync
    local, worker = strategies.local_part(strategy)
    parts = batches.dataset(first_step, last_step, replicas, local, worker)
    if replicas == 1:
        return parts
    return strategy.distribute_datasets_from_function(lambda _: parts)
