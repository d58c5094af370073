"""Sample faces: crops of people who do not exist, and reconstructions of the first three.

The crops lie side by side in one picture.
"""

import pathlib
from collections.abc import Sequence

import numpy as np
import PIL.Image

from tf_nonlinear3dmm import serving
from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.data import photos
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.serving import overview, portraits, textures

FILE, OVERVIEW = "samples.jpg", "overview.jpg"
NAMES = tuple(f"sample {number}" for number in range(1, 9))


def read_samples(folder: Path | None = None) -> dict[str, np.ndarray]:
    """Name -> `[S, S, 3]` uint8 crop, from a folder that `ship` wrote, else from the package."""
    folders = [serving.SHIPPED] if folder is None else [pathlib.Path(folder), serving.SHIPPED]
    path = next((f / FILE for f in folders if (f / FILE).is_file()), None)
    if path is None:
        return {}
    sheet = photos.read(path)
    size = len(sheet)
    if sheet.shape[1] % size:
        raise ValueError(f"{path}: samples are squares side by side, got {sheet.shape[:2]} pixels")
    crops = np.split(sheet, sheet.shape[1] // size, axis=1)
    return dict(zip(NAMES, crops, strict=False))


def write_samples(folder: Path, crops: Sequence[np.ndarray]) -> None:
    """Writes up to eight crops `[S, S, 3]` uint8 that `read_samples` reads."""
    sheet = np.concatenate(crops[: len(NAMES)], axis=1)
    with array_files.replacing(pathlib.Path(folder) / FILE) as file:
        PIL.Image.fromarray(sheet).save(file, "JPEG", quality=92)


def write_overview(
    folder: Path, crops: Sequence[np.ndarray], model: Nonlinear3DMM, width: int = 1500
) -> None:
    """Writes a picture of the first three crops as `model` reconstructs them."""
    faces = [(portraits.of_crop(model, crop), crop) for crop in crops[:3]]
    rows = [(face, crop, textures.texture_map(face, crop, model, "delit")) for face, crop in faces]
    picture = PIL.Image.fromarray(overview.draw(rows, model))
    height = round(picture.height * width / picture.width)
    picture = picture.resize((width, height), PIL.Image.Resampling.LANCZOS)
    with array_files.replacing(pathlib.Path(folder) / OVERVIEW) as file:
        picture.save(file, "JPEG", quality=90)
