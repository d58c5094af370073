"""What the page starts with: faces to look at and named directions, made once per trained model."""

import pathlib

import numpy as np
import PIL.Image
import tensorflow as tf

from tf_nonlinear3dmm import crop, data, directions

ASSETS = pathlib.Path(__file__).parents[1] / "assets"
DIRECTIONS, SAMPLES = "directions.npz", "samples.png"
SAMPLE_SIZE = 112
MOST_TURNED_DEG = 40
NAMES = ("Ada", "Ben", "Chidi", "Dana", "Emre", "Fumiko", "Goran", "Hana")


def directions_of(run=None):
    """The directions that `make` found for a run, or for the weights of the package where None.

    A run without them has none: the list is empty.
    """
    path = (ASSETS if run is None else pathlib.Path(run)) / DIRECTIONS
    return directions.load(path) if path.is_file() else []


def faces(size):
    """dict name -> `[size, size, 3]` uint8: crops of generated faces that no training has seen."""
    path = ASSETS / SAMPLES
    if not path.is_file():
        return {}
    sheet = np.asarray(PIL.Image.open(path).convert("RGB"))
    pictures = np.split(sheet, sheet.shape[1] // sheet.shape[0], axis=1)
    whole = crop.Square(*(tf.constant(v, tf.float32) for v in (0.5, 0.5, float(sheet.shape[0]))))
    return {
        name: np.round(crop.image(picture, whole, size).numpy()).astype(np.uint8)
        for name, picture in zip(NAMES, pictures, strict=False)
    }


def draw_faces(config, path):
    """Writes the picture that `faces` reads: one test face of each of the first few people.

    Args:
        config: the run's `Config`; its first source must be `synthetic_faces` at `SAMPLE_SIZE`.
        path: of the .png file.
    """
    request = data.sources.requests(config)[0][0]
    margin = (crop.stored_size(SAMPLE_SIZE) - SAMPLE_SIZE) // 2
    chosen = {}
    for record in data.sources.builder(request, config).as_dataset(split="test"):
        person = int(record["identity"])
        if person not in chosen and abs(float(record["yaw_deg"])) < MOST_TURNED_DEG:
            chosen[person] = record["image"].numpy()[margin:-margin, margin:-margin]
        if len(chosen) == len(NAMES):
            break
    PIL.Image.fromarray(np.concatenate([*chosen.values()], axis=1)).save(path, optimize=True)


def find_directions(model, config, path, count=2000):
    """Fits the named directions of a trained model to labelled training faces, and saves them.

    Args:
        model: `Nonlinear3DMM`.
        config: the run's `Config`; its first source must be `synthetic_faces`.
        path: of the file to write.
        count: faces to look at.

    Returns:
        list of `directions.Direction`.
    """
    request = data.sources.requests(config)[0][0]
    builder = data.sources.builder(request, config)
    size, stored = config.model.image_size, crop.stored_size(config.model.image_size)
    margin = (stored - size) // 2
    codes = {"shape_code": [], "albedo_code": []}
    attributes = []
    for batch in builder.as_dataset(split=f"train[:{count}]").batch(32):
        images = tf.cast(batch["image"], tf.float32)[:, margin:-margin, margin:-margin] / 255.0
        found = model.encode(images)
        for name, parts in codes.items():
            parts.append(getattr(found, name).numpy())
        attributes.append(batch["attributes"].numpy())
    names = builder.info.metadata["attributes"]
    joined = (np.concatenate(parts) for parts in codes.values())
    found = directions.fit(*joined, np.concatenate(attributes), names)
    directions.save(path, found)
    return found
