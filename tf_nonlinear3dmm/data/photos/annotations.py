"""A person's own points or box of a face, from a file beside the photo."""

import os
import pathlib

import numpy as np

from tf_nonlinear3dmm.core import filenames, json_files
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.data.photos import faces

LANDMARK_SUFFIXES = (".pts", ".json")
BOX = ("x", "y", "width", "height")
LARGEST = 2**20  # bytes


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
        text = contents.decode()
        if name.lower().endswith(".json"):
            points = json_files.loads(text)
            points = points["landmarks"] if isinstance(points, dict) else points
            points = np.array([[np.nan] * 2 if p is None else p for p in points], float)
        else:
            inside = text[text.index("{") + 1 : text.index("}")].split()
            points = np.array(inside, float).reshape(-1, 2) - 1
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"{name}: not a .pts or .json file of landmarks: {error}") from None
    if points.shape != (68, 2):
        raise ValueError(f"{name}: 68 points (x, y) are expected, got shape {points.shape}")
    hidden = ~np.all(np.isfinite(points), axis=1)
    if hidden.sum() > len(points) // 2:
        raise ValueError(f"{name}: of 68 points at least 34 must be finite, got {np.sum(~hidden)}")
    return np.where(hidden[:, np.newaxis], np.nan, points).astype(np.float32)


def read_face(contents: bytes, name: str) -> faces.PhotoFace:
    """The `faces.PhotoFace` of a person's own file beside a photo.

    Args:
        contents: bytes of a landmark file, see `read_landmarks`, or of a .json file with the
            `box` of a face from brows to chin: [x, y, width, height], or a dict with these names.
        name: of the file; its ending tells the format.

    Raises:
        ValueError: another format; names the file.
    """
    box = _read_box(contents) if name.lower().endswith(".json") else None
    if box is None:
        return faces.of_landmarks(read_landmarks(contents, name))
    try:
        box = np.asarray([box[n] for n in BOX] if isinstance(box, dict) else box, float)
    except (ValueError, KeyError, TypeError, OverflowError):
        box = np.zeros(0)
    if box.shape != (4,) or not np.isfinite(box).all() or min(box[2:]) <= 0:
        raise ValueError(f"{name}: a box is {', '.join(BOX)}, finite pixels and not empty")
    return faces.of_box(box)


def own_face(path: Path) -> faces.PhotoFace | None:
    """The `faces.PhotoFace` of the file beside the photo at `path`, None where there is none."""
    for suffix in LANDMARK_SUFFIXES:
        beside = pathlib.Path(path).with_suffix(suffix)
        if os.path.exists(beside):  # False, too, where such a name would be too long
            return read_face(filenames.read(beside, LARGEST), str(beside))
    return None


def _read_box(contents):
    try:
        about = json_files.loads(contents)
    except ValueError:
        return None
    has_points = not isinstance(about, dict) or "landmarks" in about
    return None if has_points else about.get("box")
