"""How far a running graph is, told to a Python function, which may end the graph by raising."""

import contextlib
import itertools
from collections.abc import Callable, Iterator

import tensorflow as tf

_reports: dict[int, Callable[[float], None]] = {}
_numbers = itertools.count(1)


@contextlib.contextmanager
def reporting(report: Callable[[float], None] | None) -> Iterator[tf.Tensor]:
    """A number by which `tell`, in a graph that runs meanwhile, finds `report`.

    Args:
        report: called with the part that is done, 0 to 1. What it raises ends the graph, and is
            raised again from here.
    """
    number, raised = next(_numbers), []

    def call(done):
        try:
            report(done)
        except Exception as error:
            raised.append(error)
            raise

    if report is not None:
        _reports[number] = call
    try:
        yield tf.constant(number)
    except tf.errors.OpError:
        if raised:
            raise raised[0] from None
        raise
    finally:
        _reports.pop(number, None)


def tell(number: tf.Tensor, done: tf.Tensor) -> None:
    """Tells the function of `reporting`, if there is one, that the part `done` is done."""

    def call(number, done):
        report = _reports.get(int(number))
        if report is not None:
            report(float(done))

    tf.py_function(call, [number, done], [])
