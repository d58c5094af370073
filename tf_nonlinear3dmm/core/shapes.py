"""Shape checks at the door of every public function.

    shapes.check(vertices=(vertices, "B V 3"), projection=(projection, "B 2 4"))

A letter (or word) is a size that must agree wherever it appears; a number is that size; `...`
stands for any leading sizes. Unknown sizes of a graph match everything.
"""

from typing import Any


def check(**arguments: tuple[Any, str]) -> dict[str, Any]:
    """Raises `ValueError` where a static shape is not the expected one.

    Args:
        **arguments: name = (tensor or array, "sizes separated by spaces").

    Returns:
        The size that each letter stands for, or None where a graph does not know it.
    """
    sizes = {}
    for name, (value, wanted) in arguments.items():
        shape = _static_shape(value)
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


def _static_shape(value):
    shape = value.shape
    if getattr(shape, "rank", 0) is None:
        return None
    return tuple(shape)


def _message(name, wanted, sizes, shape):
    words = wanted.split()
    known = ", ".join(f"{w} = {sizes[w]}" for w in words if sizes.get(w) is not None)
    with_sizes = f" with {known}" if known else ""
    return f"`{name}` must have shape [{', '.join(words)}]{with_sizes}, got {list(shape)}."
