"""Splits in their own order, cut exactly: what validation and evaluation read."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.core import graphs
from tf_nonlinear3dmm.data import batches, crop
from tf_nonlinear3dmm.data.splits import Split

OFF = "_off"  # ends the names of what is cut by a square that is off


def in_order(
    split: Split,
    image_size: int,
    batch_size: int,
    features: Iterable[str] | None = None,
    rows: Sequence[int] | np.ndarray | None = None,
    off: float = 0.0,
    seed: int = 0,
) -> Iterator[dict[str, tf.Tensor]]:
    """Batches of a split in the order of its records, cut to the evaluation crop.

    Args:
        split: `Split`.
        image_size: side of the crop.
        batch_size: examples per batch; the last one may be smaller.
        features: names to read; all of the data set's by default. Image, face_mask, landmarks and
            projection are always read; a face_mask that the data set lacks is 0.
        rows: ids of records; all good ones by default.
        off: where not 0, `image_off` and `landmarks_off` are added: of a crop whose centre and side
            are off by up to this fraction of the side, in x, in y and in scale.
        seed: of how far they are off, with the record's id.

    Yields:
        dicts of tensors: bytes as float32 in [0, 1], points and projections (the teacher's too)
        in pixels of the crop; names as bytes.
    """
    needed = {"image", "face_mask", "landmarks", "projection"}
    asked = {*(features or split.builder.info.features)}
    names = sorted(asked - needed | {name for name in needed if name in split})
    split.prepare(names)
    stored = crop.stored_size(image_size)
    rows = split.rows if rows is None else np.asarray(rows)
    for start in range(0, len(rows), batch_size):
        here = rows[start : start + batch_size]
        batch = {name: tf.convert_to_tensor(split[name][here]) for name in names}
        if "face_mask" not in batch:
            batch["face_mask"] = tf.zeros([len(here), stored, stored, 1], tf.uint8)
        cut = batches.as_floats(crop.evaluation(batch, image_size))
        if off:
            cut |= _cut_off(batch, _off_squares(here, stored, image_size, off, seed), image_size)
        yield cut


def _off_squares(rows, stored, size, off, seed):
    """The evaluation crops, each off by up to `off` of its side; the same for a row and a seed."""
    draws = np.random.default_rng(seed).uniform(-off, off, [np.max(rows) + 1, 3])[rows]
    x, y, grown = draws.T.astype(np.float32) * size
    side = size + grown
    return crop.Square(*map(tf.constant, ((stored - side) / 2 + x, (stored - side) / 2 + y, side)))


@graphs.function(reduce_retracing=True)
def _cut_off(batch, squares, size):
    images = tf.map_fn(
        lambda one: crop.image(one[0], one[1], size) / 255,
        (batch["image"], squares),
        fn_output_signature=tf.TensorSpec([size, size, 3], tf.float32),
    )
    return {
        f"image{OFF}": images,
        f"landmarks{OFF}": crop.points(batch["landmarks"], squares, size),
    }
