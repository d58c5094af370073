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

STEPS = 20


def main(data, strategy, devices, out):
    cpu = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * int(devices)
    tf.config.set_logical_device_configuration(cpu, parts)
    keras.utils.set_random_seed(0)
    tiny = configs.preset("tiny")
    # Every term is on; adding light to the start gives all of them something to do.
    weights = dataclasses.replace(tiny.finetune.loss, texture=1.0)
    config = dataclasses.replace(
        tiny,
        pretrain=dataclasses.replace(tiny.pretrain, steps=STEPS, learning_rate=1e-3, loss=weights),
        data=dataclasses.replace(tiny.data, sources="fake_faces", folder=data),
        train=dataclasses.replace(tiny.train, optimizer="sgd", clip_norm=5.0),
    )
    batches, updates, _ = assembly.assemble(config, strategies.create(strategy))
    assert updates.strategy.num_replicas_in_sync == max(int(devices), 2 * (strategy[:2] == "mu"))
    numbers = []
    for step, batch in enumerate(loop.distribute(updates.strategy, batches, 0, STEPS)):
        found, _ = updates.run("pretrain", config.pretrain, step, batch, [0, step])
        numbers.append([found["shape"], found["reconstruction"], found["constancy"]])
    np.savez(out, numbers=numbers, **updates.arrays())
    assert updates.traces == {("pretrain", "all"): 1, ("pretrain", "encoder"): 1}


if __name__ == "__main__":
    main(*sys.argv[1:])
