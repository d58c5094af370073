"""How well each model can represent the texture of held-out faces, by code size.

Errors are mean absolute differences, colours in [0, 1], of the two `texture_targets`. The light of
a photo is fitted along with the code, except by the model of wild textures, which has learned it.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import data, metrics, training
from tf_nonlinear3dmm.baselines import gmm_prior
from tf_nonlinear3dmm.networks import linear
from tf_nonlinear3dmm.studies.paper import (
    autoencoder,
    code_fitting,
    linear_models,
    results,
    shape_power,
    texture_targets,
    trained_models,
)
from tf_nonlinear3dmm.studies.study import BATCH, Study, change

RATE = 0.05  # of Adam, in standard deviations of the code
_LIGHT_STD = 0.5  # of light coefficients
SHOWN = 6  # faces of the figure
MODELS = (
    *shape_power.LINEAR,
    "Gaussian mixture",
    "Linear in the wild",
    "Nonlinear, trained in 3D",
    "Nonlinear, by gradient",
    "Nonlinear, by the encoder",
    "CVPR 2019, by gradient",
    "CVPR 2019, by the encoder",
)


class ErrorTables:
    """The errors of one part as tables `albedo` and `photo`, and maps for the figure."""

    def __init__(self, study: Study, targets: texture_targets.Targets) -> None:
        self.study, self.targets = study, targets
        self.errors: dict[str, dict[str, dict[int, np.ndarray]]] = {"albedo": {}, "photo": {}}

    def enter(
        self,
        model: str,
        size: int,
        albedo: np.ndarray | None = None,
        photo: np.ndarray | None = None,
    ) -> None:
        """Adds what a model of a code size makes of the targets: maps `[N, Hu, Wu, 3]`."""
        targets = self.targets
        for kind, maps, target, mask in (
            ("albedo", albedo, targets.albedo, targets.layout),
            ("photo", photo, targets.photo, targets.visible),
        ):
            if maps is not None:
                errors = metrics.masked_l1(np.clip(maps, 0, 1), target, mask)
                self.errors[kind].setdefault(model, {})[size] = errors
        if photo is not None:
            results.save_maps(self.study, model, size, photo[:SHOWN])

    def save(self, part: str) -> None:
        """Writes the tables."""
        for kind, rows in self.errors.items():
            results.save(self.study, f"{kind}/{part}", rows)


def measure_linear(study: Study) -> None:
    """The linear models, at every code size."""
    targets = texture_targets.Targets(study)
    tables = ErrorTables(study, targets)
    for size in study.texture_codes:
        for model, name in shape_power.LINEAR.items():
            basis = linear.truncate(linear_models.read(study, f"{name}-albedo"), size)
            if len(basis.modes) in tables.errors["albedo"].get(model, {}):
                continue  # it has no more modes than at the size before
            codes = linear.project(basis, targets.albedo, targets.layout)
            photo = texture_targets.linear_photo(targets, basis)
            tables.enter(model, len(basis.modes), linear.decode(basis, codes), photo)
        mixture = gmm_prior.truncate(linear_models.read_mixture(study, "albedo"), size)
        _, _, albedo = gmm_prior.project(mixture, targets.albedo, targets.layout)
        tables.enter("Gaussian mixture", len(mixture.modes), albedo=albedo)
        basis = linear.truncate(linear_models.read(study, "wild-texture"), size)
        codes = linear.project(basis, targets.photo, targets.visible, ridge=1e-3)
        tables.enter("Linear in the wild", len(basis.modes), photo=linear.decode(basis, codes))
    results.save_maps(study, "photo", 0, targets.photo[:SHOWN])
    results.save_maps(study, "visible", 0, targets.visible[:SHOWN])
    tables.save("linear")


def measure_decoder(study: Study, size: int) -> None:
    """Trains an albedo decoder on true albedos, and fits it to the test faces."""
    split, oracle = study.split("train"), linear_models.read(study, "oracle-albedo")
    albedo = split["albedo"][split.rows]
    parts = np.array_split(albedo, -(-len(albedo) // 500))
    linear_codes = [linear.project(oracle, autoencoder.as_float(part)) for part in parts]
    targets = texture_targets.Targets(study)
    config = change(study.config, "model", albedo_code_size=size).model
    trained = autoencoder.train(
        lambda: autoencoder.albedo_decoder(config, study.face()),
        size,
        albedo,
        np.concatenate(linear_codes),
        targets.layout[0],
        study.decoder_steps,
    )
    normal = np.random.default_rng(0).standard_normal([256, len(oracle.modes)])
    codes = trained.encode(normal.astype(np.float32)).numpy()  # linear codes are whitened
    tables = ErrorTables(study, targets)
    fits = _fit_by_gradient(study, targets, trained.decode, codes.mean(axis=0), codes.std(axis=0))
    tables.enter("Nonlinear, trained in 3D", size, *fits)
    tables.save(f"3d-{size}")


def measure_run(study: Study, kind: str, size: int) -> None:
    """A model trained on images, "conv" or "cvpr19": by gradient and by its encoder."""
    row = "CVPR 2019" if kind == "cvpr19" else "Nonlinear"
    run = trained_models.of_size(study, kind, size)
    model, config = training.load(study.run(run))
    targets = texture_targets.Targets(study)
    tables = ErrorTables(study, targets)
    mean, std = shape_power.statistics(study, model, "albedo_code")
    fits = _fit_by_gradient(study, targets, model.decode_albedo, mean, std)
    tables.enter(f"{row}, by gradient", size, *fits)
    image_size, split = config.model.image_size, study.split("test")
    reconstructions = [
        model(batch["image"])
        for batch in data.in_order(split, image_size, BATCH, ["image"], targets.rows)
    ]
    albedo, texture = (
        np.concatenate([getattr(part, field).numpy() for part in reconstructions])
        for field in ("albedo_map", "texture")
    )
    gain = metrics.best_gain(albedo, targets.albedo, targets.layout)
    tables.enter(f"{row}, by the encoder", size, gain * albedo, texture)
    tables.save(run)


def _fit_by_gradient(study, targets, decode, mean, std):
    """(albedo maps, photos) by gradient on the code, and for photos on the light too.

    Fits start at the code `mean` `[K]`; `std` `[K]` says how widely codes vary.
    """
    budget: dict[str, Any] = dict(steps=study.fit_steps, rate=RATE, batch=BATCH)
    start = np.repeat(mean[np.newaxis], len(targets.rows), axis=0)
    _, albedo = code_fitting.fit(
        lambda z, rows: decode(z), targets.albedo, targets.layout, start, std, **budget
    )
    light = texture_targets.best_light(targets, np.asarray(decode(tf.constant(start))))
    harmonics = targets.harmonics

    def lit(both, rows):
        map_of = tf.numpy_function(lambda r: harmonics[r], [rows], tf.float32)
        map_of = tf.ensure_shape(map_of, [None, *harmonics.shape[1:]])
        shading = tf.einsum("nhwk,nkc->nhwc", map_of, tf.reshape(both[:, -27:], [-1, 9, 3]))
        return decode(both[:, :-27]) * shading

    both = np.concatenate([start, light.reshape(len(light), 27)], axis=1)
    scale = np.concatenate([std, np.full(27, _LIGHT_STD, np.float32)])
    _, photo = code_fitting.fit(lit, targets.photo, targets.visible, both, scale, **budget)
    return albedo, photo
