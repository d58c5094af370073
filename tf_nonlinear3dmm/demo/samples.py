"""Sample faces: crops of people who do not exist, side by side in one picture, and what the model
makes of some of them."""

import pathlib

import numpy as np
import PIL.Image

from tf_nonlinear3dmm import serving
from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.data import photos
from tf_nonlinear3dmm.serving import overview, portraits

FILE, OVERVIEW = "samples.jpg", "overview.jpg"
NAMES = tuple(f"sample {number}" for number in range(1, 9))


def read_samples(folder=None):
    """dict name -> `[S, S, 3]` uint8 crop: of a folder of `ship`, else those of the package.

    Empty where that has none.
    """
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


def write_samples(folder, crops):
    """Writes up to eight crops `[S, S, 3]` uint8 that `read_samples` reads."""
    sheet = np.concatenate(crops[: len(NAMES)], axis=1)
    with array_files.replacing(pathlib.Path(folder) / FILE) as file:
        PIL.Image.fromarray(sheet).save(file, "JPEG", quality=92)


def write_overview(folder, crops, model, width=1500):
    """Writes what `model` makes of the first three crops."""
    faces = [(portraits.of_crop(model, crop), crop) for crop in crops[:3]]
    picture = PIL.Image.fromarray(overview.draw(faces, model))
    height = round(picture.height * width / picture.width)
    picture = picture.resize((width, height), PIL.Image.Resampling.LANCZOS)
    with array_files.replacing(pathlib.Path(folder) / OVERVIEW) as file:
        picture.save(file, "JPEG", quality=90)
