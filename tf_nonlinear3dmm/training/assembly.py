"""The parts of a run, made from its configuration."""

import keras

from tf_nonlinear3dmm import data, losses
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.networks.perceptual import Features
from tf_nonlinear3dmm.rendering import uv_layout
from tf_nonlinear3dmm.training.adversary import Adversary
from tf_nonlinear3dmm.training.objective import Objective
from tf_nonlinear3dmm.training.updates import Updates
from tf_nonlinear3dmm.training.validation import Validation


class RunError(Exception):
    """The run cannot start or go on as asked; nothing was changed."""


def assemble(config, strategy, bases=None):
    """(batches, `Updates`, `Validation`) of a `Config`; data sets are prepared first.

    Batches are a dict: name of a stage -> `data.Batches`, for every stage that has steps.

    Args:
        config: `Config`.
        strategy: `tf.distribute.Strategy`.
        bases: dict of `linear_shape` and `linear_albedo`, where the decoders are linear.

    Raises:
        RunError: a face model, data set or file of weights is missing or does not fit.
    """
    stages = [(name, stage) for name, stage in config.stages() if stage.steps]
    terms = [stage.loss for _, stage in stages]
    try:
        face = FaceModel.load(config.model.face_model)
        data.prepare(config)
        batches, statistics = data.open_training(config, face)
        split = data.open_split(data.requests(config)[0][0], config, "validation")
        with strategy.scope():
            features = _features(terms)
    except (ValueError, FileNotFoundError) as error:
        raise RunError(str(error)) from error
    layout = uv_layout.build(face, config.model.uv_size)
    constants = losses.constants(face, layout, statistics[1], config.model.image_size)
    objective = Objective(constants, features)

    def model():
        keras.utils.set_random_seed(config.train.seed)  # whatever was made before
        return Nonlinear3DMM(config.model, *statistics, face=face, **(bases or {}))

    history = max([term.history for term in terms if term.adversarial], default=0)

    def adversary(optimizer):
        return Adversary(config.model, history, optimizer)

    kinds = {"all", "encoder", *(stage.trains for _, stage in stages)}
    make_adversary = adversary if history else None
    updates = Updates(strategy, model, objective, config.train, make_adversary, kinds)
    batches = {name: _stage_batches(batches, config, stage) for name, stage in stages}
    return batches, updates, Validation(updates.model, face, layout, split, config)


def _stage_batches(batches, config, stage):
    """The batches of a stage: as many examples, and as much of each, as it needs."""
    features = {
        "encoder": ("image", "landmarks", "projection", "vertices", "albedo"),
        "decoders": ("vertices", "albedo"),
    }.get(stage.trains, batches.features)
    if stage.loss.albedo and "albedo" not in features:
        features = (*features, "albedo")
    if stage.loss.texture and "texture" not in features:
        features = (*features, "texture", "texture_mask")
    return batches.select(*features, batch_size=config.batch_size(stage))


def _features(terms):
    """`perceptual.Features` where a stage has the perceptual term, else None."""
    paths = sorted({term.perceptual_weights for term in terms if term.perceptual})
    if len(paths) > 1:
        raise ValueError(f"both stages must have the same `perceptual_weights`, got {paths}")
    return Features(paths[0]) if paths else None
