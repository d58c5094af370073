"""What a step minimises and logs: the model's forward pass and its losses."""

import tensorflow as tf

from tf_nonlinear3dmm import losses, metrics, replicas

DRAWN = ("reconstruction", "adversarial", "perceptual")  # terms that look at the drawn image


class Objective:
    """Forward pass and losses of a batch.

    Args:
        constants: `losses.Constants`.
        features: `perceptual.Features`, where a stage has the perceptual term.
    """

    def __init__(self, constants, features=None):
        self.constants, self.features = constants, features

    def __call__(self, model, config, batch, seed, critic=None):
        """The losses of one replica's examples.

        Args:
            model: `Nonlinear3DMM`.
            config: `LossConfig`.
            batch: dict of tensors.
            seed: `[2]` ints.
            critic: images -> logits, where there is an adversarial term.

        Returns:
            (loss, dict of scalars for the log: the unweighted terms and the NME in percent, what
            was drawn over the photos, `[B, S, S, 3]`, or None).
        """
        draw = any(getattr(config, name) for name in DRAWN)
        result = model(batch["image"], training=True, draw=draw)
        loss, terms = losses.total(
            config, result, batch, self.constants, seed, critic, self.features
        )
        drawn = losses.blend(result, batch) if draw else None
        return loss, {**terms, "nme": self._nme(result.landmarks, batch)}, drawn

    def _nme(self, landmarks, batch):
        nme = metrics.nme(landmarks, batch["landmarks"], self.constants.landmark_exists)
        labelled = batch["has_landmarks"]
        nme = tf.where(labelled, nme, tf.zeros_like(nme))  # no box where there is no label
        return replicas.masked_mean(nme, tf.cast(labelled, nme.dtype))
