"""The 3DDFA cascade: its parameters, what it sees, its cost, and that it learns."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.baselines import threeddfa
from tf_nonlinear3dmm.networks import encoder, linear
from tf_nonlinear3dmm.rendering import camera

B, K, S = 3, 4, 24


def globe():
    """A coarse closed mesh seen from outside, as a face."""
    rings, columns = 7, 10
    polar = np.linspace(0.2, np.pi - 0.2, rings)[:, None]
    turn = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    points = [np.sin(polar) * np.sin(turn), np.cos(polar) + 0 * turn, np.sin(polar) * np.cos(turn)]
    vertices = np.stack(points, -1).reshape(-1, 3).astype(np.float32)
    ids = np.arange(rings * columns).reshape(rings, columns)
    a, b = ids[:-1], ids[1:]
    c, d = np.roll(b, -1, axis=1), np.roll(a, -1, axis=1)
    triangles = np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)], 2).reshape(-1, 3)
    landmarks = np.arange(68, dtype=np.int32) % len(vertices)
    return types.SimpleNamespace(
        mean_vertices=vertices, triangles=triangles.astype(np.int32), landmarks=landmarks
    )


@pytest.fixture(scope="module")
def cascade():
    keras.utils.set_random_seed(0)
    face = globe()
    rng = np.random.default_rng(0)
    modes = np.linalg.qr(rng.standard_normal((face.mean_vertices.size, K)))[0].T
    modes = modes.reshape(K, *face.mean_vertices.shape).astype(np.float32)
    std = np.array([1.2, 0.9, 0.7, 0.5], np.float32)
    basis = linear.Basis(1.02 * face.mean_vertices, modes, std)
    config = configs.ModelConfig(image_size=S, uv_size=(24, 28), width=4)
    mean = np.array([8, 0, 0, 12, 0, -8, 0, 12], np.float32)
    std = np.array([1, 1, 2, 1.5, 1, 1, 1, 1.5], np.float32)
    return threeddfa.Cascade(config, basis, mean, std, face, iterations=2)


def test_each_network_begins_with_what_an_encoder_sees(cascade):
    other = encoder.Encoder(cascade.config, np.zeros(8), np.ones(8))
    last = len(encoder.trunk(cascade.config)) - 1
    images = np.random.default_rng(0).random([2, S, S, 6], np.float32)
    trunk = keras.Model(other.trunk.inputs, other.trunk.layers[last].output)
    seen = trunk([images[..., :3]])
    before = [network.get_weights() for network in cascade.networks]
    cascade.begin_with(other)
    for network, weights in zip(cascade.networks, before, strict=True):
        mine = keras.Model(network.inputs, network.layers[last].output)([images])
        np.testing.assert_allclose(mine, seen, rtol=1e-4, atol=1e-5)
        network.set_weights(weights)


def draw(count, seed):
    return np.random.default_rng(seed).standard_normal((count, 8 + K)).astype(np.float32)


def test_encode_inverts_decode(cascade):
    parameters = draw(B, 1)
    labels = cascade.decode(parameters)
    np.testing.assert_allclose(cascade.encode(*labels, ridge=0.0), parameters, atol=1e-4)


def test_an_untrained_cascade_answers_the_mean(cascade):
    fit = cascade(np.zeros((B, S, S, 3), np.float32))
    mean = np.broadcast_to(cascade.mean, fit.vertices.shape)
    np.testing.assert_allclose(fit.vertices, mean, atol=1e-6)
    np.testing.assert_allclose(fit.projection[1].numpy().ravel(), cascade.projection_mean)
    points = camera.project(fit.vertices, fit.projection).numpy()
    np.testing.assert_allclose(fit.landmarks[2, 7], points[2, 7, :2], atol=1e-4)


def test_the_code_image_shows_where_each_part_of_the_face_lies(cascade):
    images = np.random.default_rng(0).random((B, S, S, 3)).astype(np.float32)
    seen = cascade.look(images, tf.zeros([B, 8 + K])).numpy()
    np.testing.assert_allclose(seen[..., :3], 2 * images - 1, atol=1e-6)
    code = (seen[0, ..., 3:] + 1) / 2
    on = code.sum(-1) > 0
    assert on[12, 12] and not on[0, 0]
    assert np.all(np.diff(code[12, on[12], 0]) > 0)  # x grows to the right
    assert np.all(np.diff(code[on[:, 12], 12, 1]) < 0)  # y falls downwards


def test_reach_is_the_motion_of_the_mesh_by_one_parameter(cascade):
    goal = draw(B, 2)
    reach = cascade.reach(goal).numpy()
    before = camera.project(*cascade.decode(goal)[::-1])[..., :2]
    for i in range(8 + K):
        step = goal.copy()
        step[:, i] -= 0.7
        after = camera.project(*cascade.decode(step)[::-1])[..., :2]
        moved = np.linalg.norm((after - before).numpy().reshape(B, -1), axis=-1)
        np.testing.assert_allclose(moved, 0.7 * reach[:, i], rtol=1e-3)


def test_cost_by_hand(cascade):
    goal = draw(1, 3)
    reach = cascade.reach(goal).numpy()[0]
    error = np.zeros(8 + K, np.float32)
    error[[2, 9]] = 0.5, -2.0
    moved = np.abs(error) * reach
    expected = np.sum(moved / moved.max() * error**2)
    np.testing.assert_allclose(cascade.cost(goal + error, goal), expected, rtol=1e-4)
    assert cascade.cost(goal, goal) == 0


def test_cost_gradient_leaves_the_weights_alone(cascade):
    goal, updated = draw(B, 4), tf.Variable(draw(B, 5))
    with tf.GradientTape() as tape:
        cost = cascade.cost(updated, goal)
    error = updated.numpy() - goal
    moved = np.abs(error) * cascade.reach(goal).numpy()
    weights = moved / moved.max(axis=1, keepdims=True)
    np.testing.assert_allclose(tape.gradient(cost, updated), 2 * weights * error / B, rtol=1e-3)


def test_networks_learn_the_pose_of_a_drawn_globe(cascade):
    goal = 0.7 * draw(48, 6)
    images = (cascade.look(np.zeros((48, S, S, 3), np.float32), goal)[..., 3:] + 1) / 2
    optimizer = keras.optimizers.Adam(3e-3)
    network = cascade.networks[0]

    @tf.function
    def step(images, goal):
        start = tf.zeros_like(goal)
        with tf.GradientTape() as tape:
            update = network(cascade.look(images, start), training=True)
            cost = cascade.cost(start + update, goal)
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(cost, variables), variables, strict=True))
        return cost

    costs = [float(step(images[i % 3 :: 3], goal[i % 3 :: 3])) for i in range(40)]
    assert np.mean(costs[-6:]) < 0.85 * np.mean(costs[:3])
    assert network.layers[0].kernel.shape[2] == 6
    one, two = cascade(images[:2], iterations=1), cascade(images[:2], iterations=2)
    np.testing.assert_allclose(one.vertices, two.vertices)  # the second is not trained yet


def test_images_of_another_size_are_refused(cascade):
    with pytest.raises(ValueError, match=r"`images` must have shape .*got \[2, 25, 24, 3\]"):
        cascade(np.zeros((2, 25, 24, 3), np.float32))
