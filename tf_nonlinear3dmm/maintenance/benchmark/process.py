"""A training in a process of its own, watched from outside."""

import contextlib
import pathlib
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence

from tf_nonlinear3dmm.configs import Config
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.training import log

TRAIN = [sys.executable, "-m", "tf_nonlinear3dmm", "train", "--train.log_every", "1"]
MB = 1024  # kB


class Run:
    """A training run.

    Attributes:
        folder: of the run.
        process: `subprocess.Popen`.
    """

    def __init__(self, folder: Path, process: subprocess.Popen) -> None:
        self.folder, self.process = pathlib.Path(folder), process

    def step(self) -> tuple[str | None, int]:
        """(stage, step) of the last line of metrics.jsonl; (None, 0) before there is one."""
        path = self.folder / "metrics.jsonl"
        lines = log.read(path) if path.exists() else []
        return (lines[-1]["stage"], lines[-1]["step"]) if lines else (None, 0)

    def megabytes(self, name: str) -> float:
        """A line of /proc/<pid>/status: "RssAnon", the memory of its own, or "VmHWM", the peak."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        match = re.search(rf"{name}:\s*([0-9]+) kB", text)
        return int(match[1]) / MB if match else 0.0

    def wait_for(self, done: Callable[[], bool], seconds: float = 0.02) -> None:
        """Waits until `done()` is true, which it asks every so many seconds.

        Raises:
            RuntimeError: the run ended first; says why.
        """
        while not done():
            if self.process.poll() is not None:
                last = (self.folder / "errors").read_text().strip().split("\n")[-1]
                raise RuntimeError(
                    f"the training ended with code {self.process.returncode}: {last}"
                )
            time.sleep(seconds)


@contextlib.contextmanager
def train(flags: Sequence[str]) -> Iterator[Run]:
    """A `Run` with the given flags; it is killed and its folder removed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        with (pathlib.Path(folder) / "errors").open("w") as errors:
            process = subprocess.Popen(
                [*TRAIN, "--out", folder, *flags], stdout=subprocess.DEVNULL, stderr=errors
            )
        try:
            yield Run(folder, process)
        finally:
            process.kill()
            process.wait()


def flags(config: Config, **changes: object) -> list[str]:
    """Flags for the preset, data and batch of a `Config`; `stage_field=value` changes others."""
    data = [f"{n}_examples" for n in ("train", "validation", "test")]
    fields = {f"data.{name}": getattr(config.data, name) for name in ["folder", *data]}
    fields["train.batch_size"] = config.train.batch_size
    fields |= {name.replace("_", ".", 1): value for name, value in changes.items()}
    pairs = [(f"--{name}", str(value)) for name, value in fields.items()]
    return ["--preset", config.preset, *(word for pair in pairs for word in pair)]


def first_step(config: Config) -> float:
    """Seconds from the start of the process to the end of its first step."""
    start = time.perf_counter()
    with train(flags(config)) as run:
        run.wait_for(lambda: run.step()[1] >= 1)
        return time.perf_counter() - start
