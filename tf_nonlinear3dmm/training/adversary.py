"""The discriminator's side of a step."""

import tensorflow as tf

from tf_nonlinear3dmm import losses
from tf_nonlinear3dmm.core import determinism
from tf_nonlinear3dmm.networks.discriminator import Discriminator, History

NOISE, CHOICE = (1000, 0), (2000, 0)  # added to a step's seed, so that no two draws are alike


class Adversary:
    """A discriminator with its memory of old drawings and its optimizer.

    Args:
        config: `ModelConfig`.
        history: how many drawings it remembers.
        optimizer: (variables) -> built Keras optimizer.
    """

    def __init__(self, config, history, optimizer):
        self.discriminator = Discriminator(config)
        self.history = History(history, config.image_size)
        self.optimizer = optimizer(self.discriminator.trainable_variables)

    def judge(self, images):
        """Logits of `[B, S, S, 3]` pictures in [0, 1]."""
        return self.discriminator(images, training=True)

    def learn(self, photos, drawings, seed, replicas):
        """One step of the discriminator; returns its loss on this replica.

        Args:
            photos, drawings: `[B, S, S, 3]` in [0, 1].
            seed: `[2]` int32.
            replicas: how many share the step.
        """
        old = self.history.exchange(drawings, seed + CHOICE)
        logits = [self.judge(images) for images in (photos, tf.stop_gradient(drawings), old)]
        loss = losses.discrimination(*logits, seed + NOISE)
        variables = self.discriminator.trainable_variables
        gradients = determinism.gradients(loss / replicas, variables)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    def state(self):
        """name -> list of variables that training changes."""
        return {
            "discriminator": [v.value for v in self.discriminator.weights if "float" in v.dtype],
            "discriminator_optimizer": [v.value for v in self.optimizer.variables],
            "history": [self.history.images, self.history.count],
        }
