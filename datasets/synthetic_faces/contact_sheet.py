"""Pictures of the data set, to look at before believing in it."""

import io

import numpy as np
import PIL.Image

from tf_nonlinear3dmm.data.builders.synthetic_faces import generator


def draw(studio, split, count, columns=8, first=0, labels=False):
    """One picture of `count` records of a split.

    Args:
        studio: `generator.Studio`.
        split: "train", "validation" or "test".
        count: how many records, from the `first` block of records on.
        columns: records in a row; with `labels`, one.
        first: number of the first block.
        labels: beside each picture its landmarks (true in green, the teacher's in red), the
            visible face, the albedo, the texture and the teacher's texture.

    Returns:
        `PIL.Image.Image`.
    """
    examples = []
    while len(examples) < count:
        examples += generator.block(studio, split, first + len(examples) // generator.BLOCK)
    tiles = [panels(e) if labels else photograph(e) for e in examples[:count]]
    columns = 1 if labels else min(columns, count)
    blank = [np.full_like(tiles[0], 255)] * (-len(tiles) % columns)
    tiles = tiles + blank
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return PIL.Image.fromarray(np.vstack(rows))


def portraits(studio, count, split="test", turned_deg=35.0, hidden=5):
    """The evaluation crops `[S, S, 3]` uint8 of the first `count` people who are easily seen.

    Args:
        studio: `generator.Studio`.
        count: how many; one picture of each.
        split: "train", "validation" or "test".
        turned_deg: the yaw is at most this.
        hidden: at most so many of the 51 landmarks inside the face lie behind something.
    """
    found, number = {}, 0
    margin = (studio.stored_size - studio.image_size) // 2
    while len(found) < count:
        for example in generator.block(studio, split, number):
            x, y = np.clip(np.round(example["landmarks"][17:]), 0, studio.stored_size - 1).T
            behind = np.sum(example["face_mask"][y.astype(int), x.astype(int), 0] == 0)
            if abs(example["yaw_deg"]) <= turned_deg and behind <= hidden:
                crop = photograph(example)[margin:, margin:][: studio.image_size]
                found.setdefault(example["identity"], crop[:, : studio.image_size])
        number += 1
    return [*found.values()][:count]


def photograph(example):
    """The picture `[R, R, 3]` of a record as it is stored."""
    return np.asarray(PIL.Image.open(io.BytesIO(example["image"])).convert("RGB"))


def panels(example):
    """The picture and its labels side by side, uint8 `[R, n, 3]`."""
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
