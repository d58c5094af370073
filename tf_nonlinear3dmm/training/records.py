"""What a run writes while it trains: metrics.jsonl, TensorBoard, panels.

metrics.jsonl holds nothing that depends on time or machine, so that a run that was killed and went
on has the file of the unbroken run.
"""

import contextlib
import json
import os
import pathlib

import tensorflow as tf

from tf_nonlinear3dmm.core.array_files import writing
from tf_nonlinear3dmm.rendering import visualize


class Window:
    """Means of numbers since the last line; `state` and `restore` carry it through a checkpoint."""

    def __init__(self, state=None):
        self.sums = dict(state or {})

    def add(self, numbers):
        for name, value in numbers.items():
            total, count = self.sums.get(name, (0.0, 0))
            self.sums[name] = (total + value, count + 1)

    def take(self):
        means = {name: total / count for name, (total, count) in self.sums.items()}
        self.sums = {}
        return means

    def state(self):
        return self.sums


class Records:
    """Writers of a run's files.

    Args:
        folder: the run.
        step: the run goes on after this step: later lines of metrics.jsonl are dropped.

    Raises:
        array_files.SaveError: from every method, where a file cannot be written.
    """

    def __init__(self, folder, step):
        self.folder = pathlib.Path(folder)
        self.metrics, self.tensorboard = (self.folder / n for n in ("metrics.jsonl", "tensorboard"))
        with writing(self.tensorboard):
            self._board = tf.summary.create_file_writer(str(self.tensorboard))
        with writing(self.metrics):
            _keep_until(self.metrics, step)
            self._file = open(self.metrics, "a")  # noqa: SIM115  closed by `close`

    def line(self, step, stage, numbers, kind="training"):
        """One line of metrics.jsonl, and the same numbers for TensorBoard."""
        line = {"step": step, "stage": stage, "kind": kind, **numbers}
        with writing(self.metrics):
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
        self.scalars(step, numbers, kind)

    def scalars(self, step, numbers, kind):
        """Numbers for TensorBoard alone."""
        with writing(self.tensorboard), self._board.as_default(step):
            for name, value in numbers.items():
                tf.summary.scalar(f"{kind}/{name}", value)

    def panel(self, step, picture, histograms):
        """A uint8 `[H, W, 3]` picture as panels/<step>.png; name -> values as histograms."""
        path = self.folder / "panels" / f"{step:08d}.png"
        with writing(path):
            path.parent.mkdir(exist_ok=True)
            visualize.save(path, picture)
        with writing(self.tensorboard), self._board.as_default(step):
            tf.summary.image("panel", picture[tf.newaxis])
            for name, values in histograms.items():
                tf.summary.histogram(name, values)

    def sync(self):
        """Puts everything on the disk; comes before each checkpoint."""
        with writing(self.tensorboard):
            self._board.flush()
        with writing(self.metrics):
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self):
        """What counts was synced; an error here would hide the one that ended the run."""
        with contextlib.suppress(OSError, tf.errors.OpError):
            self._board.close()
        with contextlib.suppress(OSError):
            self._file.close()


def read(path):
    """The whole lines of a metrics.jsonl, as dicts."""
    lines = []
    for line in pathlib.Path(path).read_text().splitlines():
        try:
            lines.append(json.loads(line))
        except json.JSONDecodeError:  # cut off when the process was killed
            break
    return lines


def _keep_until(path, step):
    """Drops the lines after `step`."""
    if not path.exists():
        return
    kept = [line for line in read(path) if line["step"] <= step]
    part = path.with_suffix(".part")
    part.write_text("".join(json.dumps(line) + "\n" for line in kept))
    os.replace(part, path)
