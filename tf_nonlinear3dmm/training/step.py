"""One step of training, on any number of replicas: gradients, updates, averaged weights.

Even steps train every variable without the landmark term; odd steps train the encoder alone, with
it, so that landmarks never pull single vertices out of the decoded surface. Each kind of step has
its own Adam and is traced once per stage.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.configs import StageConfig, TrainConfig
from tf_nonlinear3dmm.core import determinism, graphs, replicas
from tf_nonlinear3dmm.training import checkpoints
from tf_nonlinear3dmm.training.errors import NonFiniteError
from tf_nonlinear3dmm.training.objective import Adversary


def learning_rate(stage: StageConfig, step: int) -> float:
    """The rate of step `step` (0-based) of a stage, `configs.StageConfig`."""
    warm = min(1.0, (step + 1) / stage.warmup_steps) if stage.warmup_steps else 1.0
    fall = 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(1, stage.steps))))
    return stage.learning_rate * warm * (stage.final_rate + (1 - stage.final_rate) * fall)


def _is_encoder_step(stage: StageConfig, step: int) -> bool:
    """Whether step `step` (0-based) of a stage trains the encoder alone, with landmarks."""
    return stage.trains == "encoder" or (
        stage.trains == "all" and stage.alternating and step % 2 == 1
    )


class Updates:
    """Model, optimizers and averaged weights, and the functions that change them.

    Args:
        strategy: `tf.distribute.Strategy`, in whose scope model and adversary were made.
        model: with an `encoder`.
        objective: (model, what the stage trains, `LossConfig`, batch, seed, critic) -> (loss, dict
            of scalars for the log, drawn images or None).
        train: `TrainConfig`.
        adversary: `objective.Adversary`, where a stage needs one.
        kinds: what steps train: "all", "encoder", "decoders"; each has its own Adam.

    Attributes:
        tensors: the `tf.Variable`s of the model's weights, in its order.
        averaged: their averages over the last steps.
        traces: how often each function was traced.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        model: keras.Model,
        objective: Callable[..., tuple[tf.Tensor, dict[str, tf.Tensor], tf.Tensor | None]],
        train: TrainConfig,
        adversary: Adversary | None = None,
        kinds: Iterable[str] = ("all", "encoder"),
    ) -> None:
        determinism.enable()
        self.strategy, self.model, self.objective, self.train = strategy, model, objective, train
        self.adversary = adversary
        self.tensors = [v.value for v in model.weights if "float" in v.dtype]
        with strategy.scope():
            self.optimizers = {
                kind: optimizer(train.optimizer, _part(model, kind)) for kind in sorted(kinds)
            }
            self.averaged = [tf.Variable(v, trainable=False) for v in self.tensors]
        self.traces: dict[tuple[str, str], int] = {}
        self._functions: dict[tuple[str, str], Callable] = {}
        self._names: dict[tuple[str, str], list[str]] = {}

    def run(
        self,
        stage_name: str,
        stage: StageConfig,
        step: int,
        batch: dict[str, Any],
        seed: Sequence[int],
        stop: bool = False,
    ) -> tuple[dict[str, float], bool]:
        """One step.

        Args:
            stage_name, stage: name and `StageConfig`.
            step: 0-based within the stage.
            batch: dict of tensors, or of values per replica.
            seed: `[2]` ints, of what the losses draw at random.
            stop: this worker was asked to stop.

        Returns:
            (dict of the step's numbers, whether any worker was asked to stop).

        Raises:
            NonFiniteError: the loss or its gradient is not finite.
        """
        kind = "encoder" if _is_encoder_step(stage, step) else stage.trains
        key = (stage_name, kind)
        if key not in self._functions:
            function = functools.partial(self._step, key, stage)
            self._functions[key] = graphs.function(function)
        self._set_rate(kind, learning_rate(stage, step))
        seed, stop = tf.constant(seed, tf.int32), tf.constant(float(stop))
        *numbers, bad, stops = self._functions[key](batch, seed, stop).numpy().tolist()
        terms = dict(zip(self._names[key], numbers, strict=True))
        if bad:
            raise NonFiniteError(step, terms)
        return terms, stops > 0

    def state(self) -> dict[str, list[tf.Variable]]:
        """name -> list of variables: everything that training changes."""
        optimizers = {
            f"{name}_optimizer": [v.value for v in optimizer.variables]
            for name, optimizer in self.optimizers.items()
        }
        own = {"model": self.tensors, "averaged": self.averaged, **optimizers}
        return own | (self.adversary.state() if self.adversary else {})

    def arrays(self) -> dict[str, np.ndarray]:
        """The values of `state`, as the arrays of a checkpoint."""
        return checkpoints.arrays_of(self.state())

    def restore(self, arrays: Mapping[str, np.ndarray], what: str) -> None:
        """The inverse of `arrays`; `what` names the checkpoint in errors."""
        checkpoints.restore(self.state(), arrays, what)

    def swap_averaged(self) -> None:
        """Exchanges the model's weights and their averages; a second call undoes the first."""
        for variable, average in zip(self.tensors, self.averaged, strict=True):
            value = variable.numpy()
            variable.assign(average.numpy())
            average.assign(value)

    def _set_rate(self, kind, rate):
        self.optimizers[kind].learning_rate.assign(rate)
        if self.adversary:
            self.adversary.optimizer.learning_rate.assign(rate)

    def _step(self, key, stage, batch, seed, stop):
        self.traces[key] = self.traces.get(key, 0) + 1
        replica = functools.partial(self._replica_step, key, stage)
        means, sums = self.strategy.run(replica, args=(batch, seed, stop))
        means = self.strategy.reduce("MEAN", means, axis=None)
        sums = self.strategy.reduce("SUM", sums, axis=None)
        self._average(stage.trains)
        return tf.concat([means, sums], axis=0)

    def _replica_step(self, key, stage, batch, seed, stop):
        """([numbers to log], [is not finite, is asked to stop]) of one replica."""
        _, kind = key
        config = stage.loss
        if stage.alternating and kind == "all":
            config = dataclasses.replace(config, landmarks=0.0)
        variables, replica_count = _part(self.model, kind), self.strategy.num_replicas_in_sync
        critic = self.adversary.judge if self.adversary else None
        loss, numbers, drawn = self.objective(self.model, stage.trains, config, batch, seed, critic)
        gradients = replicas.sum(determinism.gradients(loss / replica_count, variables))
        norm = tf.linalg.global_norm(gradients)
        if self.train.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, self.train.clip_norm, norm)
        self.optimizers[kind].apply_gradients(zip(gradients, variables, strict=True))
        logged = {"encoder_loss" if kind == "encoder" else "loss": loss, **numbers}
        if config.adversarial:
            judged = self.adversary.learn(batch["image"], drawn, seed, replica_count)
            logged["discriminator"] = judged
        self._names[key] = [*logged]
        bad = 1.0 - tf.cast(tf.math.is_finite(norm + loss), tf.float32)
        return tf.stack([*logged.values()]), tf.stack([bad, stop])

    def _average(self, trains):
        """Moves the averages towards the weights, faster while there are few steps to average.

        The decoders' millions stand still where a stage trains the encoder alone.
        """
        steps = sum(o.iterations.value for o in self.optimizers.values())
        steps = tf.cast(steps, tf.float32)
        decay = tf.minimum(self.train.ema_decay, steps / (steps + 10.0))

        def move(average, variable):
            average.assign(decay * average + (1.0 - decay) * variable)

        moving = self.model.encoder.weights if trains == "encoder" else self.model.weights
        moving = {id(variable.value) for variable in moving}
        for variable, average in zip(self.tensors, self.averaged, strict=True):
            if id(variable) not in moving:
                continue
            self.strategy.extended.update(average, move, args=(variable,), group=False)


def _part(model, kind):
    """The variables that a kind of step trains."""
    if kind == "all":
        return model.trainable_variables
    if kind == "encoder":
        return model.encoder.trainable_variables
    decoders = model.shape_decoder, model.albedo_decoder
    return [variable for decoder in decoders for variable in decoder.trainable_variables]


class _Summed:
    """A Keras optimizer whose gradients are summed over the replicas already: it adds none up."""

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return grads_and_vars


class Adam(_Summed, keras.optimizers.Adam):
    """Adam of summed gradients."""


class SGD(_Summed, keras.optimizers.SGD):
    """Gradient descent of summed gradients."""


def optimizer(name: str, variables: Sequence[keras.Variable]) -> keras.optimizers.Optimizer:
    """A built optimizer, "adam" or "sgd", of gradients that are summed over the replicas."""
    built = Adam(beta_1=0.5) if name == "adam" else SGD()
    built.build(variables)
    return built
