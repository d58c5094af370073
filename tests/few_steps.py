"""Run as a program: a few steps of SGD on random labels; writes the weights and losses to a file.

python tests/few_steps.py PRESET STEPS REPLICAS OUT.npz

PRESET+soft is the preset with antialiased silhouettes.
"""

import dataclasses
import sys

import keras
import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import configs, losses, model
from tf_nonlinear3dmm.core import determinism

BATCH = 8


def examples(config, face, seed=0):
    """A batch of noise with labels, some of them absent."""
    rng = np.random.default_rng(seed)
    size, (height, width) = config.image_size, config.uv_size
    labels = ("face_mask", "landmarks", "projection", "vertices", "texture")
    batch = {
        "image": rng.random([BATCH, size, size, 3]),
        "face_mask": rng.random([BATCH, size, size, 1]).round(),
        "landmarks": rng.random([BATCH, 68, 2]) * size,
        "projection": mean_projection(size).reshape(2, 4) + rng.normal(size=[BATCH, 2, 4]),
        "vertices": face.mean_vertices + 0.1 * rng.normal(size=[BATCH, 1, 3]),
        "texture": rng.random([BATCH, height, width, 3]),
        "texture_mask": rng.random([BATCH, height, width, 1]).round(),
    }
    known = {f"has_{label}": rng.random(BATCH) > 0.3 for label in (*labels, "albedo")}
    batch["albedo"] = rng.random([BATCH, height, width, 3])
    return {name: values.astype(np.float32) for name, values in batch.items()} | known


def mean_projection(size):
    return np.array([size / 3, 0, 0, size / 2, 0, -size / 3, 0, size / 2], np.float32)


def run(preset, steps, strategy):
    """Trains; returns (losses, weights)."""
    config = configs.preset(preset.removesuffix("+soft"))
    soft = dataclasses.replace(config.model, silhouette_gradient=preset.endswith("+soft"))
    config = dataclasses.replace(config, model=soft)
    weights = config.finetune.loss
    keras.utils.set_random_seed(1)
    with strategy.scope():
        size = config.model.image_size
        net = model.Nonlinear3DMM(config.model, mean_projection(size), np.full(8, size / 50))
        # At a larger rate rounding grows: an image jumps where a pixel changes its triangle.
        optimizer = keras.optimizers.SGD(1e-4)
        optimizer.build(net.trainable_variables)
    constants = losses.constants(net.face, net.uv_layout, net.encoder.projection_std, size)
    batch = tf.data.Dataset.from_tensors(examples(config.model, net.face)).unbatch()
    batch = batch.batch(BATCH, drop_remainder=True)
    batch = next(iter(strategy.experimental_distribute_dataset(batch)))

    def replica_step(batch, step):
        reconstruction = net(batch["image"], training=True)
        loss, _ = losses.total(weights, reconstruction, batch, constants, [0, step])
        share = loss / strategy.num_replicas_in_sync
        gradients = determinism.gradients(share, net.trainable_variables)
        optimizer.apply_gradients(zip(gradients, net.trainable_variables, strict=True))
        return loss

    @tf.function(autograph=False)
    def step(batch, number):
        found = strategy.run(replica_step, args=(batch, number))
        return strategy.reduce("MEAN", found, axis=None)

    found = [step(batch, tf.constant(number)).numpy() for number in range(steps)]
    return np.array(found), [w.numpy() for w in net.weights]


def main(preset, steps, replicas, out):
    if replicas > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * replicas
        )
        strategy = tf.distribute.MirroredStrategy(
            [f"CPU:{i}" for i in range(replicas)],
            cross_device_ops=tf.distribute.ReductionToOneDevice(),
        )
    else:
        strategy = tf.distribute.get_strategy()
    determinism.enable()
    found, weights = run(preset, steps, strategy)
    np.savez(out, losses=found, **{f"{i:04d}": w for i, w in enumerate(weights)})


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
