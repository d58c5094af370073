"""What a step minimises: the model's forward pass and its losses; and the discriminator's loss."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import losses, metrics
from tf_nonlinear3dmm.configs import LossConfig, ModelConfig, StageConfig
from tf_nonlinear3dmm.core import determinism, replicas
from tf_nonlinear3dmm.data import schema
from tf_nonlinear3dmm.model import Nonlinear3DMM, Reconstruction
from tf_nonlinear3dmm.networks.discriminator import Discriminator, History
from tf_nonlinear3dmm.networks.perceptual import Features
from tf_nonlinear3dmm.rendering import camera, renderer

FEATURES = {  # of a batch, by what a stage trains
    "all": schema.STANDARD,
    "encoder": ("image", "landmarks", "projection", "vertices", "albedo"),
    "decoders": ("vertices", "albedo"),
}
_TERM_FEATURES = {"albedo": ("albedo",), "texture": ("texture", "texture_mask")}
NOISE, CHOICE = (1000, 0), (2000, 0)  # added to a step's seed, so that no two draws are alike


def features(stage: StageConfig) -> list[str]:
    """Names of the features of a batch that a `StageConfig` needs."""
    of_terms = [names for term, names in _TERM_FEATURES.items() if getattr(stage.loss, term)]
    return [*dict.fromkeys([*FEATURES[stage.trains], *sum(of_terms, ())])]


class Objective:
    """Forward pass and losses of a batch.

    Args:
        constants: `losses.Constants`.
        features: `perceptual.Features`, where a stage has the perceptual term.
    """

    def __init__(self, constants: losses.Constants, features: Features | None = None) -> None:
        self.constants, self.features = constants, features

    def __call__(
        self,
        model: Nonlinear3DMM,
        trains: str,
        config: LossConfig,
        batch: dict[str, tf.Tensor],
        seed: tf.Tensor,
        critic: Callable[[tf.Tensor], tf.Tensor] | None = None,
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor], tf.Tensor | None]:
        """The losses of one replica's examples.

        Args:
            model: `Nonlinear3DMM`.
            trains: what the stage trains: "all", "encoder" or "decoders", see `StageConfig`.
            config: `LossConfig`.
            batch: dict of tensors, at least of `features`.
            seed: `[2]` ints.
            critic: images -> logits, where there is an adversarial term.

        Returns:
            (loss, dict of scalars for the log: the unweighted terms and the NME in percent, what
            was drawn over the photos, `[B, S, S, 3]`, or None).
        """
        draw = losses.needs_image(config)
        pairs, batch = getattr(self, f"_{trains}")(model, batch, draw)
        loss, terms = losses.total_of_pairs(
            config, pairs, batch, self.constants, seed, critic, self.features
        )
        reconstructed = pairs[-1]
        drawn = losses.blend(reconstructed, batch) if draw else None
        if reconstructed.landmarks is not None:
            terms = {**terms, "nme": self._nme(reconstructed.landmarks, batch)}
        return loss, terms, drawn

    def _all(self, model, batch, draw):
        """Image to image."""
        codes = model.encode(batch["image"], training=True)
        return model.pairs(codes, training=True, draw=draw), batch

    def _encoder(self, model, batch, draw):
        """Image to codes.

        Landmarks are the label's vertices, moved by what the codes differ from the label's, under
        the predicted camera; the texture is the label's albedo on the label's shape under the
        predicted light.
        """
        del draw
        codes = model.encode(batch["image"], training=True)
        label_codes = model.label_codes(batch["vertices"], batch["albedo"])
        ids = np.maximum(model.face.landmarks, 0)
        moves = model.shape_decoder.linear_offsets(codes.shape_code - label_codes.shape_code, ids)
        points = camera.project(tf.gather(batch["vertices"], ids, axis=1) + moves, codes.projection)
        exists = self.constants.landmark_exists[:, np.newaxis]
        reconstructed = Reconstruction(**codes._asdict(), landmarks=points[..., :2] * exists)
        if codes.illumination is not None:  # the graph drops it where no term reads it
            shading = renderer.shading_map(
                batch["vertices"], batch["projection"], codes.illumination, model.uv_layout
            )
            reconstructed = reconstructed._replace(
                texture=batch["albedo"] * shading, shading=shading
            )
        labelled = batch["has_landmarks"] & batch["has_vertices"]
        return [reconstructed], {**batch, "label_codes": label_codes, "has_landmarks": labelled}

    def _decoders(self, model, batch, draw):
        """Codes of the labels to shape and albedo."""
        del draw
        return model.label_pairs(batch["vertices"], batch["albedo"]), batch

    def _nme(self, landmarks, batch):
        nme = metrics.nme(landmarks, batch["landmarks"], self.constants.landmark_exists)
        labelled = batch["has_landmarks"]
        nme = tf.where(labelled, nme, tf.zeros_like(nme))  # no box where there is no label
        return replicas.masked_mean(nme, tf.cast(labelled, nme.dtype))


class Adversary:
    """A discriminator with its memory of old drawings and its optimizer.

    Args:
        config: `ModelConfig`.
        history: how many drawings it remembers.
        optimizer: (variables) -> built optimizer of gradients that are summed over the replicas.
    """

    def __init__(
        self,
        config: ModelConfig,
        history: int,
        optimizer: Callable[[list], keras.optimizers.Optimizer],
    ) -> None:
        self.discriminator = Discriminator(config)
        self.history = History(history, config.image_size)
        self.optimizer = optimizer(self.discriminator.trainable_variables)

    def judge(self, images: tf.Tensor) -> tf.Tensor:
        """Logits of `[B, S, S, 3]` images in [0, 1]."""
        return self.discriminator(images, training=True)

    def learn(
        self, photos: tf.Tensor, drawings: tf.Tensor, seed: tf.Tensor, replica_count: int
    ) -> tf.Tensor:
        """One step of the discriminator; returns its loss on this replica.

        Args:
            photos, drawings: `[B, S, S, 3]` in [0, 1].
            seed: `[2]` int32.
            replica_count: how many share the step.
        """
        old = self.history.exchange(drawings, seed + CHOICE)
        real, drawn, remembered = map(self.judge, (photos, tf.stop_gradient(drawings), old))
        loss = losses.discrimination(real, drawn, remembered, seed + NOISE)
        variables = self.discriminator.trainable_variables
        gradients = replicas.sum(determinism.gradients(loss / replica_count, variables))
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    def state(self) -> dict[str, list[tf.Variable]]:
        """name -> list of variables that training changes."""
        return {
            "discriminator": [v.value for v in self.discriminator.weights if "float" in v.dtype],
            "discriminator_optimizer": [v.value for v in self.optimizer.variables],
            "history": [self.history.images, self.history.count],
        }
