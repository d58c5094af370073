"""Samples of the data set, to look at before believing in it."""

import io

import numpy as np
import PIL.Image

from tf_nonlinear3dmm.data.builders.synthetic_faces import generator
from tf_nonlinear3dmm.data.builders.synthetic_faces.contexts import Context


def draw(
    context: Context, split: str, count: int, columns: int = 8, first: int = 0, labels: bool = False
) -> PIL.Image.Image:
    """One image of `count` records of a split.

    Args:
        context: `Context`.
        split: "train", "validation" or "test".
        count: how many records, from the `first` block of records on.
        columns: records in a row; with `labels`, one.
        first: number of the first block.
        labels: beside each image its landmarks (true in green, the teacher's in red), the
            visible face, the albedo, the texture and the teacher's texture.

    Returns:
        `PIL.Image.Image`.
    """
    examples = []
    while len(examples) < count:
        examples += generator.block(context, split, first + len(examples) // generator.BLOCK)
    tiles = [panels(e) if labels else photograph(e) for e in examples[:count]]
    columns = 1 if labels else min(columns, count)
    blank = [np.full_like(tiles[0], 255)] * (-len(tiles) % columns)
    tiles = tiles + blank
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return PIL.Image.fromarray(np.vstack(rows))


def portraits(
    context: Context, count: int, split: str = "test", turned_deg: float = 35.0, hidden: int = 5
) -> list[np.ndarray]:
    """The evaluation crops `[S, S, 3]` uint8 of the first `count` people who are easily seen.

    Args:
        context: `Context`.
        count: how many; one image of each.
        split: "train", "validation" or "test".
        turned_deg: the yaw is at most this.
        hidden: at most so many of the 51 landmarks inside the face lie behind something.
    """
    crops, number = {}, 0
    margin = (context.stored_size - context.image_size) // 2
    while len(crops) < count:
        for example in generator.block(context, split, number):
            x, y = np.clip(np.round(example["landmarks"][17:]), 0, context.stored_size - 1).T
            behind = np.sum(example["face_mask"][y.astype(int), x.astype(int), 0] == 0)
            if abs(example["yaw_deg"]) <= turned_deg and behind <= hidden:
                crop = photograph(example)[margin:, margin:][: context.image_size]
                crops.setdefault(example["identity"], crop[:, : context.image_size])
        number += 1
    return [*crops.values()][:count]


def photograph(example: dict) -> np.ndarray:
    """The image `[R, R, 3]` of a record as it is stored."""
    return np.asarray(PIL.Image.open(io.BytesIO(example["image"])).convert("RGB"))


def panels(example: dict) -> np.ndarray:
    """The image and its labels side by side, uint8 `[R, n, 3]`."""
    image = photograph(example)
    marked = np.copy(image)
    for name, tint in (("teacher_landmarks", (255, 40, 40)), ("landmarks", (60, 255, 60))):
        x, y = np.clip(np.round(example[name]), 0, len(image) - 1).astype(int).T
        marked[y, x] = tint
    visible = image * (example["face_mask"] > 0)
    maps = [example[name] for name in ("albedo", "texture", "teacher_texture")]
    return np.hstack([image, marked, visible, *(_fit(m, len(image)) for m in maps)])


def _fit(image, height):
    width = round(image.shape[1] * height / image.shape[0])
    return np.asarray(PIL.Image.fromarray(image).resize((width, height)))
