"""The page's server: a few JSON calls around an `Explorer`, for one person on one computer."""

import base64
import math
import pathlib
import tempfile

import fastapi
import fastapi.responses
import fastapi.staticfiles
import numpy as np
import pydantic

from tf_nonlinear3dmm import mesh_io
from tf_nonlinear3dmm.page import explorer as explorers

LARGEST_UPLOAD = 16 * 2**20
STATIC = pathlib.Path(__file__).parent / "static"


class FaceCodes(pydantic.BaseModel):
    """`explorer.Face` as nested lists."""

    shape_code: list[list[float]]
    albedo_code: list[list[float]]
    illumination: list[list[list[float]]]
    projection: list[list[list[float]]]


class DecodeRequest(pydantic.BaseModel):
    face: FaceCodes
    sliders: dict[str, float] = {}
    surface: str = "lit"


class SampleRequest(pydantic.BaseModel):
    name: str


def application(explorer):
    """The web application of an `Explorer`."""
    app = fastapi.FastAPI(title="Nonlinear 3D face model", docs_url=None, redoc_url=None)

    @app.exception_handler(ValueError)
    def refuse(_, error):
        return fastapi.responses.JSONResponse({"detail": str(error)}, status_code=400)

    @app.exception_handler(fastapi.exceptions.RequestValidationError)
    def refuse_malformed(_, error):
        where = ", ".join(".".join(map(str, e["loc"])) for e in error.errors())
        return fastapi.responses.JSONResponse({"detail": f"malformed: {where}"}, status_code=422)

    @app.get("/")
    def page():
        return fastapi.responses.FileResponse(STATIC / "index.html")

    @app.get("/api/model")
    def model():
        face = explorer.model.face
        return {
            "triangles": _base64(face.triangles.astype(np.uint32)),
            "uv": _base64(_edge_uv(face.uv, explorer.model.config.uv_size)),
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
    def photo(request: fastapi.Request, photo: fastapi.UploadFile):
        if photo.size is None or photo.size > LARGEST_UPLOAD:
            raise fastapi.HTTPException(
                413, f"at most {LARGEST_UPLOAD >> 20} MB, got a larger file"
            )
        face, picture, count = explorer.reconstruct(photo.file.read(LARGEST_UPLOAD))
        message = "One face" if count == 1 else f"The largest of {count} faces"
        return {"face": _listed(face), "photo": _data_url(picture), "message": message}

    @app.post("/api/sample")
    def sample(request: SampleRequest):
        if request.name == "mean":
            return {"face": _listed(explorer.mean_face()), "photo": None, "message": "Mean face"}
        if request.name not in explorer.samples:
            raise ValueError(f"no sample is called `{request.name}`")
        face, picture = explorer.reconstruct_crop(explorer.samples[request.name])
        message = f"Sample: {request.name}"
        return {"face": _listed(face), "photo": _data_url(picture), "message": message}

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
            mesh_io.write_glb(path, vertices, explorer.model.face, texture)
            contents = path.read_bytes()
        return fastapi.Response(contents, media_type="model/gltf-binary")

    @app.middleware("http")
    async def refuse_large(request, call_next):
        length = request.headers.get("content-length", "")
        if request.method == "POST" and not length.isdigit():
            return fastapi.responses.JSONResponse({"detail": "no content length"}, status_code=411)
        if length.isdigit() and int(length) > LARGEST_UPLOAD + 2**16:
            detail = f"at most {LARGEST_UPLOAD >> 20} MB are taken, got {int(length) >> 20} MB"
            return fastapi.responses.JSONResponse({"detail": detail}, status_code=413)
        return await call_next(request)

    app.mount("/static", fastapi.staticfiles.StaticFiles(directory=STATIC))
    return app


def _decode(explorer, request):
    face = explorers.Face(
        *(np.array(getattr(request.face, name), np.float32) for name in explorers.Face._fields)
    )
    config = explorer.model.config
    wanted = explorers.Face(
        (1, config.shape_code_size), (1, config.albedo_code_size), (1, 9, 3), (1, 2, 4)
    )
    for name, part, shape in zip(face._fields, face, wanted, strict=True):
        if part.shape != shape or not np.isfinite(part).all():
            raise ValueError(f"`{name}` must be finite, of shape {shape}, got {part.shape}")
    known = {s.name for _, sliders in explorer.slider_groups() for s in sliders}
    for name, value in request.sliders.items():
        if name not in known or not math.isfinite(value):
            raise ValueError(f"no slider `{name}` with value {value}")
    if request.surface not in ("lit", "albedo", "clay"):
        raise ValueError(f"`surface` must be lit, albedo or clay, got `{request.surface}`")
    return explorer.decode(face, request.sliders, request.surface)


def _listed(face):
    return {name: part.tolist() for name, part in face._asdict().items()}


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
