"""Fits for the page: faces and what it says of them, and how far a fit is while it runs."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import numpy as np

from tf_nonlinear3dmm import fitting
from tf_nonlinear3dmm.demo import faces
from tf_nonlinear3dmm.face.population import EMBEDDED
from tf_nonlinear3dmm.model import Nonlinear3DMM

PATIENCE = 0.1  # seconds after which a fit that waits for another asks whether it is still wanted


class FittedFace(NamedTuple):
    """What a fit made of one photo.

    Attributes:
        face: `faces.Face`; the encoder's where the fit failed.
        fitted: whether it succeeded.
        message: what the page says of it.
    """

    face: faces.Face
    fitted: bool
    message: str


class _Unwanted(Exception):
    """Nobody waits for the fit any more."""


def fit(
    model: Nonlinear3DMM,
    pictures: np.ndarray,
    same_person: bool = False,
    progress: Callable[[float, int], None] | None = None,
) -> list[FittedFace]:
    """The `FittedFace` of each of `[B, N, N, 3]` crops; arguments as those of `fitting.fit`."""
    landmarks = "detected" if model.face.name in EMBEDDED else None
    result = fitting.fit(
        model, pictures, landmarks, same_person=same_person, residual=True, progress=progress
    )
    return [
        FittedFace(
            faces.of_reconstruction(result.reconstruction, result.residual, i),
            bool(succeeded),
            _message(succeeded, status, result.landmark_errors[i], result.image_errors[i]),
        )
        for i, (succeeded, status) in enumerate(zip(result.succeeded, result.status, strict=True))
    ]


def _message(succeeded, status, landmark_errors, image_errors):
    if not succeeded:
        why = status.removeprefix("encoder: ")
        return f"The fit failed, the encoder's face stays: {why}"
    colours = "colours from {:.1f} to {:.1f} % off".format(*100 * image_errors)
    points = "landmarks from {:.1f} to {:.1f} %, ".format(*landmark_errors)
    return f"Fitted: {points if landmark_errors.any() else ''}{colours}"


async def reports(
    work: Callable[[Callable[[float], None]], dict[str, Any]], one: threading.Lock
) -> AsyncIterator[dict[str, Any]]:
    """What `work(tell)` reports from a thread: `{"done": 0.5}`, then its result, or `{"detail"}`.

    Args:
        work: calls `tell` with the part that is done, which raises where nobody listens any more.
        one: held while `work` runs: fits run one after the other.
    """
    loop, unwanted = asyncio.get_running_loop(), threading.Event()
    queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    def put(report):
        with contextlib.suppress(RuntimeError):  # the server has ended
            loop.call_soon_threadsafe(queue.put_nowait, report)

    def tell(done):
        if unwanted.is_set():
            raise _Unwanted
        put({"done": done})

    def run():
        try:
            while not one.acquire(timeout=PATIENCE):
                if unwanted.is_set():
                    return
            try:
                put(work(tell))
            finally:
                one.release()
        except _Unwanted:
            pass
        except Exception as error:  # a thread's goes nowhere else
            put({"detail": f"The fit failed: {str(error).partition(chr(10))[0]}"})
        finally:
            put(None)

    threading.Thread(target=run, daemon=True).start()
    try:
        while (report := await queue.get()) is not None:
            yield report
    finally:
        unwanted.set()
