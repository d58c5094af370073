"""A scan and its 68 points -> the model's mesh on it, and a .json with code, place and residual.

scan_face.obj, .mtl, .png            in the scan's frame and units; its colours are the residual
scan_face.json                       see `description`
"""

import json
import pathlib
from typing import Any

import numpy as np
import tensorflow as tf
import trimesh

from tf_nonlinear3dmm import fitting
from tf_nonlinear3dmm.core import array_files, json_files
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.face import FaceModel, mesh_files
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.rendering import uv_layout

ENDINGS = (".obj", ".ply", ".stl", ".glb")
STRONG = 3.0  # mm: residuals from which colours are full
OUTSIDE, INSIDE, NONE = (0.8, 0.1, 0.1), (0.1, 0.2, 0.8), (0.5, 0.5, 0.5)


def fit(scan: Path, landmarks: Path, model: Nonlinear3DMM, folder: Path) -> dict[str, Any]:
    """Fits a scan and writes the files of it.

    Args:
        scan: of a mesh or of points, one of `ENDINGS`.
        landmarks: .json, see `read_landmarks`.
        model: `Nonlinear3DMM`.
        folder: created if it does not exist.

    Returns:
        the content of the .json.

    Raises:
        ValueError, OSError: a file that cannot be read, or see `fitting.fit_scan`.
    """
    points, triangles = read(scan)
    found = fitting.fit_scan(model, points, read_landmarks(landmarks), triangles)
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path, about = folder / f"{pathlib.Path(scan).stem}_face.obj", description(found, model.face)
    colours = tf.constant(_colours(found, model.face)[np.newaxis], tf.float32)
    texture = uv_layout.to_texels(colours, model.uv_layout)[0].numpy()
    mesh_files.write_obj(path, found.vertices / model.face.units, model.face, texture)
    array_files.write_text(path.with_suffix(".json"), json.dumps(about, indent=1) + "\n")
    return about


def read(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Points `[N, 3]` and triangles `[T, 3]` of a file; None where some of it has no triangles.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another ending, or nothing that can be read.
    """
    path = pathlib.Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise ValueError(f"{path}: must end in {', '.join(ENDINGS)}, got `{path.suffix}`")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such scan")
    try:
        parts = trimesh.load_scene(path, process=False).dump()
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: not a scan that can be read: {error}") from None
    points = [np.asarray(part.vertices) for part in parts]  # type: ignore[attr-defined]
    if not points:
        raise ValueError(f"{path}: there is nothing in it")
    first = np.cumsum([0, *map(len, points)])
    faces = [getattr(part, "faces", ()) for part in parts]
    meshes = all(len(some) for some in faces)
    triangles = [np.asarray(some) + start for some, start in zip(faces, first, strict=False)]
    return np.concatenate(points), np.concatenate(triangles) if meshes else None


def read_landmarks(path: Path) -> np.ndarray:
    """`[68, 3]`, NaN where missing, of a .json: a list of 68 [x, y, z] or null.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another content; names the file.
    """
    try:
        points = json_files.loads(pathlib.Path(path).read_bytes())
        points = points["landmarks"] if isinstance(points, dict) else points
        points = np.array([[np.nan] * 3 if p is None else p for p in points], float)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"{path}: not a .json file of landmarks: {error}") from None
    if points.shape != (68, 3):
        raise ValueError(f"{path}: 68 points (x, y, z) are expected, got {list(points.shape)}")
    return points


def description(found: fitting.ScanFit, face: FaceModel) -> dict[str, Any]:
    """The content of the .json.

    A vertex of the face frame, in mm, is in the scan's frame once it is multiplied by `scale`,
    turned by `rotation`, and `translation` is added.
    """
    return {
        "shape_code": found.shape_code.tolist(),
        "scale": found.scale / face.units,
        "rotation": found.rotation.tolist(),
        "translation": found.translation.tolist(),
        "distance_mm": found.distance,
        "covered": float(np.isfinite(found.residual[face.regions["skin"] > 0, 0]).mean()),
        "face_model": face.name,
        "licence_of_the_face_model": face.licence,
    }


def _colours(found, face):
    """`[V, 3]` RGB: white on the scan, red where it is outside, blue inside, grey where it is not.

    Residuals lie along normals, so that their sign is that of what they do to the vertex's
    distance from the middle of the face.
    """
    middle = found.translation + found.scale * found.rotation @ face.centre
    millimetres = face.units / found.scale
    outward = np.sign(np.sum(found.residual * (found.vertices - middle), axis=-1))
    share = np.minimum(np.linalg.norm(found.residual, axis=-1) * millimetres / STRONG, 1)
    full = np.where(outward[:, np.newaxis] > 0, OUTSIDE, INSIDE)
    colours = 1 + share[:, np.newaxis] * (full - 1)
    return np.where(np.isfinite(colours), colours, NONE)
