"""How well each model can represent the true shapes of held-out faces, by code size.

Codes by optimisation: in closed form where the model is linear, by gradient where it is not. Fits
look at the skin's vertices, and may move, turn and scale the model's face, since an image tells
neither the size of a head nor where its frame lies; errors are mean distances over the distance of
the eyes.
"""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import data, metrics, training
from tf_nonlinear3dmm.baselines import gmm_prior
from tf_nonlinear3dmm.fitting import icp
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.networks import linear
from tf_nonlinear3dmm.studies.paper import (
    autoencoder,
    code_fitting,
    linear_models,
    results,
    trained_models,
)
from tf_nonlinear3dmm.studies.study import BATCH, Study

RATE = 0.05  # of Adam, in standard deviations of the code
_PLACE = 0.05  # of a unit, a radian and the size: how far fits move the mean face, likewise
_FAR = 3.0  # standard deviations: farther from the labels' codes a decoder has never been
LINEAR = {"Linear scan-200": "scan-200", "Linear oracle": "oracle"}  # model -> its basis
MODELS = (
    "mean face",
    *LINEAR,
    "Gaussian mixture",
    "Nonlinear mlp, trained in 3D",
    "Nonlinear conv, trained in 3D",
    "Nonlinear mlp, trained on images",
    "Nonlinear conv, trained on images",
    "CVPR 2019, trained on images",
)


def targets(study: Study) -> tuple[np.ndarray, np.ndarray]:
    """(true vertices `[N, V, 3]` of the test faces, skin weights `[1, V, 1]`).

    The faces are moved, turned and scaled to the mean face: fits need not go far from it.
    """
    split, face = study.split("test"), study.face()
    vertices, skin = split["vertices"][split.rows[: study.fit_faces]], face.regions["skin"]
    aligned = metrics.aligned(vertices, face.mean_vertices, skin, scaled=True)
    return aligned.astype(np.float32), skin[np.newaxis, :, np.newaxis]


def error(study: Study, decoded: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """`[N]` mean distance of skin vertices in percent of the eye distance."""
    face = study.face()
    distance = np.linalg.norm(decoded - vertices, axis=-1) @ metrics.skin_weights(face)
    return 100 * distance / metrics.eye_distance(vertices, face.landmarks)


def measure_linear(study: Study) -> None:
    """The mean face and the linear models, at every code size."""
    vertices, skin = targets(study)
    rows = {"mean face": {0: error(study, study.face().mean_vertices, vertices)}}
    mixture = linear_models.read_mixture(study, "shape")
    for size in study.shape_codes:
        for model, name in LINEAR.items():
            basis = linear.truncate(linear_models.read(study, f"{name}-shape"), size)
            placed = _anywhere(study, basis)
            decoded = linear.decode(placed, linear.project(placed, vertices, skin))
            rows.setdefault(model, {})[len(basis.modes)] = error(study, decoded, vertices)
        truncated = gmm_prior.truncate(mixture, size)
        _, _, decoded = gmm_prior.project(_anywhere(study, truncated), vertices, skin)
        errors = error(study, decoded, vertices)
        rows.setdefault("Gaussian mixture", {})[len(truncated.modes)] = errors
    results.save(study, "shape/linear", rows)


def measure_decoder(study: Study, kind: str, size: int) -> None:
    """Trains a shape decoder ("conv", "mlp") on all training faces in 3D, and fits the test's.

    A fit starts at the code that the decoder's own encoder gives.
    """
    split, oracle = study.split("train"), linear_models.read(study, "oracle-shape")
    vertices = split["vertices"][split.rows]
    skin = study.face().regions["skin"][:, np.newaxis]
    alone: dict[str, Any] = dict(shape_decoder=kind, shape_code_size=size, linear_part=False)
    config = dataclasses.replace(study.config.model, **alone)
    trained = autoencoder.train(
        lambda: autoencoder.shape_decoder(config, study.face()),
        size,
        vertices,
        linear.project(oracle, vertices),
        0.1 + 0.9 * skin,
        study.decoder_steps,
    )
    start = trained.encode(linear.project(oracle, targets(study)[0])).numpy()
    errors = _fitted(study, lambda z, rows: trained.decode(z), start, start.std(axis=0))
    rows = {f"Nonlinear {kind}, trained in 3D": {size: errors}}
    results.save(study, f"shape/{kind}-3d-{size}", rows)


def measure_run(study: Study, kind: str, size: int) -> None:
    """Fits a model trained on images, "conv", "mlp" or "cvpr19".

    A fit starts at the mean code of the first training faces, or where the linear part of the
    decoder is nearest, but for codes that no label has.
    """
    name = trained_models.of_size(study, kind, size)
    model, _ = training.load(study.run(name))
    mean, std = statistics(study, model, "shape_code")
    start = np.repeat(mean[np.newaxis], study.fit_faces, axis=0)
    if model.config.linear_part:  # where it is nearest, the whole decoder is not far
        offsets = model.offset_maps(tf.constant(targets(study)[0]))
        start = np.clip(model.shape_decoder.encode(offsets).numpy(), -_FAR, _FAR)
    errors = _fitted(study, lambda z, rows: model.decode_shape(z)[1], start, std)
    row = "CVPR 2019" if kind == "cvpr19" else f"Nonlinear {kind}"
    results.save(study, f"shape/{name}", {f"{row}, trained on images": {size: errors}})


def statistics(
    study: Study, model: Nonlinear3DMM, name: str, count: int = 256
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation `[K]` of one of `encoder.Codes` over the first training faces.

    A linear part gives its faces codes of mean 0 and variance 1, and what an encoder reads varies
    less, since it is not sure: a fit must reach all faces. Without it, entries that the encoder
    hardly uses get a tenth of the usual deviation.
    """
    if model.config.linear_part:
        count = getattr(model.config, f"{name}_size")
        return np.zeros(count, np.float32), np.ones(count, np.float32)
    split = study.split("train")
    size = study.config.model.image_size
    batches = [
        getattr(model.encode(batch["image"]), name).numpy()
        for batch in data.in_order(split, size, BATCH, ["image"], split.rows[:count])
    ]
    codes = np.concatenate(batches)
    deviation = codes.std(axis=0)
    return codes.mean(axis=0), np.maximum(deviation, 0.1 * deviation.mean() + 1e-6)


def _fitted(study, decode, start, scale):
    vertices, skin = targets(study)
    size, moves = start.shape[1], tf.constant(_moves(study))

    def placed(z, rows):
        return decode(z[:, :size], rows) + tf.tensordot(z[:, size:], moves, 1)

    start = np.pad(start[: len(vertices)], [(0, 0), (0, len(moves))])
    scale = np.append(scale, np.full(len(moves), _PLACE))
    _, decoded = code_fitting.fit(
        placed, vertices, skin, start, scale, study.fit_steps, RATE, BATCH
    )
    return error(study, decoded, vertices)


def _anywhere(study, model):
    """A `linear.Basis` or `MixtureBasis` whose faces may also move, turn and grow."""
    moves = _moves(study)
    modes, std = np.concatenate([model.modes, moves]), np.append(model.std, np.ones(len(moves)))
    return model._replace(modes=modes, std=std)


def _moves(study):
    """`[7, V, 3]`: how the mean face moves along the axes, turns about them, and grows."""
    return icp.similar(study.face().mean_vertices).astype(np.float32)
