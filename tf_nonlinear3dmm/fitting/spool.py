"""A list on disk: what is known of each frame of a clip, whatever the clip's length."""

import pickle
import tempfile
import weakref
from collections.abc import Iterator
from typing import Any


class Spool:
    """Values that are appended, and gone through from the first as often as one likes."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="tf_nonlinear3dmm-")
        weakref.finalize(self, self._file.close)
        self._length = 0

    def append(self, value: Any) -> None:
        """Adds a value at the end."""
        self._file.seek(0, 2)
        pickle.dump(value, self._file, pickle.HIGHEST_PROTOCOL)
        self._length += 1

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Any]:
        place = 0
        for _ in range(self._length):
            self._file.seek(place)  # others may have read or written meanwhile
            value = pickle.load(self._file)
            place = self._file.tell()
            yield value
