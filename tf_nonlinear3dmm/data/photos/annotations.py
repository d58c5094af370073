"""A person's own points or box of a face, from a file beside the photo."""

import os
import pathlib
import re

import numpy as np

from tf_nonlinear3dmm.core import filenames, json_files, shapes
from tf_nonlinear3dmm.core.types import Path, Size
from tf_nonlinear3dmm.data.photos import faces

LANDMARK_SUFFIXES = (".pts", ".json")
BOX = ("x", "y", "width", "height")
_BOX = ", ".join(BOX)
LARGEST = 2**20  # bytes
SMALLEST_FACE = 4  # pixels, each side of its box
LARGEST_FACE = 4  # longer side of its box over the photo's


def read_landmarks(contents: bytes, name: str) -> np.ndarray:
    """The 68 points of a landmark file.

    Args:
        contents: bytes of a .pts file (300-W: pixels from 1) or of a .json file (a list of 68
            [x, y] or a dict with it as `landmarks`: pixels from 0).
        name: of the file; its ending tells the format.

    Returns:
        `[68, 2]` float32 pixels from 0; NaN where a point is hidden: `nan`, or null in a .json.

    Raises:
        ValueError: another format or number of points, or more than half are hidden; names the
            file.
    """
    try:
        points = _of_json(contents) if name.lower().endswith(".json") else _of_pts(contents)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{name}: not a .pts or .json file of landmarks: {error}") from None
    if points.shape != (68, 2):
        raise ValueError(f"{name}: 68 points (x, y) are expected, got shape {points.shape}")
    if np.any(np.isfinite(points) & (np.abs(points) > shapes.LARGEST)):
        raise ValueError(f"{name}: points lie within {shapes.LARGEST:g} pixels of the photo")
    hidden = ~np.all(np.isfinite(points), axis=1)
    if hidden.sum() > len(points) // 2:
        raise ValueError(f"{name}: of 68 points at least 34 must be finite, got {np.sum(~hidden)}")
    return np.where(hidden[:, np.newaxis], np.nan, points).astype(np.float32)


def _of_json(contents):
    points = json_files.loads(contents)
    if isinstance(points, dict):
        if "landmarks" not in points:
            raise ValueError("a dict has `landmarks` or a `box`")
        points = points["landmarks"]
    if not isinstance(points, list):
        raise ValueError("68 [x, y] in a list are expected")
    return np.array([[np.nan] * 2 if p is None else p for p in points], float)


def _of_pts(contents):
    inside = re.search(r"\{([^}]*)\}", contents.decode())
    if inside is None:
        raise ValueError("68 lines x y in braces are expected")
    return np.array(inside[1].split(), float).reshape(-1, 2) - 1


def read_face(contents: bytes, name: str, size: Size) -> faces.PhotoFace:
    """The `faces.PhotoFace` of a person's own file beside a photo.

    Args:
        contents: bytes of a landmark file, see `read_landmarks`, or of a .json file with the
            `box` of a face from brows to chin: [x, y, width, height], or a dict with these names.
        name: of the file; its ending tells the format.
        size: (height, width) of the photo.

    Raises:
        ValueError: another format, or a face that the photo cannot show; names the file.
    """
    box = _read_box(contents) if name.lower().endswith(".json") else None
    if box is None:
        face = faces.of_landmarks(read_landmarks(contents, name))
    else:
        face = faces.of_box(_checked_box(box, name))
    _check_place(face.box, size, name)
    return face


def _checked_box(box, name):
    try:
        box = np.asarray([box[n] for n in BOX] if isinstance(box, dict) else box, float)
    except (ValueError, KeyError, TypeError, OverflowError):
        box = np.zeros(0)
    if box.shape != (4,) or not np.isfinite(box).all() or min(box[2:]) <= 0:
        raise ValueError(f"{name}: a box is {_BOX}, finite pixels and not empty")
    return box


def _check_place(box, size, name):
    """Refuses a box that lies elsewhere, or is in other units than pixels."""
    middle, [height, width] = box[:2] + box[2:] / 2, size
    inside = np.all((middle >= 0) & (middle <= [width, height]))
    if not inside or min(box[2:]) < SMALLEST_FACE or max(box[2:]) > LARGEST_FACE * max(size):
        raise ValueError(
            f"{name}: a face of {SMALLEST_FACE} pixels or more with its middle in the photo of "
            f"{width} x {height} is expected, got {', '.join(f'{n:g}' for n in box)} ({_BOX})"
        )


def own_face(path: Path, size: Size) -> faces.PhotoFace | None:
    """The `faces.PhotoFace` of the file beside a photo, None where there is none.

    Args:
        path: of the photo.
        size: (height, width) of the photo.

    Raises:
        ValueError, OSError: as `read_face`, or the file cannot be read.
    """
    for suffix in LANDMARK_SUFFIXES:
        for ending in (suffix, suffix.upper()):
            beside = pathlib.Path(path).with_suffix(ending)
            if os.path.lexists(beside):  # False, too, where such a name would be too long
                return read_face(filenames.read(beside, LARGEST), str(beside), size)
    return None


def _read_box(contents):
    try:
        about = json_files.loads(contents)
    except ValueError:
        return None
    has_points = not isinstance(about, dict) or "landmarks" in about
    return None if has_points else about.get("box")
