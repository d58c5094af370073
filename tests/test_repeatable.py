"""Two processes agree to the last bit, two replicas with one to rounding."""

import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm.core import determinism

PROGRAM = pathlib.Path(__file__).parent / "few_steps.py"


def train(out, preset, steps, replicas=1):
    command = [sys.executable, str(PROGRAM), preset, str(steps), str(replicas), str(out)]
    return subprocess.Popen(command, cwd=PROGRAM.parents[1], stderr=subprocess.DEVNULL)


def results(*runs):
    for process, _ in runs:
        assert process.wait() == 0
    return [dict(np.load(out)) for _, out in runs]


def assert_identical(first, second):
    assert first.keys() == second.keys()
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])


@pytest.mark.slow
def test_two_processes_are_identical_after_20_steps(tmp_path):
    # At the same time, so that each disturbs the other's threads.
    paths = [tmp_path / "a.npz", tmp_path / "b.npz"]
    assert_identical(*results(*[(train(path, "small", 20), path) for path in paths]))


@pytest.mark.slow
def test_antialiased_silhouettes_are_identical_and_two_replicas_one(tmp_path):
    # Rounding moves outlines across pixel centres, where the gradient of soft ones is not smooth.
    runs = [(tmp_path / f"{i}.npz", replicas) for i, replicas in enumerate((1, 1, 2))]
    one, again, two = results(*[(train(path, "tiny+soft", 20, n), path) for path, n in runs])
    assert_identical(one, again)
    for name, values in one.items():
        np.testing.assert_allclose(values, two[name], rtol=1e-5, atol=1e-4)


def test_gradients_are_added_in_pairs():
    layers = [keras.layers.Dense(3) for _ in range(5)]
    trunk = keras.layers.Dense(4)
    trunk.build([None, 2])
    unused = keras.layers.Dense(2)
    unused.build([None, 2])
    for layer in layers:
        layer.build([None, 4])
    variables = [*trunk.trainable_variables, *unused.trainable_variables]

    def loss(x):
        features = tf.tanh(trunk(x))
        return tf.reduce_sum(tf.stack([tf.reduce_sum(layer(features) ** 2) for layer in layers]))

    step = tf.function(lambda x: determinism.gradients(loss(x), variables))
    x = tf.random.stateless_normal([7, 2], [0, 0])
    graph = step.get_concrete_function(x).graph.as_graph_def()
    sums = [len(node.input) for node in graph.node if node.op == "AddN"]
    assert sums and set(sums) == {2}
    with tf.GradientTape() as tape:
        value = loss(x)
    expected = tape.gradient(value, [v.value for v in trunk.trainable_variables])
    for found, wanted in zip(step(x), [*expected, 0, 0], strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5)
