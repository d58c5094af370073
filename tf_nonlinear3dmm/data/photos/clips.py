"""Clips: video files and folders of frames, one frame at a time."""

import logging
import os
import pathlib
import re
from collections.abc import Iterator
from types import ModuleType

import numpy as np

from tf_nonlinear3dmm.core import filenames
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.data.photos import reading

RATE = 30.0  # frames a second where a clip does not tell


class Clip:
    """Frames of a video file or a folder, that can be gone through again and again.

    Each is `[H, W, 3]` uint8 RGB, or the `ValueError` or `OSError` of one that cannot be read.

    Args:
        path: of a video file, or of a folder whose images are the frames in natural order: 2.png
            comes before 10.png.

    Attributes:
        path: likewise.
        rate: frames a second; `RATE` of a folder.
        count: of frames, as far as the clip tells; 0 where it does not.

    Raises:
        ImportError: a video file, and the extra `video` is not installed.
        ValueError: not a video, a pipe or device, or a folder without images.
        OSError: there is no such file, or it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = pathlib.Path(os.path.expanduser(path))
        self.rate, self.count, self._images = RATE, 0, list[pathlib.Path]()
        if self.path.is_dir():
            self._images = _frames(self.path)
            self.count = len(self._images)
            return
        filenames.check_ends(self.path)
        with self.path.open("rb"):
            pass  # an error of the system names the file
        frames = self._video()
        about = next(frames)
        frames.close()
        self.rate = about["fps"] or RATE
        self.count = round(self.rate * about["duration"])

    def __iter__(self) -> Iterator[np.ndarray | Exception]:
        return map(_read, self._images) if self._images else self._decoded()

    def _video(self):
        """What ffmpeg says of the file, then its frames as bytes."""
        frames = ffmpeg().read_frames(str(self.path.absolute()))
        try:
            about = next(frames)
            if min(about["size"]) < 1 or not about["codec"]:
                raise OSError("no picture in it")
        except (OSError, KeyError, ValueError, RuntimeError):
            raise ValueError(f"{self.path}: not a video that ffmpeg reads") from None
        yield about
        yield from frames

    def _decoded(self):
        frames = self._video()
        width, height = next(frames)["size"]
        try:
            for frame in frames:
                yield np.frombuffer(frame, np.uint8).reshape(height, width, 3)
        except RuntimeError:  # what ffmpeg says is long
            yield ValueError(f"{self.path}: damaged from here on")
        finally:
            frames.close()


def ffmpeg() -> ModuleType:
    """The package that reads and writes videos.

    Raises:
        ImportError: it is not installed; names the extra.
    """
    try:
        import imageio_ffmpeg
    except ImportError:
        raise ImportError(
            "a video needs imageio-ffmpeg: pip install tf_nonlinear3dmm[video]; "
            "a folder of frames does not"
        ) from None
    logging.getLogger("imageio_ffmpeg").setLevel(logging.ERROR)  # it warns of rotated videos
    return imageio_ffmpeg


def _read(path):
    try:
        return reading.read(path)
    except (ValueError, OSError) as error:
        return error


def _frames(folder):
    """The images in a folder, in natural order."""
    paths = filenames.glob(folder, "*")
    images = [p for p in paths if p.name.lower().endswith(reading.SUFFIXES)]
    if not images:
        raise ValueError(f"{folder}: no image that ends in {', '.join(reading.SUFFIXES)}")
    return sorted(images, key=lambda path: _natural(path.name))


def _natural(name):
    """A key by which numbers in names count as numbers."""
    parts = re.split(r"(\d+)", filenames.key(name))
    return [int(part) if part.isdecimal() else part for part in parts], name
