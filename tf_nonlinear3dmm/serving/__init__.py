"""A trained model in use: weights in one small file, photos to meshes, exports for servers."""

import os
import pathlib
import tempfile

from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.serving import clips, person, portable, scans
from tf_nonlinear3dmm.serving.batch import reconstruct
from tf_nonlinear3dmm.serving.saved_model import ExportError, export
from tf_nonlinear3dmm.weights import FILE, SHIPPED, load, save

__all__ = [
    "FILE",
    "SHIPPED",
    "ExportError",
    "clips",
    "export",
    "load",
    "person",
    "reconstruct",
    "save",
    "scans",
    "write",
]


def write(
    model: Nonlinear3DMM, file_format: str, folder: Path, version: int = 1
) -> list[pathlib.Path]:
    """Writes a model to `folder` in one of the formats of `nonlinear3dmm export`.

    Args:
        model: `Nonlinear3DMM`.
        file_format: "saved_model", "weights", "onnx" or "litert".
        folder: created if it does not exist.
        version: of the SavedModel.

    Returns:
        list of paths.

    Raises:
        ExportError: a file exists already, the folder cannot be written or a package is missing.
    """
    folder = pathlib.Path(os.path.expanduser(folder))
    if file_format == "saved_model":
        return [export(model, folder, version)]
    names = {"weights": [FILE], "litert": ["model.tflite"]}
    names["onnx"] = ["encode.onnx", "decode.onnx"]
    paths = [folder / name for name in names[file_format]]
    with array_files.writing(folder, ExportError):
        for path in paths:
            if path.exists():
                raise ExportError(f"{path} is there already: give another folder")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=folder) as beside:
            parts = [pathlib.Path(beside) / path.name for path in paths]
            _write(model, file_format, parts)
            for part, path in zip(parts, paths, strict=True):
                part.replace(path)
    return paths


def _write(model, file_format, paths):
    if file_format == "weights":
        save(paths[0], model)
    elif file_format == "litert":
        portable.litert(model, paths[0])
    else:
        try:
            portable.onnx(model, paths)
        except ImportError:
            raise ExportError("ONNX needs tf2onnx: pip install tf2onnx==1.17.0") from None
