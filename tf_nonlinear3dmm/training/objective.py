"""What a step minimises and logs: the model's forward pass and its losses."""

import tensorflow as tf

from tf_nonlinear3dmm import losses, metrics, replicas

DRAWN = ("reconstruction", "adversarial", "perceptual")  # terms that look at the drawn image


class Objective:
    """Forward pass and losses of a batch.

    Args:
        constants: `losses.Constants`.
    """

    def __init__(self, constants):
        self.constants = constants

    def __call__(self, model, config, batch, seed):
        """(loss, dict of scalars: the unweighted terms and the NME in percent)."""
        draw = any(getattr(config, name) for name in DRAWN)
        reconstruction = model(batch["image"], training=True, draw=draw)
        loss, terms = losses.total(config, reconstruction, batch, self.constants, seed)
        return loss, {**terms, "nme": self._nme(reconstruction.landmarks, batch)}

    def _nme(self, landmarks, batch):
        nme = metrics.nme(landmarks, batch["landmarks"], self.constants.landmark_exists)
        labelled = batch["has_landmarks"]
        nme = tf.where(labelled, nme, tf.zeros_like(nme))  # no box where there is no label
        return replicas.masked_mean(nme, tf.cast(labelled, nme.dtype))
