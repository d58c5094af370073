"""Splits in their own order, cut exactly: what validation and evaluation read."""

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import crop
from tf_nonlinear3dmm.data import augment, batches


def in_order(split, image_size, batch_size, features=None, rows=None):
    """Batches of a split in the order of its records, cut to the evaluation crop.

    Args:
        split: `Split`.
        image_size: side of the crop.
        batch_size: examples per batch; the last one may be smaller.
        features: names to read; all of the data set's by default. Image, face_mask, landmarks and
            projection always come along; a face_mask that the data set lacks is 0.
        rows: ids of records; all good ones by default.

    Yields:
        dicts of tensors: bytes as float32 in [0, 1], points and projections (the teacher's too)
        in pixels of the crop; names as bytes.
    """
    needed = {"image", "face_mask", "landmarks", "projection"}
    wanted = needed | set(features or split.builder.info.features)
    names = sorted(name for name in wanted if name in split or name not in needed)
    split.prepare(names)
    stored = crop.stored_size(image_size)
    rows = split.rows if rows is None else np.asarray(rows)
    for start in range(0, len(rows), batch_size):
        here = rows[start : start + batch_size]
        batch = {name: tf.convert_to_tensor(split[name][here]) for name in names}
        if "face_mask" not in batch:
            batch["face_mask"] = tf.zeros([len(here), stored, stored, 1], tf.uint8)
        yield batches.as_floats(augment.cut_centre(batch, image_size))
