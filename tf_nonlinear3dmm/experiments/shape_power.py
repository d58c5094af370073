"""How well each model can represent the true shapes of held-out faces, by code size.

Codes by optimisation: in closed form where the model is linear, by gradient where it is not. Fits
look at the skin's vertices, in the face's frame, with no alignment; errors are mean distances over
the distance of the eyes.
"""

import numpy as np

from tf_nonlinear3dmm import data, metrics, training
from tf_nonlinear3dmm.baselines import gmm_prior, linear
from tf_nonlinear3dmm.experiments import autoencoder, bases, codes
from tf_nonlinear3dmm.experiments.alignment import BATCH
from tf_nonlinear3dmm.experiments.study import change
from tf_nonlinear3dmm.training import checkpoints

RATE = 0.05  # of Adam, in standard deviations of the code


def targets(study):
    """(true vertices `[N, V, 3]` of the test faces, skin weights `[1, V, 1]`)."""
    split = study.split("test")
    skin = study.face().regions["skin"][np.newaxis, :, np.newaxis]
    return split["vertices"][split.rows[: study.fit_faces]], skin


def error(study, decoded, vertices):
    """`[N]` mean distance of skin vertices in percent of the eye distance."""
    face = study.face()
    skin = face.regions["skin"]
    distance = np.linalg.norm(decoded - vertices, axis=-1) @ (skin / skin.sum())
    return 100 * distance / metrics.eye_distance(vertices, face.landmarks)


def linear_rows(study):
    """Model -> code size -> `[N]` errors, of the linear models and the mean face."""
    vertices, skin = targets(study)
    basis = {name: bases.read(study, f"{name}-shape") for name in ("scan-200", "oracle", "mixture")}
    rows = {"Linear scan-200": {}, "Linear oracle": {}, "Gaussian mixture": {}}
    for size in study.shape_codes:
        for title, name in (("Linear scan-200", "scan-200"), ("Linear oracle", "oracle")):
            cut = linear.truncate(basis[name], size)
            decoded = linear.decode(cut, linear.project(cut, vertices, skin))
            rows[title][len(cut.modes)] = error(study, decoded, vertices)
        cut = gmm_prior.truncate(basis["mixture"], size)
        decoded = gmm_prior.project(cut, vertices, skin)[2]
        rows["Gaussian mixture"][len(cut.modes)] = error(study, decoded, vertices)
    rows["mean face"] = {0: error(study, study.face().mean_vertices, vertices)}
    return rows


def decoder(study, kind, size):
    """An untrained `autoencoder.shape_decoder` of a kind ("conv", "mlp") and code size."""
    config = change(study.config, "model", shape_decoder=kind, shape_code_size=size).model
    return lambda: autoencoder.shape_decoder(config, study.face())


def train_decoder(study, kind, size):
    """Trains a shape decoder on all training faces in 3D; writes decoders/shape-<kind>-<size>."""
    split, oracle = study.split("train"), bases.read(study, "oracle-shape")
    vertices = split["vertices"][split.rows]
    skin = study.face().regions["skin"][:, np.newaxis]
    trained = autoencoder.train(
        decoder(study, kind, size),
        size,
        vertices,
        linear.project(oracle, vertices),
        0.1 + 0.9 * skin,
        study.decoder_steps,
    )
    save(study, f"shape-{kind}-{size}", trained)


def save(study, name, trained):
    arrays = checkpoints.values_of(trained.weights)
    checkpoints.write(study.file(f"decoders/{name}.npz"), arrays, {})


def restore(study, name, untrained):
    arrays, _ = checkpoints.read(study.file(f"decoders/{name}.npz"))
    checkpoints.assign(untrained.weights, arrays, name)
    return untrained


def decoder_row(study, kind, size):
    """`[N]` errors of a decoder trained in 3D; its encoder's codes are where the fit starts."""
    vertices, _ = targets(study)
    oracle = bases.read(study, "oracle-shape")
    build = decoder(study, kind, size)
    trained = restore(
        study,
        f"shape-{kind}-{size}",
        autoencoder.untrained(build, size, len(oracle.modes)),
    )
    start = trained.encode(linear.project(oracle, vertices)).numpy()
    return _fitted(study, lambda z, rows: trained.decode(z), start, start.std(axis=0))


def run_row(study, name):
    """`[N]` errors of a model trained on images; fits start at the mean code of training faces."""
    model, _ = training.load(study.run(name))
    mean, std = statistics(study, model, "shape_code")
    start = np.repeat(mean[np.newaxis], study.fit_faces, axis=0)
    return _fitted(study, lambda z, rows: model.decode_shape(z)[1], start, std)


def statistics(study, model, name, count=256):
    """Mean and standard deviation `[K]` of one of `encoder.Codes` over the first training faces.

    Entries that the encoder hardly uses get a tenth of the usual deviation: a fit may move them.
    """
    split = study.split("train")
    size = study.config.model.image_size
    found = [
        getattr(model.encode(batch["image"]), name).numpy()
        for batch in data.in_order(split, size, BATCH, ["image"], split.rows[:count])
    ]
    found = np.concatenate(found)
    deviation = found.std(axis=0)
    return found.mean(axis=0), np.maximum(deviation, 0.1 * deviation.mean() + 1e-6)


def _fitted(study, decode, start, scale):
    vertices, skin = targets(study)
    start = start[: len(vertices)]
    _, decoded = codes.fit(decode, vertices, skin, start, scale, study.fit_steps, RATE, BATCH)
    return error(study, decoded, vertices)


def measure(study):
    """Model -> code size -> errors of faces; needs every decoder and run to be trained."""
    rows = linear_rows(study)
    for kind in ("mlp", "conv"):
        title = f"Nonlinear {kind}, trained in 3D"
        rows[title] = {size: decoder_row(study, kind, size) for size in study.shape_codes}
    rows["Nonlinear conv, trained on images"] = {
        size: run_row(study, f"nonlinear-truth-{size}") for size in study.image_codes
    }
    if study.mlp_codes:
        rows["Nonlinear mlp, trained on images"] = {
            size: run_row(study, f"mlp-truth-{size}") for size in study.mlp_codes
        }
    return {
        model: {str(size): values.tolist() for size, values in by_size.items()}
        for model, by_size in rows.items()
    }
