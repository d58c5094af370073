"""ICT-FaceKit's FaceXModel: a folder of .obj files, centimetres; only the face is kept."""

import pathlib

import numpy as np

from tf_nonlinear3dmm.core import filenames, json_files
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.face.formats import raw

NEUTRAL = "generic_neutral_mesh.obj"
_INDICES = "vertex_indices.json"
_FACE_VERTICES = 9409  # the first ones; head, mouth, eyes and lashes follow
LICENCE = "ICT-FaceKit, MIT"


def load(folder: Path) -> raw.RawFace:
    """The `RawFace` of a FaceXModel folder."""
    folder = pathlib.Path(folder)
    vertices, uv, polygons, polygon_uv = _read_obj(folder / NEUTRAL, faces=True)
    mean = vertices[:_FACE_VERTICES]
    count = len(mean)
    triangles, corners = [], []
    for polygon, corner in zip(polygons, polygon_uv, strict=True):
        if max(polygon) < count:
            for k in range(1, len(polygon) - 1):
                triangles.append((polygon[0], polygon[k], polygon[k + 1]))
                corners.append((corner[0], corner[k], corner[k + 1]))
    if not triangles:
        raise ValueError(f"{folder / NEUTRAL}: must have polygons of the face, got none")
    triangles, corners = np.array(triangles), np.array(corners)
    per_vertex = None
    if len(uv) and corners.min() >= 0:
        per_vertex = np.zeros([count, 2])
        raw.ids(corners, folder / NEUTRAL, "f", len(uv) - 1)
        per_vertex[triangles] = uv[corners]
    identities = filenames.glob(folder, "identity*.obj")
    if not identities:
        raise FileNotFoundError(f"{folder}: must hold identity000.obj and so on")
    others = sorted(set(filenames.glob(folder, "*.obj")) - set(identities) - {folder / NEUTRAL})
    shape = _offsets(identities, vertices)[:, :count]
    expression = _offsets(others, vertices)[:, :count]
    expression = expression[np.abs(expression).max(axis=(1, 2), initial=0) > 0]
    return raw.RawFace(
        name="ict-facekit",
        licence=LICENCE,
        units=10.0,
        mean=mean,
        triangles=raw.ids(triangles, folder / NEUTRAL, "f", count - 1),
        shape_basis=shape,
        shape_std=np.ones(len(shape)),
        expression_basis=expression,
        expression_std=np.full(len(expression), raw.BLEND_SHAPE_STD),
        landmarks=_landmarks(folder / _INDICES, count),
        uv=per_vertex,
    )


def _offsets(files, neutral):
    """`[K, V, 3]` float32: each file's vertices minus the neutral ones."""
    offsets = np.zeros([len(files), *neutral.shape], np.float32)
    for k, file in enumerate(files):
        vertices = _read_obj(file)[0]
        if vertices.shape != neutral.shape:
            raise ValueError(
                f"{file}: must have {len(neutral)} vertices as {NEUTRAL} has, got {len(vertices)}"
            )
        offsets[k] = vertices - neutral
    return offsets


def _landmarks(path, count):
    if not path.is_file():
        return raw.no_landmarks()
    try:
        values = json_files.loads(path.read_text())["idx_to_landmark_verts"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: `idx_to_landmark_verts` cannot be read: {error!r}") from None
    return raw.landmarks(np.array(values), path, "idx_to_landmark_verts", count - 1)


def _read_obj(path, faces=False):
    """Vertices `[V, 3]`, texture points `[N, 2]`, polygons and their texture ids, from 0."""
    vertices, uv, polygons, polygon_uv = [], [], [], []
    try:
        for line in raw.read_bytes(path).decode().splitlines():
            if line.startswith("v "):
                vertices.append(line.split()[1:4])
            elif faces and line.startswith("vt "):
                uv.append(line.split()[1:3])
            elif faces and line.startswith("f "):
                corners = [corner.split("/") for corner in line.split()[1:]]
                polygons.append([int(c[0]) - 1 for c in corners])
                polygon_uv.append([int(c[1]) - 1 if len(c) > 1 and c[1] else -1 for c in corners])
        vertices = np.array(vertices, float).reshape(-1, 3)
        uv = np.array(uv, float).reshape(-1, 2)
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not an .obj that can be read: {error}") from None
    return vertices, uv, polygons, polygon_uv
