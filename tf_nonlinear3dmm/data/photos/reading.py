"""Photos as RGB arrays, whatever their format."""

import io
import os
import warnings

import numpy as np
import PIL.Image
import PIL.ImageOps

from tf_nonlinear3dmm.core import filenames
from tf_nonlinear3dmm.core.types import Path

SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".webp", ".heic", ".heif")
OTHER_SUFFIXES = (".avif", ".bmp", ".gif", ".jp2", ".tif", ".tiff")  # not read
FORMATS = ("JPEG", "PNG", "WEBP")
HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")  # brands
_LARGEST_FILE = 64 * 2**20
LARGEST_IMAGE = 100_000_000  # pixels
_SMALLEST_IMAGE = 16  # pixels, each side


def read(source: Path | bytes, name: str | None = None) -> np.ndarray:
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
        source = filenames.read(os.path.expanduser(source), _LARGEST_FILE)
    if not source:
        raise ValueError(f"{name}: the file is empty")
    try:
        with warnings.catch_warnings():  # Pillow's are about files, and go to nobody
            warnings.simplefilter("ignore")
            image = _decoded(source)
    except Exception as error:  # Pillow raises many kinds on damaged files
        raise ValueError(f"{name}: not a sound JPEG, PNG or WebP image: {error}") from None
    if min(image.shape[:2]) < _SMALLEST_IMAGE:
        raise ValueError(
            f"{name}: sides of {_SMALLEST_IMAGE} pixels or more, got {image.shape[:2]}"
        )
    return image


def _decoded(source):
    image = _open(source)
    width, height = image.size
    if width * height > LARGEST_IMAGE:
        raise ValueError(f"at most {LARGEST_IMAGE} pixels are read, got {width} x {height}")
    return _as_rgb(PIL.ImageOps.exif_transpose(image))


def _open(source):
    formats = FORMATS
    if source[4:8] == b"ftyp" and source[8:12] in HEIC:
        try:
            import pillow_heif
        except ImportError:
            raise ValueError("a HEIC image needs pillow-heif: pip install pillow-heif") from None
        pillow_heif.register_heif_opener()
        formats = ("HEIF",)
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
