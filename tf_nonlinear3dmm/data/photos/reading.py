"""Photos: reading them and a person's own points whatever they are, and finding faces in them."""

import io
import json
import os
import pathlib
import warnings

import numpy as np
import PIL.Image
import PIL.ImageOps

from tf_nonlinear3dmm.core import shapes
from tf_nonlinear3dmm.data.photos import detector, face_mesh, faces

SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".webp", ".heic", ".heif")
OTHER_SUFFIXES = (".avif", ".bmp", ".gif", ".jp2", ".tif", ".tiff")  # not read
FORMATS = ("JPEG", "PNG", "WEBP")
HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")  # brands
LARGEST_FILE = 64 * 2**20
LARGEST_IMAGE = 100_000_000  # pixels
SMALLEST_IMAGE = 16  # pixels, each side
LANDMARK_SUFFIXES = (".pts", ".json")  # of a file beside a photo: a person's own points or box
CERTAIN = 11.0  # score of a face's points from which the photo is not searched turned, too
DOUBTFUL = 0.0  # score below which the detector must be surer: `DOUBTFUL_CERTAINTY`
DOUBTFUL_CERTAINTY = 0.62
UPRIGHT = 0.1  # what it is worth that most photos are upright


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


def read_face(contents, name):
    """The `faces.Face` of a person's own file beside a photo.

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
    box = np.asarray(list(box.values()) if isinstance(box, dict) else box, float)
    if box.shape != (4,) or not np.isfinite(box).all() or min(box[2:]) <= 0:
        raise ValueError(f"{name}: a box is x, y, width, height in pixels, got {box.tolist()}")
    return faces.of_box(box)


def own_face(path):
    """The `faces.Face` of the file beside the photo at `path`, None where there is none."""
    for suffix in LANDMARK_SUFFIXES:
        beside = pathlib.Path(path).with_suffix(suffix)
        if os.path.exists(beside):  # False, too, where such a name would be too long
            return read_face(beside.read_bytes(), str(beside))
    return None


def detect(image, confidence=detector.THRESHOLD):
    """Faces in a photo, the largest first, at any angle.

    Where no upright face is certain, the photo is also searched turned by 90, 180 and 270 degrees.

    Args:
        image: `[H, W, 3]` uint8 RGB.
        confidence: of the detector, at least.

    Returns:
        list of `faces.Face`, empty where there is none.

    Raises:
        ImportError: the networks' runtime is not installed.
        ValueError: a network's file is missing or damaged; names it.
    """
    shapes.check(image=(image, "H W 3"))
    photo, found = PIL.Image.fromarray(image), []
    for turns in range(4):
        found += _faces(photo, turns, confidence)
        if any(face.landmark_score >= CERTAIN for face in found):
            break
    kept = []
    for face in sorted(found, key=_preference, reverse=True):
        if not any(detector.same(face.box, other.box) for other in kept):
            kept.append(face)
    return sorted(kept, key=lambda face: -_area(face.box, *photo.size))


def upright(image, face):
    """The photo `[H, W, 3]` turned so that the face is upright; its `square` is in this one."""
    return np.rot90(image, face.quarter_turns)


def _faces(photo, turns, confidence):
    """The faces, in pixels of the photo, that are found in the photo turned so."""
    size = photo.size[::-1]
    back = faces.turn_back(turns, *size)
    turned = detector.Photo(photo.transpose(_TURNS[turns]) if turns else photo)
    found = []
    for seen in detector.find(turned, confidence):
        mesh = face_mesh.fit(turned, seen)
        points = np.c_[faces.move(mesh.points[:, :2], back), mesh.points[:, 2]]
        tilt = round(face_mesh.angle(points) / (np.pi / 2)) % 4
        up = tilt if mesh.score >= faces.CROPPED else turns
        seen = seen._replace(box=faces.move_box(seen.box, back))
        face = faces.of_mesh(seen, mesh._replace(points=points), up, size)
        if mesh.score >= DOUBTFUL or _certainty(face) >= DOUBTFUL_CERTAINTY:
            found.append(face)
    return found


_TURNS = (
    None,
    PIL.Image.Transpose.ROTATE_90,
    PIL.Image.Transpose.ROTATE_180,
    PIL.Image.Transpose.ROTATE_270,
)


def _certainty(face):
    """The detector's confidence, to which a point of the score adds a hundredth."""
    return face.confidence + face.landmark_score / 100


def _preference(face):
    """What decides between two looks at one face."""
    return _certainty(face) + UPRIGHT * (face.quarter_turns == 0)


def _area(box, width, height):
    """What the photo shows of a box, square pixels: faces cut by its edge are not its subject."""
    low, high = np.maximum(box[:2], 0), np.minimum(box[:2] + box[2:], [width, height])
    return np.prod(np.maximum(high - low, 0))


def _read_box(contents):
    try:
        about = json.loads(contents)
    except ValueError:
        return None
    has_points = not isinstance(about, dict) or "landmarks" in about
    return None if has_points else about.get("box")


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
