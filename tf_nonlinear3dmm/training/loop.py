"""The loop: stages of steps, with lines, validation, panels and checkpoints in between."""

import functools
import pathlib
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import weights
from tf_nonlinear3dmm.configs import Config, StageConfig, TrainConfig
from tf_nonlinear3dmm.data import Batches
from tf_nonlinear3dmm.training import strategies
from tf_nonlinear3dmm.training.checkpoints import Checkpoints
from tf_nonlinear3dmm.training.errors import NonFiniteError
from tf_nonlinear3dmm.training.log import Files, Means, Terminal
from tf_nonlinear3dmm.training.step import Updates
from tf_nonlinear3dmm.training.validation import Validation

_SAVE = functools.partial(weights.save, exact=True)


class Position(NamedTuple):
    """A run's whole state beside the arrays.

    Attributes:
        step: steps done.
        window: of `log.Means`: the sums since the last line.
        best: score of the best validation of the stage so far, lower is better, or None.
    """

    step: int = 0
    window: Mapping[str, tuple[float, int]] | None = None
    best: float | None = None


class Stopper:
    """Turns SIGTERM and Ctrl-C into a request to stop after the step; a second one kills."""

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> "Stopper":
        self._old = {s: signal.signal(s, self._request) for s in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def _request(self, number, _frame):
        self.requested = True
        signal.signal(number, self._old[number])


def stages(config: Config) -> list[tuple[str, StageConfig, int, int]]:
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
        updates: `step.Updates`.
        batches: dict of stage name -> `data.Batches`.
        observer: `Observer`, what happens beside training.
    """

    def __init__(
        self, config: Config, updates: Updates, batches: Mapping[str, Batches], observer: "Silent"
    ) -> None:
        self.config, self.updates, self.batches = config, updates, batches
        self.observer = observer

    def run(self, position: Position) -> Position:
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
        means, saved = Means(position.window), time.monotonic()
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
            means.add(numbers)
            position = position._replace(step=step + 1)
            position = self.observer.after_step(position, name, means, step + 1 == last)
            minutes = (time.monotonic() - saved) / 60
            if stop or position.step == last or minutes >= self.config.train.checkpoint_minutes:
                position = position._replace(window=means.sums)
                self.observer.save(position)
                saved = time.monotonic()
            if stop:
                break
        return position


def distribute(
    strategy: tf.distribute.Strategy, batches: Batches, first_step: int, last_step: int
) -> tf.data.Dataset:
    """The batches of the steps `first_step` to `last_step` - 1, split over the replicas."""
    replicas = strategy.num_replicas_in_sync
    local, worker = strategies.local_part(strategy)
    parts = batches.dataset(first_step, last_step, replicas, local, worker)
    if replicas == 1:
        return parts
    return strategy.distribute_datasets_from_function(lambda _: parts)


class Silent:
    """The observer of a worker that writes nothing."""

    def after_step(self, position: Position, stage: str, means: Means, at_end: bool) -> Position:
        """Called after every step with the new `Position`; returns it, maybe changed."""
        return position

    def save(self, position: Position) -> None:
        """Called when a checkpoint of the position is due."""


class Observer(Silent):
    """Watches a run and writes its files.

    Args:
        config: `TrainConfig`.
        updates: `step.Updates`.
        validation: `validation.Validation`, or anything with `score` and `panel`.
        terminal: `log.Terminal`.
        files: `log.Files`.
        store: `checkpoints.Checkpoints`; the best averaged weights go to weights.npz beside it.
        save: (path, model, state): writes them, as `weights.save`.
    """

    def __init__(
        self,
        config: TrainConfig,
        updates: Updates,
        validation: Validation,
        terminal: Terminal,
        files: Files,
        store: Checkpoints,
        save: Callable[[pathlib.Path, Any, dict[str, Any]], None] = _SAVE,
    ) -> None:
        self.config, self.updates, self.validation = config, updates, validation
        self.terminal, self.files, self.store = terminal, files, store
        self.weights, self.save_weights = store.folder.parent / weights.FILE, save

    def after_step(self, position: Position, stage: str, means: Means, at_end: bool) -> Position:
        """Logs, draws and validates where it is due; a new best score goes into the position."""
        step = position.step
        self.terminal.advance(step, stage)
        if step % self.config.log_every == 0 or at_end:
            numbers = means.reset()
            self.files.line(step, stage, numbers)
            self.files.scalars(step, {"images_per_second": self.terminal.speed()}, "speed")
            self.terminal.show(stage, numbers)
        validate = step % self.config.validate_every == 0 or at_end
        draw = step % self.config.panel_every == 0 or at_end
        if not validate and not draw:
            return position
        self.updates.swap_averaged()
        try:
            if draw:
                self.files.panel(step, *self.validation.panel(stage))
            if validate:
                position = self._validate(position, stage)
        finally:
            self.updates.swap_averaged()
        return position

    def save(self, position: Position) -> None:
        """Writes a checkpoint of `position`."""
        self.files.sync()
        self.store.save(position.step, self.updates.arrays(), position._asdict())

    def _validate(self, position, stage):
        numbers, score = self.validation.score(stage)
        self.files.line(position.step, stage, numbers, "validation")
        text = "  ".join(f"{name} {value:.3g}" for name, value in numbers.items())
        self.terminal.say(f"{stage} step {position.step}, validation: {text}")
        if position.best is not None and score >= position.best:
            return position
        state = {"step": position.step, "stage": stage, **numbers}
        self.save_weights(self.weights, self.updates.model, state)
        return position._replace(best=score)
