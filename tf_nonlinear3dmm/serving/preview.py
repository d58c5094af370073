"""A clip of frames beside the faces that were tracked in them."""

import contextlib
import functools
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
import tensorflow as tf

from tf_nonlinear3dmm.core import graphs
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.data import crop
from tf_nonlinear3dmm.data.photos import clips
from tf_nonlinear3dmm.fitting import Track, TrackedFace
from tf_nonlinear3dmm.fitting.following import FACE
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.rendering import visualize

SIDE = 480  # pixels of the longer side of a frame, at most
FACE_SIDE = 256  # pixels of the square in which a face is drawn
AROUND = 1.3  # side of that square over the crop's


class Preview:
    """An .mp4 that grows frame by frame; nothing, with a line that says why, where it cannot.

    Args:
        path: of the .mp4, which is there once the context ends.
        rate: frames a second.
        say: called with the line.
    """

    def __init__(self, path: Path, rate: float, say: Callable[[str], None] = print) -> None:
        self._path, self._rate, self._say = pathlib.Path(path), rate, say
        self._part = self._path.with_name(f".{self._path.stem}.part.mp4")
        self._size: Any = None
        self._film: Any = None
        self._works = True

    def __enter__(self) -> "Preview":
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        self._close(kept=kind is None)

    def add(self, frame: np.ndarray, model: Nonlinear3DMM, track: Track, face: TrackedFace) -> None:
        """Adds a frame `[H, W, 3]` uint8 and the `TrackedFace` that it shows, if any."""
        if not self._works:
            return
        if self._size is None:
            k = min(SIDE / max(frame.shape[:2]), 1.0)
            self._size = tuple(max(2 * round(n * k / 2), 2) for n in frame.shape[1::-1])
        small = np.asarray(PIL.Image.fromarray(frame).resize(self._size))
        k = np.array(self._size) / frame.shape[1::-1]
        drawn = draw(small, model, track, face, k) if face.status == FACE else small
        try:
            if self._film is None:
                self._film = self._open()
            self._film.send(np.ascontiguousarray(np.concatenate([small, drawn], axis=1)))
        except (ImportError, OSError, RuntimeError) as error:
            self._say(f"no preview: {str(error).splitlines()[0]}")
            self._close(kept=False)
            self._works = False

    def _open(self):
        width, height = self._size
        film = clips.ffmpeg().write_frames(
            str(self._part), (2 * width, height), fps=self._rate, quality=7, macro_block_size=2
        )
        film.send(None)
        return film

    def _close(self, kept):
        if self._film is not None:
            with contextlib.suppress(OSError, RuntimeError):
                self._film.close()
            self._film = None
            if kept and self._part.exists():
                self._part.replace(self._path)
        with contextlib.suppress(OSError):
            self._part.unlink(missing_ok=True)


def draw(
    image: np.ndarray, model: Nonlinear3DMM, track: Track, face: TrackedFace, k: np.ndarray
) -> np.ndarray:
    """`[H, W, 3]` uint8: a frame that was resized by `k` `[2]` (x, y), and its face drawn on it."""
    projection = face.projection * k[:, np.newaxis]
    projection[:, 3] += (k - 1) / 2
    points = (face.landmarks + 0.5) * k - 0.5
    square = crop.grow(crop.square(tf.constant(points, tf.float32)), AROUND)
    low = np.round([square.x0, square.y0]).astype(int)
    side = max(int(np.round(square.side)), 2)
    square = crop.Square(*(tf.constant(n, tf.float32) for n in (*low, side)))
    inside = crop.projection(tf.constant(projection[np.newaxis], tf.float32), square, FACE_SIDE)
    light = face.illumination
    light = None if light is None else light[np.newaxis]
    picture, mask = _painter(model)(
        face.vertices[np.newaxis], track.albedo_map[np.newaxis], inside, light
    )
    layers = visualize.to_uint8(np.concatenate([picture[0], mask[0]], axis=-1))
    layers = PIL.Image.fromarray(layers, "RGBA").resize((side, side))
    canvas = PIL.Image.fromarray(image)
    canvas.paste(layers.convert("RGB"), (int(low[0]), int(low[1])), layers.getchannel("A"))
    return np.asarray(canvas)


@functools.lru_cache(maxsize=2)
def _painter(model):
    """Vertices, albedo, projection, light -> image and mask in squares of `FACE_SIDE` pixels."""

    @graphs.function(reduce_retracing=True)
    def run(vertices, albedo, projection, light):
        size = FACE_SIDE, FACE_SIDE
        drawn = model.render(vertices, albedo, projection, light, size)
        return drawn.image, drawn.mask

    return run
