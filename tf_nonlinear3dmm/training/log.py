"""What a run says and writes while it trains: the terminal; metrics.jsonl, TensorBoard, panels.

metrics.jsonl holds nothing that depends on time or machine, so that a run that was killed and
resumed has the file of the unbroken run.
"""

import contextlib
import json
import os
import pathlib
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from tf_nonlinear3dmm.core import array_files, json_files
from tf_nonlinear3dmm.core.array_files import writing
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.rendering import visualize

SHOWN = ("loss", "encoder_loss", "nme", "landmarks", "shape", "reconstruction")


class Means:
    """Means of numbers since the last line.

    Attributes:
        sums: name -> (sum, count), which carries them through a checkpoint.
    """

    def __init__(self, sums: Mapping[str, tuple[float, int]] | None = None) -> None:
        self.sums = dict(sums or {})

    def add(self, numbers: Mapping[str, float]) -> None:
        """Counts each of the numbers, by its name, into its mean."""
        for name, value in numbers.items():
            total, count = self.sums.get(name, (0.0, 0))
            self.sums[name] = (total + value, count + 1)

    def reset(self) -> dict[str, float]:
        """Returns the means, and clears the sums."""
        means = {name: total / count for name, (total, count) in self.sums.items()}
        self.sums = {}
        return means


class Files:
    """Writers of a run's files.

    Args:
        folder: the run.
        step: the run resumes after this step: later lines of metrics.jsonl are dropped.

    Raises:
        array_files.SaveError: from every method, where a file cannot be written.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self.folder = pathlib.Path(folder)
        self.metrics, self.tensorboard = (self.folder / n for n in ("metrics.jsonl", "tensorboard"))
        with writing(self.tensorboard):
            self._board = tf.summary.create_file_writer(str(self.tensorboard))
        with writing(self.metrics):
            _drop_lines_after(self.metrics, step)
            self._file = self.metrics.open("a")  # noqa: SIM115  closed by `close`

    def line(
        self, step: int, stage: str, numbers: Mapping[str, float], kind: str = "training"
    ) -> None:
        """One line of metrics.jsonl, and the same numbers for TensorBoard."""
        line = {"step": step, "stage": stage, "kind": kind, **numbers}
        with writing(self.metrics):
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
        self.scalars(step, numbers, kind)

    def scalars(self, step: int, numbers: Mapping[str, float], kind: str) -> None:
        """Numbers for TensorBoard alone."""
        with writing(self.tensorboard), self._board.as_default(step):
            for name, value in numbers.items():
                tf.summary.scalar(f"{kind}/{name}", value)

    def panel(self, step: int, picture: np.ndarray, histograms: Mapping[str, tf.Tensor]) -> None:
        """A uint8 `[H, W, 3]` picture as panels/<step>.png; name -> values as histograms."""
        path = self.folder / "panels" / f"{step:08d}.png"
        with writing(path):
            visualize.save(path, picture)
        with writing(self.tensorboard), self._board.as_default(step):
            tf.summary.image("panel", picture[tf.newaxis])
            for name, values in histograms.items():
                tf.summary.histogram(name, values)

    def sync(self) -> None:
        """Flushes everything to the disk, before each checkpoint."""
        with writing(self.tensorboard):
            self._board.flush()
        with writing(self.metrics):
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Closes the files; ignores errors, which would hide the one that ended the run."""
        with contextlib.suppress(OSError, tf.errors.OpError):
            self._board.close()
        with contextlib.suppress(OSError):
            self._file.close()


def read(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a metrics.jsonl, as dicts."""
    lines = []
    for line in pathlib.Path(path).read_text().splitlines():
        try:
            lines.append(json_files.loads(line))
        except ValueError:  # cut off when the process was killed
            break
    return lines


def _drop_lines_after(path, step):
    """Drops the lines of metrics.jsonl after `step`."""
    if not path.exists():
        return
    kept = [line for line in read(path) if line["step"] <= step]
    array_files.write_text(path, "".join(json.dumps(line) + "\n" for line in kept))


class _Bar(Progress):
    """A bar, and below it a line of numbers, which may be long."""

    numbers = ""

    def get_renderables(self):
        yield self.make_tasks_table(self.tasks)
        yield Text(self.numbers)


class Terminal:
    """Shows stage, step, losses, NME, images per second and time left.

    A bar on a terminal, plain lines anywhere else.

    Args:
        total: steps of the whole run.
        first: step the run resumes from.
        batch_sizes: dict of stage name -> images per step.
        quiet: say nothing, for workers that do not write the run's files.
    """

    def __init__(
        self, total: int, first: int, batch_sizes: Mapping[str, int], quiet: bool = False
    ) -> None:
        self.total, self.step, self.quiet = total, first, quiet
        self.batch_sizes, self.stage = batch_sizes, ""
        self.console = Console(quiet=quiet, highlight=False)
        self._marks = [(time.monotonic(), first)]
        self._bar = None
        if self.console.is_terminal and not quiet:
            columns = (
                TextColumn("[bold]{task.fields[stage]}"),
                BarColumn(bar_width=None),
                MofNCompleteColumn(),
                TextColumn("{task.fields[speed]}"),
                TimeRemainingColumn(),
                TextColumn("left"),
            )
            self._bar = _Bar(*columns, console=self.console, expand=True, speed_estimate_period=120)
            self._task = self._bar.add_task("", total=total, completed=first, stage="", speed="")
            self._bar.start()

    def say(self, line: str) -> None:
        """Prints a line above the bar."""
        self.console.print(line, markup=False, soft_wrap=True)

    def advance(self, step: int, stage: str) -> None:
        """One more step is done."""
        if stage != self.stage:  # another stage, another speed
            self.stage, self._marks = stage, [(time.monotonic(), self.step)]
        self.step = step
        if self._bar:
            self._bar.update(self._task, completed=step, stage=stage)

    def show(self, stage: str, numbers: Mapping[str, float]) -> None:
        """The means of the last steps, a dict."""
        text, speed = _in_words(numbers), f"{self.speed():.1f} images/s"
        if self._bar:
            self._bar.numbers = text
            self._bar.update(self._task, speed=speed)
        else:
            self.say(f"{stage} {self.step}/{self.total}  {text}  {speed}  {self._left()} left")

    def speed(self) -> float:
        """Images per second over the last minutes; also starts the next measurement."""
        self._marks = [*self._marks[-20:], (time.monotonic(), self.step)]
        (start, first), (end, last) = self._marks[0], self._marks[-1]
        return (last - first) * self.batch_sizes[self.stage] / max(end - start, 1e-9)

    def close(self) -> None:
        """Leaves the bar as it is."""
        if self._bar:
            self._bar.stop()

    def _left(self):
        (start, first), (end, last) = self._marks[0], self._marks[-1]
        seconds = (self.total - last) * (end - start) / max(last - first, 1)
        minutes, seconds = divmod(round(seconds), 60)
        return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


def _in_words(numbers):
    return "  ".join(f"{name} {numbers[name]:.3g}" for name in SHOWN if name in numbers)
