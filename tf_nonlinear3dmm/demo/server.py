"""The page's server: a few JSON calls around an `Explorer`, for one person on one computer."""

import base64
import pathlib
import tempfile

import fastapi
import fastapi.responses
import fastapi.staticfiles
import numpy as np
import pydantic
from starlette.middleware import trustedhost

from tf_nonlinear3dmm.demo import explorer as explorers
from tf_nonlinear3dmm.face import mesh_files

LARGEST_UPLOAD = 16 * 2**20
STATIC = pathlib.Path(__file__).parent / "static"


class FaceCodes(pydantic.BaseModel):
    """`explorer.Face` as nested lists."""

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


def application(explorer: explorers.Explorer) -> fastapi.FastAPI:
    """The web application of an `Explorer`."""
    app = fastapi.FastAPI(title="Nonlinear 3D face model", docs_url=None, redoc_url=None)

    @app.exception_handler(ValueError)
    def refuse(_, error):
        return _refusal(400, str(error))

    @app.exception_handler(ImportError)
    def refuse_for_lack_of_a_package(_, error):
        return _refusal(501, str(error))

    @app.exception_handler(fastapi.exceptions.RequestValidationError)
    def refuse_malformed(_, error):
        where = ", ".join(".".join(map(str, e["loc"])) for e in error.errors())
        return _refusal(422, f"malformed: {where}")

    @app.get("/")
    def page():
        return fastapi.responses.FileResponse(STATIC / "index.html")

    @app.get("/api/model")
    def model():
        face = explorer.model.face
        return {
            "largest_upload_mb": LARGEST_UPLOAD >> 20,
            "triangles": _base64(face.triangles.astype(np.uint32)),
            "uv": _base64(_edge_uv(face.uv, explorer.uv_size)),
            "groups": [
                {"title": title, "sliders": [s._asdict() for s in sliders]}
                for title, sliders in explorer.slider_groups()
            ],
            "samples": [
                {"name": name, "picture": _data_url(image)}
                for name, image in explorer.samples.items()
            ],
        }

    @app.post("/api/photo")
    def photo(photo: fastapi.UploadFile):
        face, picture, count = explorer.reconstruct(photo.file.read())
        message = "One face found" if count == 1 else f"The largest of {count} faces"
        return _answer(face, picture, message)

    @app.post("/api/sample")
    def sample(request: SampleRequest):
        if request.name == "mean":
            return _answer(explorer.mean_face(), None, "The model's mean face")
        if request.name not in explorer.samples:
            raise ValueError(f"no sample is called `{request.name}`")
        face, picture = explorer.reconstruct_crop(explorer.samples[request.name])
        message = f"{request.name.capitalize()}: nobody, and in no training picture"
        return _answer(face, picture, message)

    @app.post("/api/decode")
    def decode(request: DecodeRequest):
        vertices, texture, drawn = _decode(explorer, request)
        return {
            "vertices": _base64(vertices.astype(np.float32)),
            "texture": _data_url(texture),
            "overlay": _data_url(drawn),
        }

    @app.post("/api/glb")
    def glb(request: DecodeRequest):
        vertices, texture, _ = _decode(explorer, request)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "face.glb"
            mesh_files.write_glb(path, vertices, explorer.model.face, texture)
            contents = path.read_bytes()
        return fastapi.Response(contents, media_type="model/gltf-binary")

    @app.middleware("http")
    async def refuse_large(request, call_next):
        length = request.headers.get("content-length", "")
        if request.method == "POST" and not length.isdigit():
            return _refusal(411, "no content length")
        if length.isdigit() and int(length) > LARGEST_UPLOAD + 2**16:
            detail = f"at most {LARGEST_UPLOAD >> 20} MB are taken, got {int(length) >> 20} MB"
            return _refusal(413, detail)
        return await call_next(request)

    # Other sites must not reach this server through a name that leads here.
    app.add_middleware(trustedhost.TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    app.mount("/static", fastapi.staticfiles.StaticFiles(directory=STATIC))
    return app


def _refusal(status, detail):
    return fastapi.responses.JSONResponse({"detail": detail}, status_code=status)


def _decode(explorer, request):
    """What `explorer.decode` says to a request, once every part of it is known to be valid."""
    known = {s.name: s for _, sliders in explorer.slider_groups() for s in sliders}
    for name, value in request.sliders.items():
        if name not in known or not known[name].low <= value <= known[name].high:
            raise ValueError(f"no slider `{name}` with value {value}")
    if request.surface not in explorers.SURFACES:
        offer = ", ".join(explorers.SURFACES)
        raise ValueError(f"`surface` must be one of {offer}, got `{request.surface}`")
    return explorer.decode(_face(request.face, explorer), request.sliders, request.surface)


def _face(codes, explorer):
    """`FaceCodes` as an `explorers.Face` for this model; others raise `ValueError`."""
    parts = {}
    for name, like in explorer.mean_face()._asdict().items():
        lists = getattr(codes, name)
        part = None if lists is None else _array(name, lists)
        if np.shape(part) != np.shape(like) or (part is not None and not np.isfinite(part).all()):
            expected = "null" if like is None else f"finite, of shape {list(like.shape)}"
            raise ValueError(f"`{name}` must be {expected}, got shape {list(np.shape(part))}")
        parts[name] = part
    return explorers.Face(**parts)


def _array(name, lists):
    try:
        with np.errstate(over="ignore"):  # infinity is refused with the rest
            return np.array(lists, np.float32)
    except ValueError:
        raise ValueError(f"`{name}` must be lists of equal lengths") from None


def _answer(face, picture, message):
    lists = {n: None if part is None else part.tolist() for n, part in face._asdict().items()}
    photo = None if picture is None else _data_url(picture)
    return {"face": lists, "photo": photo, "message": message}


def _base64(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _data_url(image):
    return "data:image/png;base64," + base64.b64encode(explorers.png(image)).decode()


def _edge_uv(uv, uv_size):
    """Our uv (texel centres, v down) as the graphics card's (texel edges, v up)."""
    height, width = uv_size
    u = (uv[:, 0] * (width - 1) + 0.5) / width
    v = (uv[:, 1] * (height - 1) + 0.5) / height
    return np.stack([u, 1 - v], axis=1).astype(np.float32)
