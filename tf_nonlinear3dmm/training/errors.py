"""What ends a run early, and how a training program then exits: with a line and an exit code.

0 done or stopped on request; 2 something asked for is wrong, nothing was changed; 3 a loss that is
not finite; 4 a file could not be written; 5 another worker is gone; 130 interrupted outside the
training steps.
"""

import contextlib
import os
import pathlib
import re
import sys
from collections.abc import Iterator

import tensorflow as tf

from tf_nonlinear3dmm.core.array_files import LoadError, SaveError

_GONE = (  # what collective operations raise when their partner does not answer
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)
WRONG, NON_FINITE, NOT_WRITTEN, WORKER_GONE, INTERRUPTED = 2, 3, 4, 5, 130


class RunError(Exception):
    """The run cannot start or resume as asked; nothing was changed."""


class NonFiniteError(Exception):
    """A loss or gradient is not finite.

    Attributes:
        step: 0-based; within the stage where a step raises it, within the run where `train` does.
        terms: the step's numbers.
        records: names of the step's records, where they are known.
        where: the file that holds them, or None.
    """

    def __init__(self, step: int, terms: dict[str, float]) -> None:
        super().__init__(step, terms)
        self.step, self.terms = step, terms
        self.where: pathlib.Path | None = None
        self.records: list[str] = []

    def __str__(self) -> str:
        records = f"; {self.where} names its records" if self.where else ""
        return f"step {self.step}: the loss or its gradient is not finite{records}"


@contextlib.contextmanager
def codes(program: str, again: str, *wrong: type[Exception]) -> Iterator[None]:
    """Turns the errors of `train` into a line on stderr and an exit code.

    Args:
        program: name that starts the line.
        again: the command that resumes the run.
        *wrong: more exceptions that mean that something asked for is wrong.
    """
    refusals: tuple[type[Exception], ...] = (RunError, LoadError, *wrong)
    try:
        yield
    except refusals as error:
        _exit(program, error, WRONG)
    except NonFiniteError as error:
        _exit(program, f"{error}; the checkpoint before it stays", NON_FINITE)
    except SaveError as error:
        _exit(program, f"{error}; the checkpoint before stays. To resume: {again}", NOT_WRITTEN)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        reason = error.strerror or error
        _exit(program, f"cannot read or write{where}: {reason}. To resume: {again}", NOT_WRITTEN)
    except _GONE as error:
        if "TF_CONFIG" not in os.environ:
            raise
        _exit(program, f"{_lost_worker(error)} is gone. On every machine: {again}", WORKER_GONE)
    except KeyboardInterrupt:
        _exit(program, f"interrupted. To resume: {again}", INTERRUPTED)


def _lost_worker(error):
    """The worker that TensorFlow blames, where it says."""
    silent = re.search(r"heartbeats\):\s*/job:(\w+)/replica:\d+/task:(\d+)", error.message)
    return f"{silent[1]} {silent[2]}" if silent else "another worker"


def _exit(program, message, code):
    print(f"{program}: {message}", file=sys.stderr, flush=True)
    raise SystemExit(code)
