"""Times of functions that take turns, so that a busy machine slows all of them alike."""

import contextlib
import statistics
import time
import types
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf


class Times(NamedTuple):
    """Seconds of each run, by name; run number i of every name came in round i."""

    seconds: dict[Any, list[float]]

    def median(self, name: Hashable) -> float:
        """Median seconds of one function."""
        return statistics.median(self.seconds[name])

    def least(self, name: Hashable) -> float:
        """Seconds of its fastest run."""
        return min(self.seconds[name])

    def ratio(self, name: Hashable, other: Hashable) -> float:
        """Median over the rounds of one function's time over another's."""
        pairs = zip(self.seconds[name], self.seconds[other], strict=True)
        return statistics.median(a / b for a, b in pairs)

    def ms(self, name: Hashable, parts: int = 1) -> list[float]:
        """Median and minimum, milliseconds of one of `parts` equal parts."""
        return [1e3 * self.median(name) / parts, 1e3 * self.least(name) / parts]


def take_turns(
    functions: Mapping[Any, Callable], runs: int, say: Callable[[str], None] | None = None
) -> Times:
    """The `Times` of functions by name, called in turn `runs` times after one warm-up.

    Args:
        functions: name -> function without arguments. Tensors that it returns are waited for.
        runs: rounds.
        say: called with a line after each round, or None.
    """
    for name, function in functions.items():
        _finish(function)
        if say:
            say(f"ready: {name}")
    seconds = {name: [] for name in functions}
    for number in range(runs):
        for name, function in functions.items():
            start = time.perf_counter()
            _finish(function)
            seconds[name].append(time.perf_counter() - start)
        if say:
            say(f"round {number + 1} of {runs}")
    return Times(seconds)


@contextlib.contextmanager
def stopwatch() -> Iterator[types.SimpleNamespace]:
    """An object whose `seconds` are those of the block, after its end."""
    clock, start = types.SimpleNamespace(seconds=0.0), time.perf_counter()
    yield clock
    clock.seconds = time.perf_counter() - start


def growth(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """The exponent p of seconds ~ size^p, fitted: 1 is linear growth."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def _finish(function):
    for part in tf.nest.flatten(function()):
        if isinstance(part, tf.Tensor | tf.IndexedSlices):
            tf.convert_to_tensor(part).numpy()
