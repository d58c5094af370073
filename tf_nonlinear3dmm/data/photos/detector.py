"""Where faces are in a photo: MediaPipe's two detectors over the whole photo and over tiles."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import PIL.Image

from tf_nonlinear3dmm.data.photos import litert

THRESHOLD = 0.5  # confidence below which a detection is dropped
TILE = 1000  # pixels: a tile's side at the finest level; a face of a 15th of it is detected
_OVERLAP = 0.25  # of neighbouring tiles
_SAME_UNION, _SAME_PART = (
    0.3,
    0.7,
)  # of two boxes of one face: common over united, over smaller area


class Detection(NamedTuple):
    """A face's place, roughly.

    Attributes:
        box: `[4]` x, y, width, height in pixels: brows to chin.
        points: `[6, 2]` pixels: right eye, left eye, nose, mouth, right ear, left ear.
        confidence: 0 to 1.
    """

    box: np.ndarray
    points: np.ndarray
    confidence: float


def find(photo: "Photo", threshold: float = THRESHOLD) -> list[Detection]:
    """Faces that stand about upright (within 45 degrees), the most certain first.

    Args:
        photo: `Photo`.
        threshold: the least confidence.

    Returns:
        list of `Detection`.
    """
    detections = []
    for x0, y0, side, networks in windows(photo.width, photo.height):
        for network in networks:
            detections += _in_window(photo, x0, y0, side, network, threshold)
    return distinct(detections, _confidence)


def windows(width: int, height: int) -> Iterator[tuple[float, float, float, tuple[str, ...]]]:
    """The squares that the detectors see: x0, y0, side in pixels, and their networks."""
    longer, both = max(width, height), (litert.SHORT_RANGE, litert.FULL_RANGE)
    for side in (longer, 2 * longer):  # twice: a face that fills the photo
        yield (width - side) / 2, (height - side) / 2, side, both
    levels = int(np.ceil(np.log2(max(longer / TILE, 1))))
    for level in range(1, levels + 1):
        side = longer * (TILE / longer) ** (level / levels)
        for y0 in _starts(height, side):
            for x0 in _starts(width, side):
                yield x0, y0, side, (litert.FULL_RANGE,)


def distinct(faces: Iterable[Any], preference: Callable[[Any], float]) -> list[Any]:
    """Non-maximum suppression: faces, each with a `box`, that overlap no preferred one."""
    separate: list[Any] = []
    for face in sorted(faces, key=preference, reverse=True):
        if not any(same(face.box, other.box) for other in separate):
            separate.append(face)
    return separate


def _confidence(detection):
    return detection.confidence


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two boxes are of one face."""
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[:2] + a[2:], b[:2] + b[2:])
    common, areas = np.prod(np.maximum(high - low, 0)), (a[2] * a[3], b[2] * b[3])
    return common > _SAME_UNION * (sum(areas) - common) or common > _SAME_PART * min(areas)


class Photo:
    """A photo and its halves, so that every window is resampled from few pixels.

    Args:
        image: PIL image, RGB.

    Attributes:
        width, height: pixels.
    """

    def __init__(self, image: PIL.Image.Image) -> None:
        self.width, self.height = image.size
        self._halves = [image]

    def view(self, x0: float, y0: float, side: float, size: int) -> np.ndarray:
        """A square resampled to `[size, size, 3]` uint8, black outside the photo."""
        low = np.maximum([x0, y0], 0)
        high = np.minimum([x0 + side, y0 + side], [self.width, self.height])
        pixels, k = np.zeros([size, size, 3], np.uint8), size / side
        start = np.round((low - [x0, y0]) * k).astype(int)
        end = np.round((high - [x0, y0]) * k).astype(int)
        if np.all(high > low) and np.all(end > start):
            half = self._half(side / size)
            box = np.concatenate([low, high]) / 2**half
            image = self._halves[half]
            box = np.minimum(box, [*image.size, *image.size])
            part = image.resize(end - start, PIL.Image.Resampling.BILINEAR, tuple(box))
            pixels[start[1] : end[1], start[0] : end[0]] = part
        return pixels

    def _half(self, pixels):
        """How often to halve for a window that makes one pixel of so many: two are left."""
        halvings = max(0, int(np.floor(np.log2(max(pixels, 1) / 2))))
        while len(self._halves) <= halvings:
            self._halves.append(self._halves[-1].reduce(2))
        return halvings


def _starts(length, side):
    count = 1 + max(0, int(np.ceil((length - side) / (side * (1 - _OVERLAP)))))
    return np.linspace(0, max(length - side, 0), count)


def _in_window(photo, x0, y0, side, network, threshold):
    size, anchors = _grid(network)
    pixels = photo.view(x0, y0, side, size)
    numbers, scores = sorted(litert.run(network, pixels / 127.5 - 1), key=lambda a: -a.size)
    scores = 1 / (1 + np.exp(-np.clip(scores[:, 0], -80, 80)))
    detections = []
    for i in np.flatnonzero(scores >= threshold):
        places = numbers[i].reshape(8, 2) / size
        places[[0, *range(2, 8)]] += anchors[i]
        places = places * side
        corner = np.array([x0, y0])
        box = np.concatenate([corner + places[0] - places[1] / 2, places[1]])
        detections.append(Detection(box, corner + places[2:] - 0.5, float(scores[i])))
    return distinct(detections, _confidence)


def _grid(network):
    """A network's input side in pixels, and its anchors `[A, 2]` as fractions of the side."""
    if network == litert.FULL_RANGE:
        return 192, _cells(48, 1)
    return 128, np.concatenate([_cells(16, 2), _cells(8, 6)])


def _cells(count, each):
    y, x = np.mgrid[:count, :count]
    return np.repeat((np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) / count, each, axis=0)
