"""What the page and its server send each other: requests, checked against a model, and answers."""

import base64
import binascii
import io
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
    """`faces.Face` as nested lists."""

    shape_code: list[list[float]]
    albedo_code: list[list[float]]
    illumination: list[list[list[float]]] | None
    projection: list[list[list[float]]]


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
    """A face as nested lists, and the weights of the expressions that it shows."""
    lists = {n: None if part is None else part.tolist() for n, part in face._asdict().items()}
    return {"face": lists, "expression": explorer.shapes.weights(face.shape_code)}


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
    try:
        contents = base64.b64decode(url.removeprefix(PNG_URL), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("`photos` must be PNG files in base 64") from None
    return photos.read(contents, "the picture")


def _face(codes, explorer):
    """`FaceCodes` as a `faces.Face` for this model; others raise `ValueError`."""
    parts = {}
    for name, like in explorer.mean_face()._asdict().items():
        lists = getattr(codes, name)
        part = None if lists is None else _array(name, lists)
        if np.shape(part) != np.shape(like) or (part is not None and not np.isfinite(part).all()):
            expected = "null" if like is None else f"finite, of shape {list(like.shape)}"
            raise ValueError(f"`{name}` must be {expected}, got shape {list(np.shape(part))}")
        parts[name] = part
    return faces.Face(**parts)


def _array(name, lists):
    try:
        with np.errstate(over="ignore"):  # infinity is refused with the rest
            return np.array(lists, np.float32)
    except ValueError:
        raise ValueError(f"`{name}` must be lists of equal lengths") from None
