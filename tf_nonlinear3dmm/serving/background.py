"""Work beside the main thread: one photo's files are written while the next is computed."""

from collections.abc import Callable
from concurrent import futures
from typing import Any, Self


class Writer:
    """Calls functions one after the other in a thread; leaving its `with` waits for the last."""

    def __enter__(self) -> Self:
        self._pool = futures.ThreadPoolExecutor(1)
        self._last: futures.Future | None = None
        return self

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Calls `function` once the one before has ended; raises what that one has raised."""
        self._wait()
        self._last = self._pool.submit(function, *arguments)

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        with self._pool:
            if kind is None:
                self._wait()

    def _wait(self) -> None:
        last, self._last = self._last, None
        if last is not None:
            last.result()
