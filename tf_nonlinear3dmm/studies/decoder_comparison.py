"""Decoders of TPAMI and CVPR 2019 at equal size: trained on 3D labels alone, measured on others.

All take the codes of the same linear part, so that a difference is the decoders'. No image, camera
or renderer takes part: regularisers, which images need, are those of preset `cvpr19`.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import configs, metrics
from tf_nonlinear3dmm.core import graphs
from tf_nonlinear3dmm.data.splits import Split
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.networks import parts
from tf_nonlinear3dmm.rendering import uv_layout, visualize
from tf_nonlinear3dmm.training import assembly, loop, strategies

STAGE = "decoders"
BATCH = 32
LINEAR = "linear part alone"
_LOCAL = dict(shape_decoder="global_local", albedo_decoder="global_local")
_PLAIN = dict(symmetry=0.0, constancy=0.0, smoothness=0.0, residual=0.0)
ROWS: dict[str, tuple[dict, dict]] = {  # name -> changes to `conv` decoders, to losses of `cvpr19`
    "TPAMI 2019": ({}, _PLAIN),
    "global and local": (_LOCAL, _PLAIN),
    "TPAMI 2019 regularised": ({}, dict(residual=0.0)),
    "TPAMI 2019 regularised proxies": (dict(proxies=True), {}),
    "CVPR 2019: both": (dict(**_LOCAL, proxies=True), {}),
}
MEASURES = {  # heading -> digits
    "shape (mm)": 3,
    "shape, parts (mm)": 3,
    "albedo L1 x 100": 2,
    "albedo L1 x 100, parts": 2,
    "gradient error, parts": 3,
    "gradient length, parts": 3,
}


def config_of(row: str, base: configs.Config) -> configs.Config:
    """The configuration of one of `ROWS`: `base`, of preset `cvpr19`, in this stage alone."""
    model, loss = ROWS[row]
    conv = dict(shape_decoder="conv", albedo_decoder="conv", proxies=False)
    stage = dataclasses.replace(base.decoders, loss=dataclasses.replace(base.decoders.loss, **loss))
    return dataclasses.replace(
        base,
        model=dataclasses.replace(base.model, **{**conv, **model}),
        decoders=stage,
        encoder=dataclasses.replace(base.encoder, steps=0),
        finetune=dataclasses.replace(base.finetune, steps=0),
    )


def read(split: Split, count: int) -> list[dict[str, np.ndarray]]:
    """Batches of `vertices` and `albedo` (RGB in [0, 1]) of the first faces of a split."""
    split.prepare(["vertices", "albedo"])
    rows = split.rows[:count]
    return [
        {
            "vertices": np.asarray(split["vertices"][some], np.float32),
            "albedo": np.asarray(split["albedo"][some], np.float32) / 255,
        }
        for some in np.array_split(rows, -(-len(rows) // BATCH))
    ]


def train(
    config: configs.Config,
    like: Nonlinear3DMM | None = None,
    progress: Callable[[int, Mapping[str, float]], None] = lambda step, terms: None,
) -> Nonlinear3DMM:
    """A model whose decoders have learned from 3D labels.

    Args:
        config: of `config_of`.
        like: a model whose linear part to take; None computes it from the labels.
        progress: called after each step with its number and losses.
    """
    batches, updates, _ = assembly.assemble(config, strategies.create("one_device"))
    if like is None:
        assembly.set_first_weights(config, updates, batches)
    else:
        for own, other in zip(_decoders(updates.model), _decoders(like), strict=True):
            own.linear_mean.assign(other.linear_mean)
            own.linear_modes.assign(other.linear_modes)
        for average, value in zip(updates.averaged, updates.tensors, strict=True):
            average.assign(value.numpy())
    steps = loop.distribute(updates.strategy, batches[STAGE], 0, config.decoders.steps)
    for step, batch in enumerate(steps):
        terms, _ = updates.run(STAGE, config.decoders, step, batch, [config.train.seed, step])
        progress(step + 1, terms)
    updates.swap_averaged()
    return updates.model


def linear_alone(model: Nonlinear3DMM) -> None:
    """Takes from the decoders of a model all but their linear part."""
    for decoder in _decoders(model):
        for weight in decoder.trainable_weights:
            weight.assign(tf.zeros_like(weight.value))


def weight_count(model: Nonlinear3DMM) -> int:
    """How many weights of both decoders are trained."""
    weights = [w for decoder in _decoders(model) for w in decoder.trainable_weights]
    return sum(int(np.prod(w.shape)) for w in weights)


def measure(
    model: Nonlinear3DMM, batches: Iterable[Mapping[str, np.ndarray]]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """How far the faces are that a model decodes from the codes of labels.

    Args:
        model: of `train`.
        batches: of `read`.

    Returns:
        (`[N, 6]`, a column for each of `MEASURES`; [vertices, albedo maps] of the last batch).

    Parts are the windows of the local decoders. The gradient error is the mean distance of the
    albedo's gradients over their mean length in the label: 0 is perfect, a flat albedo has 1. The
    gradient length is the mean over that of the label: below 1 is blurred.
    """
    face_parts = parts.of_face(model.face, model.config.uv_size)
    ones = tf.ones([1, *model.config.uv_size, 1])
    local = 1 - parts.blend(ones, [tf.zeros([1, *p.size, 1]) for p in face_parts], face_parts)
    at_vertices = uv_layout.to_vertices(local, model.uv_layout)[0, :, 0].numpy()
    local = local.numpy()
    decode = graphs.function(model.decode_labels)
    rows, decoded = [], []
    for batch in batches:
        true, albedo = batch["vertices"], batch["albedo"]
        result = decode(tf.constant(true), tf.constant(albedo))
        maps, vertices = result.albedo_map.numpy(), result.vertices.numpy()
        shape, distance, _ = metrics.skin_error(model.face, vertices, true)
        own, label = _slopes(maps), _slopes(albedo)
        length = _mean(np.abs(label), local)
        columns = [
            shape,
            distance @ at_vertices / at_vertices.sum(),
            100 * metrics.albedo_error(model.uv_layout, maps, albedo),
            100 * metrics.masked_l1(maps, albedo, local),
            _mean(np.abs(own - label), local) / length,
            _mean(np.abs(own), local) / length,
        ]
        rows.append(np.stack(columns, axis=1))
        decoded = [vertices, maps]
    return np.concatenate(rows), decoded


def table(numbers: Mapping[str, np.ndarray], counts: Mapping[str, int]) -> str:
    """The means as lines of Markdown, with the number of weights of both decoders."""
    lines = [" | ".join(["| decoders", "weights", *MEASURES]) + " |"]
    lines.append("| --- " * (2 + len(MEASURES)) + "|")
    for name, values in numbers.items():
        means = zip(values.mean(axis=0), MEASURES.values(), strict=True)
        cells = [f"{counts[name]:,}", *(f"{mean:.{digits}f}" for mean, digits in means)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def picture(
    model: Nonlinear3DMM, faces: Mapping[str, list[np.ndarray]], size: int = 160
) -> np.ndarray:
    """uint8 picture: a column for each [vertices `[B, V, 3]`, albedo maps] of `faces`.

    Every face is seen from the front with its albedo, and below as bare shape.
    """
    layout, columns = model.uv_layout, []
    for vertices, albedo in faces.values():
        vertices = tf.constant(vertices, tf.float32)
        projection = visualize.frontal(vertices, size)
        fragments = visualize.see(vertices, projection, layout, size)
        painted = visualize.paint(tf.constant(albedo, tf.float32), fragments, layout)
        bare = visualize.mesh(vertices, projection, layout, size, fragments=fragments)
        both = np.stack([visualize.to_uint8(painted), bare], axis=1)
        columns.append(both.reshape(-1, size, size, 3))
    return visualize.grid(np.stack(columns, axis=1), [*faces])


def _decoders(model):
    return model.shape_decoder, model.albedo_decoder


def _slopes(maps):
    """Differences to the texel on the right and to the one below, `[B, Hu, Wu, 6]`; last ones 0."""
    right = np.diff(maps, axis=2, append=maps[:, :, -1:])
    return np.concatenate([right, np.diff(maps, axis=1, append=maps[:, -1:])], axis=-1)


def _mean(values, mask):
    """`[B]` means of `[B, Hu, Wu, C]` over a mask `[1, Hu, Wu, 1]`."""
    return (values.mean(axis=-1, keepdims=True) * mask).sum(axis=(1, 2, 3)) / mask.sum()
