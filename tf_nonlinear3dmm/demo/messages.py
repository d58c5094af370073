"""What the page and its server send each other: requests, checked against a model, and answers."""

import base64
import binascii
import io
import math
from typing import Any

import numpy as np
import PIL.Image
import pydantic

from tf_nonlinear3dmm.data import photos
from tf_nonlinear3dmm.demo import explorer as explorers
from tf_nonlinear3dmm.demo import faces

PNG_URL = "data:image/png;base64,"
MOST_FITTED = 24  # photos of one person


class FaceCodes(pydantic.BaseModel):
    """`faces.Face`: each part as `array` writes it."""

    shape_code: str
    albedo_code: str
    illumination: str | None
    projection: str
    shape_residual: str
    albedo_residual: str


class DecodeRequest(pydantic.BaseModel):
    """What `explorer.Explorer.decode` takes."""

    face: FaceCodes
    sliders: dict[str, float] = {}
    surface: str = "lit"


class SampleRequest(pydantic.BaseModel):
    """The name of a sample face, or "mean"."""

    name: str


class FitRequest(pydantic.BaseModel):
    """Pictures of crops, as `answer` sends them; several show one person."""

    photos: list[str]


def decode(
    explorer: explorers.Explorer, request: DecodeRequest
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What `explorer.decode` says to a request, once every part of it is known to be valid."""
    groups = explorer.slider_groups() + explorer.expression_groups()
    known = {s.name: s for _, group in groups for s in group}
    for name, value in request.sliders.items():
        if name not in known or not known[name].low <= value <= known[name].high:
            raise ValueError(f"no slider `{name}` with value {value}")
    if request.surface not in explorers.SURFACES:
        offer = ", ".join(explorers.SURFACES)
        raise ValueError(f"`surface` must be one of {offer}, got `{request.surface}`")
    return explorer.decode(_face(request.face, explorer), request.sliders, request.surface)


def pictures(explorer: explorers.Explorer, request: FitRequest) -> np.ndarray:
    """The pictures `[B, P, P, 3]` uint8 of a request to fit them."""
    count, size = len(request.photos), explorer.picture_size
    if not 1 <= count <= MOST_FITTED:
        raise ValueError(f"from 1 to {MOST_FITTED} photos are fitted together, got {count}")
    images = [_picture(url) for url in request.photos]
    for image in images:
        if image.shape != (size, size, 3):
            raise ValueError(f"`photos` must have {size} x {size} pixels, got {image.shape[:2]}")
    return np.stack(images)


def answer(
    explorer: explorers.Explorer, face: faces.Face, picture: np.ndarray | None, message: str
) -> dict[str, Any]:
    """A face, the expression that it shows, its photo, and what to say of it."""
    photo = None if picture is None else png(picture)
    return {**face_answer(explorer, face), "photo": photo, "message": message}


def face_answer(explorer: explorers.Explorer, face: faces.Face) -> dict[str, Any]:
    """A face as `FaceCodes`, and the weights of the expressions that it shows."""
    parts = face._asdict().items()
    texts = {n: None if part is None else array(part.astype("<f4")) for n, part in parts}
    return {"face": texts, "expression": explorer.shapes.weights(face.shape_code)}


def array(values: np.ndarray) -> str:
    """The bytes of an array in base 64."""
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def png(image: np.ndarray) -> str:
    """A picture `[H, W, 3 or 4]` uint8 as a browser takes it."""
    return PNG_URL + _file(image, "PNG", compress_level=1)


def jpeg(image: np.ndarray) -> str:
    """A picture `[H, W, 3]` uint8 as a browser takes it: sooner there, and nearly the same."""
    return "data:image/jpeg;base64," + _file(image, "JPEG", quality=92, subsampling=0)


def _file(image, kind, **options):
    buffer = io.BytesIO()
    PIL.Image.fromarray(image).save(buffer, kind, **options)
    return base64.b64encode(buffer.getvalue()).decode()


def _picture(url):
    contents = _contents("photos", url.removeprefix(PNG_URL), "PNG files")
    return photos.read(contents, "the picture")


def _face(codes, explorer):
    """`FaceCodes` as a `faces.Face` for this model; others raise `ValueError`."""
    parts = {}
    for name, like in explorer.mean_face()._asdict().items():
        text = getattr(codes, name)
        if (text is None) != (like is None):
            raise ValueError(f"`{name}` must be {'null' if like is None else 'given'}")
        parts[name] = None if like is None else _array(name, text, like.shape)
    return faces.Face(**parts)


def _array(name, text, shape):
    """What `array` wrote: finite numbers of a shape."""
    contents, count = _contents(name, text, "float32 numbers"), math.prod(shape)
    if len(contents) != 4 * count:
        raise ValueError(f"`{name}` must be {count} float32 numbers, got {len(contents)} bytes")
    numbers = np.frombuffer(contents, "<f4").reshape(shape)
    if not np.isfinite(numbers).all():
        raise ValueError(f"`{name}` must be finite numbers")
    return numbers


def _contents(name, text, what):
    """The bytes of base 64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"`{name}` must be {what} in base 64") from None
