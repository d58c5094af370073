"""What decoders know before the first step: the principal components of the training labels."""

import numpy as np
import tensorflow as tf

MOST = 2048  # labels that are looked at: the components hardly change with more
CHUNK = 256


def set_linear_parts(model, source):
    """Sets the linear parts of both decoders from the labels of a `data.Source`.

    Args:
        model: `Nonlinear3DMM` with `config.linear_part`.
        source: `data.Source` with vertices and albedo.

    Raises:
        ValueError: no record has both labels; names the data set.
    """
    features = ("vertices", "albedo")
    source.prepare(features)
    positions = np.arange(min(len(source), MOST))
    offsets, albedos = [], []
    for start in range(0, len(positions), CHUNK):
        batch = source.read(positions[start : start + CHUNK], features)
        known = batch["has_vertices"] & batch["has_albedo"]
        vertices = tf.constant(batch["vertices"][known])
        offsets.append(model.offset_maps(vertices).numpy())
        albedos.append(batch["albedo"][known].astype(np.float32) / 255)
    offsets, albedos = np.concatenate(offsets), np.concatenate(albedos)
    if len(offsets) < 2:
        raise ValueError(
            f"{source.split.builder.data_path}: `linear_part` needs records with the labels "
            f"`vertices` and `albedo`, got {len(offsets)} among the first {len(positions)}"
        )
    model.shape_decoder.set_linear_part(offsets)
    model.albedo_decoder.set_linear_part(albedos)
