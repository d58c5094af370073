"""What happens beside training: lines, validation, panels, checkpoints."""

import functools

from tf_nonlinear3dmm import weights

SAVE = functools.partial(weights.save, exact=True)


class Observer:
    """Watches a run and writes its files.

    Args:
        config: `TrainConfig`.
        updates: `updates.Updates`.
        validation: `validation.Validation`, or anything with `score` and `panel`.
        terminal: `progress.Terminal`.
        records: `records.Records`.
        store: `checkpoints.Checkpoints`; the best averaged weights go to weights.npz beside it.
        save: (path, model, state): writes them, as `weights.save`.
    """

    def __init__(self, config, updates, validation, terminal, records, store, save=SAVE):
        self.config, self.updates, self.validation = config, updates, validation
        self.terminal, self.records, self.store = terminal, records, store
        self.weights, self.save_weights = store.folder.parent / weights.FILE, save

    def after_step(self, position, stage, window, at_end):
        """Called after every step with the new `loop.Position`; returns it, maybe changed."""
        step = position.step
        self.terminal.advance(step, stage)
        if step % self.config.log_every == 0 or at_end:
            numbers = window.take()
            self.records.line(step, stage, numbers)
            self.records.scalars(step, {"images_per_second": self.terminal.speed()}, "speed")
            self.terminal.show(stage, numbers)
        validate = step % self.config.validate_every == 0 or at_end
        draw = step % self.config.panel_every == 0 or at_end
        if not validate and not draw:
            return position
        self.updates.swap_averaged()
        try:
            if draw:
                self.records.panel(step, *self.validation.panel(stage))
            if validate:
                position = self._validate(position, stage)
        finally:
            self.updates.swap_averaged()
        return position

    def save(self, position):
        """Writes a checkpoint of the position."""
        self.records.sync()
        self.store.save(position.step, self.updates.arrays(), position._asdict())

    def _validate(self, position, stage):
        numbers, score = self.validation.score(stage)
        self.records.line(position.step, stage, numbers, "validation")
        text = "  ".join(f"{name} {value:.3g}" for name, value in numbers.items())
        self.terminal.say(f"{stage} step {position.step}, validation: {text}")
        if position.best is not None and score >= position.best:
            return position
        state = {"step": position.step, "stage": stage, **numbers}
        self.save_weights(self.weights, self.updates.model, state)
        return position._replace(best=score)


class Silent:
    """The observer of a worker that writes nothing."""

    def after_step(self, position, stage, window, at_end):
        return position

    def save(self, position):
        pass
