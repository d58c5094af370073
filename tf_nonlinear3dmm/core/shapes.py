"""Shape checks at the door of every public function.

    shapes.check(vertices=(vertices, "B V 3"), projection=(projection, "B 2 4"))

A letter (or word) is a size that must agree wherever it appears; a number is that size; `...`
stands for any leading sizes. Unknown sizes of a graph match everything.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

LARGEST = 1e6  # of what people give as numbers: squares of float32 stay finite


def check(**arguments: tuple[Any, str]) -> dict[str, Any]:
    """Raises `ValueError` where a static shape is not the expected one.

    Args:
        **arguments: name = (tensor or array, "sizes separated by spaces").

    Returns:
        The size that each letter stands for, or None where a graph does not know it.
    """
    sizes = {}
    for name, (value, wanted) in arguments.items():
        shape = _static_shape(name, value)
        if shape is None:
            continue
        words = wanted.split()
        if words[:1] == ["..."]:
            words = words[1:]
            tail = shape[len(shape) - len(words) :] if len(shape) >= len(words) else None
        else:
            tail = shape if len(shape) == len(words) else None
        if tail is None:
            raise ValueError(_message(name, wanted, sizes, shape))
        for word, size in zip(words, tail, strict=True):
            expected = int(word) if word.isdigit() else sizes.get(word)
            if size is not None and expected is not None and size != expected:
                raise ValueError(_message(name, wanted, sizes, shape))
            if not word.isdigit() and sizes.get(word) is None:
                sizes[word] = size
    return sizes


def check_floats(**arguments: Any) -> None:
    """Raises `ValueError` unless all tensors or arrays given have one floating-point type."""
    kinds = {name: tf.as_dtype(value.dtype) for name, value in arguments.items()}
    for name, kind in kinds.items():
        if not kind.is_floating:
            raise ValueError(f"`{name}` must be floating-point numbers, got {kind.name}")
    if len({*kinds.values()}) > 1:
        listed = ", ".join(f"`{name}` {kind.name}" for name, kind in kinds.items())
        raise ValueError(f"one floating-point type is needed, got {listed}")


def numbers(
    name: str,
    value: npt.ArrayLike,
    wanted: str,
    low: float = -LARGEST,
    high: float = LARGEST,
    hidden: bool = False,
) -> np.ndarray:
    """What a caller gives as numbers, as a float32 array of the shape `wanted`, see `check`.

    Args:
        name: of the argument.
        value: array, tensor or nested lists of real numbers.
        wanted: sizes separated by spaces.
        low, high: range of the numbers.
        hidden: whether NaN, or what a masked array hides, stands for what is not known.

    Raises:
        ValueError: no array of numbers, another shape or range, or not finite.
    """
    try:
        array = np.ma.asanyarray(value) if np.ma.isMaskedArray(value) else np.asarray(value)
    except Exception as error:  # what lies behind an array-like raises many kinds
        raise ValueError(f"`{name}` must be an array [{_sizes(wanted)}]: {error}") from None
    if array.dtype.kind not in "fiu":
        raise ValueError(f"`{name}` must be numbers [{_sizes(wanted)}], got {_brief(value)}")
    check(**{name: (array, wanted)})
    array = np.ma.filled(array.astype(np.float64), np.nan)
    bad = ~((array >= low) & (array <= high)) & ~(hidden & np.isnan(array))
    if bad.any():
        nan = ", NaN where not known" if hidden else ""
        raise ValueError(
            f"`{name}` must be finite numbers from {low:g} to {high:g}{nan}, got {array[bad][0]:g}"
        )
    return array.astype(np.float32)


def _sizes(wanted):
    return ", ".join(wanted.split())


def _brief(value):
    """What was given, in few words."""
    if isinstance(value, str | bool | None):
        return repr(value)[:40]
    kind = getattr(value, "dtype", None)
    return type(value).__name__ if kind is None else f"{type(value).__name__} of {kind}"


def _static_shape(name, value):
    shape = getattr(value, "shape", None)
    if shape is None:
        raise ValueError(f"`{name}` must be an array, got {_brief(value)}.")
    if getattr(shape, "rank", 0) is None:
        return None
    return tuple(shape)


def _message(name, wanted, sizes, shape):
    words = wanted.split()
    known = ", ".join(f"{w} = {sizes[w]}" for w in words if sizes.get(w) is not None)
    with_sizes = f" with {known}" if known else ""
    return f"`{name}` must have shape [{', '.join(words)}]{with_sizes}, got {list(shape)}."
