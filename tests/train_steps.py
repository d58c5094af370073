"""Trains a few steps with SGD and saves the weights: `train_steps.py DATA STRATEGY DEVICES OUT`.

A program of its own, because the number of devices is fixed when TensorFlow starts.
"""

import dataclasses
import sys

import keras
import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.training import assembly, loop, strategies

STEPS, RATE, CLIP = 20, 1e-3, 5.0


def main(data, strategy, devices, out):
    cpu = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * int(devices)
    tf.config.set_logical_device_configuration(cpu, parts)
    keras.utils.set_random_seed(0)
    tiny = configs.preset("tiny")
    weights = dataclasses.replace(tiny.finetune.loss, texture=1.0, tone=1.0)  # every term is on
    config = dataclasses.replace(
        tiny,
        pretrain=dataclasses.replace(tiny.pretrain, steps=STEPS, learning_rate=RATE, loss=weights),
        data=dataclasses.replace(tiny.data, sources="fake_faces", folder=data),
        train=dataclasses.replace(tiny.train, optimizer="sgd", clip_norm=CLIP),
    )
    batches, updates, _ = assembly.assemble(config, strategies.create(strategy))
    assert updates.strategy.num_replicas_in_sync == max(int(devices), 2 * (strategy[:2] == "mu"))
    variables, numbers = updates.model.trainable_variables, []
    before = [v.numpy() for v in variables]
    for step, batch in enumerate(loop.distribute(updates.strategy, batches["pretrain"], 0, STEPS)):
        found, _ = updates.run("pretrain", config.pretrain, step, batch, [0, step])
        numbers.append([found["shape"], found["reconstruction"], found["constancy"]])
        if step == 0:  # the gradient of all replicas was longer than this, and clipped to it
            moved = [a - b.numpy() for a, b in zip(before, variables, strict=True)]
            norm = np.sqrt(sum(np.sum(m.astype(np.float64) ** 2) for m in moved))
            np.testing.assert_allclose(norm, RATE * CLIP, rtol=0.02)
    np.savez(out, numbers=numbers, **updates.arrays())
    assert updates.traces == {("pretrain", "all"): 1, ("pretrain", "encoder"): 1}


if __name__ == "__main__":
    main(*sys.argv[1:])
