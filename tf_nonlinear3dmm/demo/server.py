"""The page's server: a few JSON calls around an `Explorer`, for one person on one computer."""

import contextlib
import json
import pathlib
import tempfile

import fastapi
import fastapi.responses
import fastapi.staticfiles
import numpy as np
from starlette.middleware import trustedhost

from tf_nonlinear3dmm.demo import explorer as explorers
from tf_nonlinear3dmm.demo import fits, messages
from tf_nonlinear3dmm.face import mesh_files

LARGEST_UPLOAD = 16 * 2**20
STATIC = pathlib.Path(__file__).parent / "static"


def application(explorer: explorers.Explorer) -> fastapi.FastAPI:
    """The web application of an `Explorer`."""
    app = fastapi.FastAPI(title="Nonlinear 3D face model", docs_url=None, redoc_url=None)

    @app.exception_handler(ValueError)
    def refuse(_, error):
        return _refusal(400, str(error))

    @app.exception_handler(OSError)
    def refuse_for_lack_of_room(_, error):
        return _refusal(507, f"the server cannot write: {error.strerror or error}")

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
            "triangles": messages.array(face.triangles.astype(np.uint32)),
            "uv": messages.array(_edge_uv(face.uv, explorer.uv_size)),
            "groups": _groups(explorer.slider_groups()),
            "expressions": _groups(explorer.expression_groups()),
            "samples": [
                {"name": name, "picture": messages.png(image)}
                for name, image in explorer.samples.items()
            ],
        }

    @app.post("/api/photo")
    def photo(photo: fastapi.UploadFile):
        face, picture, count = explorer.reconstruct(photo.file.read())
        message = "One face found" if count == 1 else f"The largest of {count} faces"
        return messages.answer(explorer, face, picture, message)

    @app.post("/api/sample")
    def sample(request: messages.SampleRequest):
        if request.name == "mean":
            return messages.answer(explorer, explorer.mean_face(), None, "The model's mean face")
        if request.name not in explorer.samples:
            raise ValueError(f"no sample is called `{request.name}`")
        face, picture = explorer.reconstruct_crop(explorer.samples[request.name])
        message = f"{request.name.capitalize()}: nobody, and in no training picture"
        return messages.answer(explorer, face, picture, message)

    @app.post("/api/fit")
    def fit(request: messages.FitRequest):
        """Lines of JSON: `{"done": 0.5}` as it goes on, then `{"faces": ...}` or `{"detail": ...}`.

        The fit ends with the request.
        """
        pictures = messages.pictures(explorer, request)

        def work(tell):
            fitted = explorer.fit(pictures, len(pictures) > 1, lambda done, of: tell(done / of))
            return {"faces": [_fitted(explorer, each) for each in fitted]}

        lines = _lines(fits.reports(work, explorer.fitting))
        return fastapi.responses.StreamingResponse(lines, media_type="application/x-ndjson")

    @app.post("/api/decode")
    def decode(request: messages.DecodeRequest):
        vertices, texture, drawn = messages.decode(explorer, request)
        return {
            "vertices": messages.array(vertices.astype(np.float32)),
            "texture": messages.jpeg(texture),
            "overlay": messages.png(drawn),
        }

    @app.post("/api/glb")
    def glb(request: messages.DecodeRequest):
        vertices, texture, _ = messages.decode(explorer, request)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "face.glb"
            targets = explorer.shapes.morph_targets(vertices)
            mesh_files.write_glb(path, vertices, explorer.model.face, texture, targets)
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


async def _lines(reports):
    async with contextlib.aclosing(reports):
        async for report in reports:
            yield json.dumps(report) + "\n"


def _fitted(explorer, result):
    about = {"fitted": bool(result.fitted), "message": result.message}
    return messages.face_answer(explorer, result.face) | about


def _groups(groups):
    return [{"title": title, "sliders": [s._asdict() for s in group]} for title, group in groups]


def _edge_uv(uv, uv_size):
    """Our uv (texel centres, v down) as the graphics card's (texel edges, v up)."""
    height, width = uv_size
    u = (uv[:, 0] * (width - 1) + 0.5) / width
    v = (uv[:, 1] * (height - 1) + 0.5) / height
    return np.stack([u, 1 - v], axis=1).astype(np.float32)
