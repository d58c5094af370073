"""What a run says while it trains: a bar on a terminal, plain lines anywhere else."""

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

SHOWN = ("loss", "encoder_loss", "nme", "landmarks", "shape", "reconstruction")


class _Bar(Progress):
    """A bar, and below it a line of numbers, which may be long."""

    numbers = ""

    def get_renderables(self):
        yield self.make_tasks_table(self.tasks)
        yield Text(self.numbers)


class Terminal:
    """Shows stage, step, losses, NME, images per second and time left.

    Args:
        total: steps of the whole run.
        first: step the run goes on from.
        batch_sizes: dict of stage name -> images per step.
        quiet: say nothing, for workers that do not write the run's files.
    """

    def __init__(self, total, first, batch_sizes, quiet=False):
        self.total, self.step, self.quiet = total, first, quiet
        self.batch_sizes, self.stage = batch_sizes, None
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

    def say(self, line):
        """Prints a line above the bar."""
        self.console.print(line, markup=False, soft_wrap=True)

    def advance(self, step, stage):
        """One more step is done."""
        if stage != self.stage:  # another stage, another speed
            self.stage, self._marks = stage, [(time.monotonic(), self.step)]
        self.step = step
        if self._bar:
            self._bar.update(self._task, completed=step, stage=stage)

    def show(self, stage, numbers):
        """The means of the last steps, a dict."""
        text, speed = _line(numbers), f"{self.speed():.1f} images/s"
        if self._bar:
            self._bar.numbers = text
            self._bar.update(self._task, speed=speed)
        else:
            self.say(f"{stage} {self.step}/{self.total}  {text}  {speed}  {self._left()} left")

    def speed(self):
        """Images per second over the last minutes; also starts the next measurement."""
        self._marks = [*self._marks[-20:], (time.monotonic(), self.step)]
        (start, first), (end, last) = self._marks[0], self._marks[-1]
        return (last - first) * self.batch_sizes[self.stage] / max(end - start, 1e-9)

    def close(self):
        if self._bar:
            self._bar.stop()

    def _left(self):
        (start, first), (end, last) = self._marks[0], self._marks[-1]
        seconds = (self.total - last) * (end - start) / max(last - first, 1)
        minutes, seconds = divmod(round(seconds), 60)
        return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


def _line(numbers):
    return "  ".join(f"{name} {numbers[name]:.3g}" for name in SHOWN if name in numbers)
