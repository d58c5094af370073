"""Training of SDM and 3DDFA, on the data of the nonlinear model."""

import functools
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import data
from tf_nonlinear3dmm.baselines import sdm, threeddfa
from tf_nonlinear3dmm.core import graphs
from tf_nonlinear3dmm.data import augment, crop
from tf_nonlinear3dmm.studies.paper import linear_models
from tf_nonlinear3dmm.studies.study import Study
from tf_nonlinear3dmm.training import checkpoints
from tf_nonlinear3dmm.training.loop import Stopper, stages

_SAVE_EVERY = 200  # steps
_RIDGE = 1e-4  # squared decimetres: labels are believed to a millimetre in all


def crops(study: Study, split: data.Split) -> tuple[np.ndarray, np.ndarray]:
    """uint8 evaluation crops `[N, S, S, 3]` of a split, and landmarks `[N, 68, 2]` in them."""
    size = study.config.model.image_size
    cut = crop.evaluation({name: split[name] for name in ("image", "landmarks")}, size)
    return cut["image"][split.rows], cut["landmarks"].numpy()[split.rows]


def mirrored(images: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images `[N, S, S, 3]` and landmarks `[N, 68, 2]`, and after them their mirror images."""
    flipped = landmarks[:, augment.LANDMARK_MIRROR] * np.array([-1, 1], np.float32)
    flipped[..., 0] += images.shape[2] - 1
    return np.concatenate([images, images[:, :, ::-1]]), np.concatenate([landmarks, flipped])


def train_sdm(study: Study, say: Callable[[str], None] = print) -> None:
    """Learns the cascade of regressions from the training split and its mirror; writes sdm.npz."""

    def report(stage, distance):
        say(f"sdm stage {stage + 1}: mean distance {100 * distance:.2f} % of the image")

    images, landmarks = mirrored(*crops(study, study.split("train")))
    sdm.save(sdm.train(images, landmarks, study.descent, report), study.file("sdm.npz"))


def _make_cascade(study: Study, statistics: tuple[np.ndarray, np.ndarray]) -> threeddfa.Cascade:
    """An untrained 3DDFA on the linear model of 200 scans."""
    shape, _ = linear_models.load(study, "scan-200", study.code_size)
    return threeddfa.Cascade(
        study.config.model, shape, *statistics, study.face(), iterations=study.cascade
    )


def train_threeddfa(study: Study, say: Callable[[str], None] = print) -> bool:
    """Trains 3DDFA, network after network, or resumes it; whether it is finished.

    Each network takes as many steps as the nonlinear model.
    """
    config, folder = study.config, study.folder / "threeddfa"
    batches, statistics = data.open_training(config, study.face())
    keras.utils.set_random_seed(config.train.seed)
    cascade = _make_cascade(study, statistics)
    store = checkpoints.Checkpoints(folder, keep=2)
    trainer = _Trainer(cascade, config)
    steps_each = stages(config)[-1][-1]
    total = steps_each * len(cascade.networks)
    checkpoint, step = store.load_latest(), 0
    if checkpoint:
        step = checkpoint[1]["step"]
        checkpoints.restore(trainer.state(), checkpoint[0], "3DDFA checkpoint")
    with Stopper() as stopper:
        for batch in batches.dataset(step, total):
            number = step // steps_each
            cost = trainer.step(number, batch)
            if not np.isfinite(cost):
                raise FloatingPointError(f"3DDFA, step {step}: the cost is not finite")
            step += 1
            if step % _SAVE_EVERY == 0 or step == total or stopper.requested:
                say(f"3ddfa step {step}/{total}, network {number + 1}: cost {cost:.3f}")
                store.save(step, checkpoints.arrays_of(trainer.state()), {"step": step})
            if stopper.requested:
                break
    return step == total


def load_threeddfa(study: Study) -> threeddfa.Cascade:
    """The trained cascade."""
    cascade = _make_cascade(study, (np.zeros(8), np.ones(8)))
    checkpoint = checkpoints.Checkpoints(study.folder / "threeddfa", keep=2).load_latest()
    if checkpoint is None:
        raise FileNotFoundError(f"{study.folder / 'threeddfa'}: 3DDFA is not trained yet")
    state = _Trainer(cascade, study.config).state()
    checkpoints.restore(state, checkpoint[0], "3DDFA checkpoint")
    return cascade


class _Trainer:
    """An optimizer for each network, and what a checkpoint holds."""

    def __init__(self, cascade, config):
        self.cascade = cascade
        self.optimizers, self.functions = [], {}
        steps = stages(config)[-1][-1]
        rate = keras.optimizers.schedules.CosineDecay(config.pretrain.learning_rate, steps)
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
