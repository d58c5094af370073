"""Keras as the networks need it, whatever the surrounding program has configured.

Keras' global state (dtype policy, float type, place of the channels, backend) decides what a new
layer is. Networks of this package are float32 with the channels last, on TensorFlow.
"""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

try:
    import keras
except ModuleNotFoundError as error:  # of the backend that the user has chosen
    raise ImportError(
        f"Keras does not load ({error}); with KERAS_BACKEND=tensorflow it needs TensorFlow alone"
    ) from None

if keras.config.backend() != "tensorflow":
    raise ImportError(
        "the model needs Keras' backend `tensorflow`, got "
        f"`{keras.config.backend()}`: set KERAS_BACKEND=tensorflow before Keras is imported"
    )


P = ParamSpec("P")
R = TypeVar("R")


@contextlib.contextmanager
def ours() -> Iterator[None]:
    """A `with` block under the state that networks are built in; the caller's is restored."""
    theirs = (
        keras.config.dtype_policy(),
        keras.config.floatx(),
        keras.config.image_data_format(),
    )
    try:
        _set("float32", "float32", "channels_last")
        yield
    finally:
        _set(*theirs)


def inside_ours(function: Callable[P, R]) -> Callable[P, R]:
    """Decorates a function, or a layer's `__init__`, that runs inside `ours`."""

    @functools.wraps(function)
    def wrapped(*arguments, **named):
        with ours():
            return function(*arguments, **named)

    wrapped.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]  # Keras does not unwrap
    return wrapped


def _set(policy, floats, channels):
    keras.config.set_floatx(floats)
    keras.config.set_image_data_format(channels)
    if keras.config.dtype_policy() != keras.dtype_policies.get(policy):  # else it follows floatx
        keras.config.set_dtype_policy(policy)
