"""The parts of a run, made from its configuration, and the weights before its first step."""

import functools

import keras
import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import data, losses, weights
from tf_nonlinear3dmm.configs import Config
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.networks.perceptual import Features
from tf_nonlinear3dmm.training import objective, step
from tf_nonlinear3dmm.training.errors import RunError
from tf_nonlinear3dmm.training.validation import Validation

_MOST_LABELS = 2048  # that give principal components: these hardly change with more
CHUNK = 256  # labels that are read at once


def assemble(
    config: Config,
    strategy: tf.distribute.Strategy,
    bases: dict[str, dict[str, np.ndarray]] | None = None,
) -> tuple[dict[str, data.Batches], step.Updates, Validation]:
    """(batches, `Updates`, `Validation`) of a `Config`; data sets are prepared first.

    Batches are a dict: name of a stage -> `data.Batches`, for every stage that has steps.

    Args:
        config: `Config`.
        strategy: `tf.distribute.Strategy`.
        bases: dict of `linear_shape` and `linear_albedo`, where the decoders are linear.

    Raises:
        RunError: a face model, data set or file of weights is missing or does not fit.
    """
    stages = {name: stage for name, stage in config.stages() if stage.steps}
    try:
        face = FaceModel.load(config.model.face_model)
        data.prepare(config)
        all_batches, (mean, std) = data.open_training(config, face)
        split = data.open_first(config, "validation")
        with strategy.scope():
            features = _perceptual_features(stages)
    except (ValueError, FileNotFoundError) as error:
        raise RunError(str(error)) from error
    with strategy.scope():
        keras.utils.set_random_seed(config.train.seed)  # whatever drew numbers before
        model = Nonlinear3DMM(config.model, mean, std, face=face, **(bases or {}))
        adversary = _adversary(config, stages)
    constants = losses.constants(face, model.uv_layout, std, config.model.image_size)
    updates = step.Updates(
        strategy,
        model,
        objective.Objective(constants, features),
        config.train,
        adversary,
        kinds={"all", "encoder", *(stage.trains for stage in stages.values())},
    )
    batches = {
        name: all_batches.select(*objective.features(stage), batch_size=config.batch_size(stage))
        for name, stage in stages.items()
    }
    return batches, updates, Validation(model, face, model.uv_layout, split, config)


def _perceptual_features(stages):
    """`perceptual.Features` where a stage has the perceptual term, else None."""
    terms = [stage.loss for stage in stages.values()]
    paths = sorted({term.perceptual_weights for term in terms if term.perceptual})
    if len(paths) > 1:
        raise ValueError(f"both stages must have the same `perceptual_weights`, got {paths}")
    return Features(paths[0]) if paths else None


def _adversary(config, stages):
    """`objective.Adversary` where a stage has the adversarial term, else None."""
    histories = [stage.loss.history for stage in stages.values() if stage.loss.adversarial]
    if not histories:
        return None
    optimizer = functools.partial(step.optimizer, config.train.optimizer)
    return objective.Adversary(config.model, max(histories), optimizer)


def set_first_weights(
    config: Config, updates: step.Updates, batches: dict[str, data.Batches]
) -> None:
    """Gives a new run the weights of `init` and `trunk`, or its decoders what the labels tell.

    Raises:
        RunError: there are no such weights or labels, or the weights are of another encoder.
    """
    try:
        if config.train.init:
            weights.copy(weights.named(config.train.init), updates.model)
        elif config.model.linear_part:
            source = next(iter(batches.values())).sources[0]
            _set_linear_parts(updates.model, source)
        if config.train.trunk:
            other = weights.load(weights.named(config.train.trunk))
            updates.model.encoder.begin_with(other.encoder)
    except (ValueError, FileNotFoundError) as error:
        raise RunError(str(error)) from None
    for average, value in zip(updates.averaged, updates.tensors, strict=True):
        average.assign(value.numpy())


def _set_linear_parts(model, source):
    """Sets the linear parts of both decoders: the principal components of the training labels.

    Args:
        model: `Nonlinear3DMM` with `config.linear_part`.
        source: `data.Source` with vertices and albedo.

    Raises:
        ValueError: no record has both labels; names the data set.
    """
    features = ("vertices", "albedo")
    source.prepare(features)
    positions = np.arange(min(len(source), _MOST_LABELS))
    offsets, albedos = [], []
    for start in range(0, len(positions), CHUNK):
        batch = source.read(positions[start : start + CHUNK], features)
        known = batch["has_vertices"] & batch["has_albedo"]
        vertices = tf.constant(batch["vertices"][known])
        offsets.append(model.offset_maps(vertices).numpy())
        albedos.append(batch["albedo"][known].astype(np.float32) / 255)
    offsets, albedos = np.concatenate(offsets), np.concatenate(albedos)
    if len(offsets) < 2:
        raise ValueError(
            f"{source.split.builder.data_path}: `linear_part` needs records with the labels "
            f"`vertices` and `albedo`, got {len(offsets)} among the first {len(positions)}"
        )
    model.shape_decoder.set_linear_part(offsets)
    model.albedo_decoder.set_linear_part(albedos)
