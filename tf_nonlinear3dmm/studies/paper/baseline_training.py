"""Training of SDM and 3DDFA, on the crops that the nonlinear model sees."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import data, metrics, weights
from tf_nonlinear3dmm.baselines import sdm, threeddfa
from tf_nonlinear3dmm.configs import Config
from tf_nonlinear3dmm.core import graphs
from tf_nonlinear3dmm.data import crop
from tf_nonlinear3dmm.studies.paper import budget, linear_models, trained_models
from tf_nonlinear3dmm.studies.study import BATCH, Study
from tf_nonlinear3dmm.training import checkpoints, log
from tf_nonlinear3dmm.training.loop import Stopper

PASSES = 2  # of SDM over the training faces, whose features it holds in memory
_SAVE_EVERY = 200  # steps
_RIDGE = 1e-4  # squared decimetres: labels are believed to a millimetre in all


def crops(study: Study, split: data.Split) -> tuple[np.ndarray, np.ndarray]:
    """uint8 evaluation crops `[N, S, S, 3]` of a split, and landmarks `[N, 68, 2]` in them."""
    size = study.config.model.image_size
    cut = crop.evaluation({name: split[name] for name in ("image", "landmarks")}, size)
    return cut["image"][split.rows], cut["landmarks"].numpy()[split.rows]


def training_crops(study: Study, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """uint8 training crops `[N, S, S, 3]` as networks see them, and landmarks `[N, 68, 2]`.

    N is `PASSES` times the training faces, each jittered, turned, mirrored and degraded anew.
    """
    batches, _ = data.open_training(config, study.face())
    batches = batches.select("image", "landmarks", batch_size=BATCH)
    count = PASSES * len(batches.sources[0])
    images, landmarks = [], []
    for batch in batches.dataset(0, -(-count // BATCH)):
        images.append(np.round(255 * batch["image"]).astype(np.uint8))
        landmarks.append(batch["landmarks"].numpy())
    return np.concatenate(images)[:count], np.concatenate(landmarks)[:count]


def train_sdm(study: Study, run: str, say: Callable[[str], None] = print) -> None:
    """Learns the cascade of regressions from the training crops; writes `<run>.npz`."""

    def report(stage, distance):
        say(f"sdm stage {stage + 1}: mean distance {100 * distance:.2f} % of the image")

    config = trained_models.named(study, run)
    images, landmarks = training_crops(study, config)
    settings = dataclasses.replace(study.descent, seed=config.train.seed)
    sdm.save(sdm.train(images, landmarks, settings, report), study.file(f"{run}.npz"))


def load_sdm(study: Study, run: str) -> sdm.Model:
    """The trained cascade of regressions."""
    return sdm.load(study.file(f"{run}.npz"))


def _make_cascade(study: Study, statistics: tuple[np.ndarray, np.ndarray]) -> threeddfa.Cascade:
    """An untrained 3DDFA on the linear model of 200 scans."""
    shape, _ = linear_models.load(study, "scan-200", study.code_size)
    return threeddfa.Cascade(
        study.config.model, shape, *statistics, study.face(), iterations=study.cascade
    )


def train_threeddfa(study: Study, run: str, say: Callable[[str], None] = print) -> bool:
    """Trains 3DDFA, network after network, or resumes it; whether it is finished.

    Each network takes as many images as the nonlinear model.
    """
    config, folder = trained_models.named(study, run), study.run(run)
    batches, statistics = data.open_training(config, study.face())
    batches = batches.select(
        "image", "projection", "vertices", batch_size=budget.batch_size(config)
    )
    keras.utils.set_random_seed(config.train.seed)
    cascade = _make_cascade(study, statistics)
    store = checkpoints.Checkpoints(folder, keep=2)
    trainer = _Trainer(cascade, config)
    steps_each = budget.steps(config)
    total = steps_each * len(cascade.networks)
    checkpoint, step = store.load_latest(), 0
    if checkpoint:
        step = checkpoint[1]["step"]
        checkpoints.restore(trainer.state(), checkpoint[0], "3DDFA checkpoint")
    elif config.train.trunk:
        cascade.begin_with(weights.load(weights.named(config.train.trunk)).encoder)
    with Stopper() as stopper, contextlib.closing(log.Files(folder, step)) as files:
        for batch in batches.dataset(step, total):
            number = step // steps_each
            cost = trainer.step(number, batch)
            if not np.isfinite(cost):
                raise FloatingPointError(f"3DDFA, step {step}: the cost is not finite")
            step += 1
            if step % config.train.validate_every == 0 or step % steps_each == 0:
                errors = _validate(study, cascade, number + 1)
                files.line(step, _network(number + 1), errors, "validation")
            if step % _SAVE_EVERY == 0 or step == total or stopper.requested:
                say(f"3ddfa step {step}/{total}, {_network(number + 1)}: cost {cost:.3f}")
                files.sync()
                store.save(step, checkpoints.arrays_of(trainer.state()), {"step": step})
            if stopper.requested:
                break
    return step == total


def _network(number):
    return f"network {number}"


def _validate(study, cascade, networks):
    """The validation errors of the first `networks`, named as those of the other models."""
    split, face, errors = study.split("validation"), study.face(), {"nme": [], "vertices": []}
    exists = (face.landmarks >= 0).astype(np.float32)
    call = graphs.function(
        lambda images: cascade(images, iterations=networks), reduce_retracing=True
    )
    for batch in data.in_order(split, cascade.config.image_size, BATCH, ["vertices"]):
        fit = call(batch["image"])
        errors["nme"].append(metrics.nme(fit.landmarks, batch["landmarks"], exists).numpy())
        vertices = fit.vertices.numpy(), batch["vertices"].numpy()
        errors["vertices"].append(metrics.skin_error(face, *vertices)[0])
    return {name: float(np.mean(np.concatenate(values))) for name, values in errors.items()}


def threeddfa_curves(study: Study, run: str) -> dict[str, budget.Curve]:
    """Network -> its validation errors by images, of those that have been validated."""
    config = trained_models.named(study, run)
    lines, steps = log.read(study.run(run) / "metrics.jsonl"), budget.steps(config)
    curves: dict[str, budget.Curve] = {}
    for i in range(study.cascade):
        size, errors = budget.batch_size(config), budget.validations(lines, _network(i + 1))
        curves[_network(i + 1)] = [((step - i * steps) * size, error) for step, error in errors]
    return curves


def load_threeddfa(study: Study, run: str) -> threeddfa.Cascade:
    """The trained cascade."""
    cascade = _make_cascade(study, (np.zeros(8), np.ones(8)))
    checkpoint = checkpoints.Checkpoints(study.run(run), keep=2).load_latest()
    if checkpoint is None:
        raise FileNotFoundError(f"{study.run(run)}: 3DDFA is not trained yet")
    state = _Trainer(cascade, study.config).state()
    checkpoints.restore(state, checkpoint[0], "3DDFA checkpoint")
    return cascade


class _Trainer:
    """An optimizer for each network, and what a checkpoint holds."""

    def __init__(self, cascade, config):
        self.cascade = cascade
        self.optimizers, self.functions = [], {}
        rate = keras.optimizers.schedules.CosineDecay(
            budget.first_stage(config).learning_rate, budget.steps(config)
        )
        for network in cascade.networks:
            optimizer = keras.optimizers.Adam(rate, beta_1=0.5)
            optimizer.build(network.trainable_variables)
            self.optimizers.append(optimizer)

    def step(self, number, batch):
        """One step of network `number`; the cost."""
        if number not in self.functions:
            self.functions[number] = graphs.function(functools.partial(self._step, number))
        labels = batch["image"], batch["projection"], batch["vertices"]
        return float(self.functions[number](*labels))

    def _step(self, number, images, projection, vertices):
        cascade, network = self.cascade, self.cascade.networks[number]
        goal = cascade.encode(projection, vertices, _RIDGE)
        before = tf.stop_gradient(cascade.fit(images, number))
        inputs = cascade.look(images, before)
        with tf.GradientTape() as tape:
            cost = cascade.cost(before + network(inputs, training=True), goal)
        variables = network.trainable_variables
        gradients = tape.gradient(cost, variables)
        self.optimizers[number].apply_gradients(zip(gradients, variables, strict=True))
        return cost

    def state(self):
        state = {"model": [v.value for v in self.cascade.weights if "float" in v.dtype]}
        for i, optimizer in enumerate(self.optimizers):
            state[f"optimizer{i}"] = [v.value for v in optimizer.variables]
        return state
