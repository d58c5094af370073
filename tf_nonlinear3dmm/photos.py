"""Photos: reading them whatever they are, and finding the faces in them.

A face box of the detector (mtcnn) becomes the crop square by one fitted similarity, so that photos
without landmarks are cropped like those with.
"""

import functools
import io
import json
import os
import pathlib
import warnings
from typing import NamedTuple

import numpy as np
import PIL.Image
import PIL.ImageOps
import tensorflow as tf

from tf_nonlinear3dmm import crop, keras_state, shapes

SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".webp", ".heic", ".heif")
OTHER_SUFFIXES = (".avif", ".bmp", ".gif", ".jp2", ".tif", ".tiff")  # not read
FORMATS = ("JPEG", "PNG", "WEBP")
HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")  # brands
LARGEST_FILE = 64 * 2**20
LARGEST_IMAGE = 100_000_000  # pixels
SMALLEST_IMAGE = 16  # pixels, each side
DETECTOR_SIDE = 640  # longer side of the image that the detector sees


# The crop's side over sqrt(width * height) of the detector's box, and the way from the box's centre
# to the crop's over the side: medians of 90 synthetic faces, which vary by 7 % and 5 %.
BOX_TO_SIDE, BOX_TO_CENTRE = 1.41, (0.0, 0.098)


class Face(NamedTuple):
    """A face that the detector found.

    Attributes:
        box: `[4]` x, y, width, height in pixels.
        confidence: 0 to 1.
    """

    box: np.ndarray
    confidence: float


def read(source, name=None):
    """A photo as RGB, upright, whatever its format.

    Args:
        source: path, or bytes of a JPEG, PNG or WebP file; of a HEIC file, too, where pillow-heif
            is installed.
        name: for errors; the path by default.

    Returns:
        `[H, W, 3]` uint8. EXIF rotation is applied, transparent parts are black.

    Raises:
        ValueError: not a sound image of these formats, or too large or small; names the file.
        OSError: the file cannot be read.
    """
    name = name or (f"{len(source)} bytes" if isinstance(source, bytes) else str(source))
    if not isinstance(source, bytes):
        path = pathlib.Path(os.path.expanduser(source))
        if path.stat().st_size > LARGEST_FILE:
            raise ValueError(f"{name}: at most {LARGEST_FILE} bytes, got {path.stat().st_size}")
        source = path.read_bytes()
    if not source:
        raise ValueError(f"{name}: the file is empty")
    try:
        image = _open(source)
        width, height = image.size
        if width * height > LARGEST_IMAGE:
            raise ValueError(f"at most {LARGEST_IMAGE} pixels are read, got {width} x {height}")
        image = _as_rgb(PIL.ImageOps.exif_transpose(image))
    except Exception as error:  # Pillow raises many kinds on damaged files
        raise ValueError(f"{name}: not a sound JPEG, PNG or WebP image: {error}") from None
    if min(image.shape[:2]) < SMALLEST_IMAGE:
        raise ValueError(f"{name}: sides of {SMALLEST_IMAGE} pixels or more, got {image.shape[:2]}")
    return image


def read_landmarks(contents, name):
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
            points = json.loads(text)
            points = points["landmarks"] if isinstance(points, dict) else points
            points = np.array([[np.nan] * 2 if p is None else p for p in points], float)
        else:
            inside = text[text.index("{") + 1 : text.index("}")].split()
            points = np.array(inside, float).reshape(-1, 2) - 1
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{name}: not a .pts or .json file of landmarks: {error}") from None
    if points.shape != (68, 2):
        raise ValueError(f"{name}: 68 points (x, y) are expected, got shape {points.shape}")
    hidden = ~np.all(np.isfinite(points), axis=1)
    if hidden.sum() > len(points) // 2:
        raise ValueError(f"{name}: of 68 points at least 34 must be finite, got {np.sum(~hidden)}")
    return np.where(hidden[:, np.newaxis], np.nan, points).astype(np.float32)


def detect(image):
    """Faces in a photo, the largest first.

    Args:
        image: `[H, W, 3]` uint8 RGB.

    Returns:
        list of `Face`, empty where there is none.

    Raises:
        ImportError: the detector is not installed.
    """
    shapes.check(image=(image, "H W 3"))
    height, width = image.shape[:2]
    k = min(1.0, DETECTOR_SIDE / max(height, width))
    small = PIL.Image.fromarray(image)
    if k < 1:
        small = small.resize((round(width * k), round(height * k)), PIL.Image.Resampling.BOX)
    found = _detector().detect_faces(np.asarray(small))
    ratio = np.array([width / small.width, height / small.height])
    faces = [
        Face(np.array(f["box"], float) * [*ratio, *ratio], float(f["confidence"])) for f in found
    ]
    return sorted(faces, key=lambda face: -face.box[2] * face.box[3])


def face_square(box):
    """The crop `crop.Square` of scalars for a detector's box `[4]`: x, y, width, height."""
    x, y, width, height = np.asarray(box, np.float32)
    side = BOX_TO_SIDE * np.sqrt(width * height)
    centre = np.array([x + width / 2, y + height / 2]) + np.array(BOX_TO_CENTRE) * side
    return crop.around(tf.constant(centre, tf.float32), tf.constant(side, tf.float32))


@functools.cache
def _detector():
    try:
        import mtcnn
    except ImportError:
        raise ImportError(
            "finding faces needs mtcnn: pip install mtcnn==1.0.0 joblib lz4 cloudpickle"
        ) from None
    with keras_state.ours():
        return mtcnn.MTCNN()


def _open(source):
    formats = FORMATS
    if source[4:8] == b"ftyp" and source[8:12] in HEIC:
        try:
            import pillow_heif
        except ImportError:
            raise ValueError("a HEIC image needs pillow-heif: pip install pillow-heif") from None
        pillow_heif.register_heif_opener()
        formats = ("HEIF",)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
        try:
            return PIL.Image.open(io.BytesIO(source), formats=formats)
        except PIL.UnidentifiedImageError:  # its message has an address of memory
            raise ValueError("it begins like none of them") from None


def _as_rgb(image):
    if image.mode.startswith("I"):  # 16-bit grey
        image = PIL.Image.fromarray((np.asarray(image, np.float64) / 257).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        black = PIL.Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = PIL.Image.alpha_composite(black, image)
    return np.array(image.convert("RGB"))
