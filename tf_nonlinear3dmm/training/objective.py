"""What a step minimises and logs: the model's forward pass and its losses."""

import tensorflow as tf

from tf_nonlinear3dmm import losses, metrics
from tf_nonlinear3dmm.core import replicas
from tf_nonlinear3dmm.model import Reconstruction
from tf_nonlinear3dmm.rendering import camera, renderer

DRAWN = ("reconstruction", "adversarial", "perceptual")  # terms that look at the drawn image


class Objective:
    """Forward pass and losses of a batch.

    Args:
        constants: `losses.Constants`.
        features: `perceptual.Features`, where a stage has the perceptual term.
    """

    def __init__(self, constants, features=None):
        self.constants, self.features = constants, features

    def __call__(self, model, trains, config, batch, seed, critic=None):
        """The losses of one replica's examples.

        Args:
            model: `Nonlinear3DMM`.
            trains: what the stage trains: "all", "encoder" or "decoders", see `StageConfig`.
            config: `LossConfig`.
            batch: dict of tensors.
            seed: `[2]` ints.
            critic: images -> logits, where there is an adversarial term.

        Returns:
            (loss, dict of scalars for the log: the unweighted terms and the NME in percent, what
            was drawn over the photos, `[B, S, S, 3]`, or None).
        """
        draw = any(getattr(config, name) for name in DRAWN)
        result, batch = getattr(self, f"_{trains}")(model, config, batch, draw)
        loss, terms = losses.total(
            config, result, batch, self.constants, seed, critic, self.features
        )
        drawn = losses.blend(result, batch) if draw else None
        if result.landmarks is not None:
            terms = {**terms, "nme": self._nme(result.landmarks, batch)}
        return loss, terms, drawn

    def _all(self, model, config, batch, draw):
        """Image to image."""
        del config
        return model(batch["image"], training=True, draw=draw), batch

    def _encoder(self, model, config, batch, draw):
        """Image to codes.

        Landmarks are those of the label under the predicted camera, the texture is the label's
        albedo on the label's shape under the predicted light.
        """
        del draw
        codes = model.encode(batch["image"], training=True)
        label_codes = model.label_codes(batch["vertices"], batch["albedo"])
        points = camera.project(batch["vertices"], codes.projection)
        result = Reconstruction(**codes._asdict(), landmarks=model.landmarks(points))
        if config.texture and codes.illumination is not None:
            shading = renderer.shading_map(
                batch["vertices"], batch["projection"], codes.illumination, model.tensors
            )
            result = result._replace(texture=batch["albedo"] * shading, shading=shading)
        return result, {**batch, "label_codes": label_codes}

    def _decoders(self, model, config, batch, draw):
        """Codes of the labels to shape and albedo."""
        del config, draw
        return model.decode_labels(batch["vertices"], batch["albedo"], training=True), batch

    def _nme(self, landmarks, batch):
        nme = metrics.nme(landmarks, batch["landmarks"], self.constants.landmark_exists)
        labelled = batch["has_landmarks"]
        nme = tf.where(labelled, nme, tf.zeros_like(nme))  # no box where there is no label
        return replicas.masked_mean(nme, tf.cast(labelled, nme.dtype))
