"""Many files, some of them bad: what is skipped, and what is held out."""

import collections
import concurrent.futures
import hashlib
import logging
import os
import pathlib
import posixpath
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.data import archive, photos

VALIDATION = 20
LOG = logging.getLogger(__name__)


def read(tree: archive.Tree, name: str, limit: int) -> bytes:
    """The bytes of a file of an `archive.Tree`; one that is missing is a `ValueError`."""
    if name not in tree:
        raise ValueError(f"{name}: the file is missing")
    return tree.read(name, limit)


def read_photo(tree: archive.Tree, stem: str) -> np.ndarray:
    """The photo `[H, W, 3]` uint8 of this name without its ending in an `archive.Tree`."""
    name = tree.find(stem, photos.SUFFIXES) or stem + photos.SUFFIXES[0]
    return photos.read(read(tree, name, archive.IMAGE_BYTES), name)


def number(text: str) -> int:
    """A fixed number in [0, 2^63) for a string."""
    contents = text.encode(errors="surrogateescape")  # a file's name need not be Unicode
    return int.from_bytes(hashlib.blake2b(contents, digest_size=8).digest(), "big") >> 1


def held_out(identities: set[str], make: Callable[[str], Any]) -> set[str]:
    """Of a set of names, those for validation: one in `VALIDATION`, but a good one at least.

    A name's part does not depend on the others, so it stays where it is when a folder grows.

    Args:
        identities: set of names.
        make: function of a name that raises `ValueError` or `OSError` where it is bad.
    """

    def good(name):
        try:
            make(name)
        except (ValueError, OSError):
            return False
        return True

    chosen = sorted(name for name in identities if number(name) % VALIDATION == 0)
    others = sorted(identities - {*chosen}, key=number)
    if others and not any(good(name) for name in chosen):
        chosen += [next(filter(good, others), others[0])]
    return {*chosen} & identities if len(identities) > 1 else set()


class Skipped:
    """Bad records: stops at the first where `strict`, else remembers them.

    Attributes:
        reasons: one line per bad record.
    """

    def __init__(self, strict: bool = False) -> None:
        self.strict = strict
        self.reasons: list[str] = []

    def add(self, reason: str | Exception) -> None:
        """`reason`: one line, or an error, that begins with the name of the file or record."""
        if self.strict:
            raise ValueError(str(reason))
        self.reasons.append(str(reason))

    def report(self, path: pathlib.Path, count: int) -> None:
        """Tells the user about the `count` good records of `path` and the bad ones so far.

        Raises:
            ValueError: there is no good record.
        """
        shown = "; ".join(self.reasons[:10]) + ("; ..." if len(self.reasons) > 10 else "")
        line = f"{path}: {count} records; {len(self.reasons)} bad records skipped"
        line += f": {shown}" if shown else ""
        if not count:
            raise ValueError(line)
        LOG.log(logging.WARNING if self.reasons else logging.INFO, line)


def named(name: Path, error: Exception) -> str:
    """An error as a line that gives the name of a file, or of one beside it (another ending)."""
    message, stem = str(error), posixpath.splitext(str(name))[0]
    if str(name) in message or message.startswith((f"{stem}.", f"{stem}:")):
        return message
    return f"{name}: {message}"


def each(
    names: Iterable[str], make: Callable[[str], Any], skipped: Skipped, threads: int | None = None
) -> Iterator[tuple[str, Any]]:
    """`make(name)` for every name, in order, several at once; memory stays flat.

    A `ValueError` or `OSError` goes to `skipped`, with the name where it does not give it itself;
    any other error is raised with the name as a note.

    Yields:
        (name, result).
    """
    threads = threads or os.cpu_count() or 1
    waiting: collections.deque = collections.deque()

    def finish():
        name, future = waiting.popleft()
        try:
            return [(name, future.result())]
        except (ValueError, OSError) as error:
            skipped.add(named(name, error))
            return []
        except Exception as error:
            error.add_note(f"while reading {name}")
            raise

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        try:
            for name in names:
                waiting.append((name, pool.submit(make, name)))
                if len(waiting) > 4 * threads:
                    yield from finish()
            while waiting:
                yield from finish()
        finally:
            pool.shutdown(cancel_futures=True)
