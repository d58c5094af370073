"""Small meshes for the tests of the renderer, and finite differences."""

import types

import numpy as np
import tensorflow as tf


def soup(seed, batch, vertices, triangles, image_size, dtype=np.float64):
    """Random points `[B, V, 3]` in and around an image, and random triangles `[T, 3]`."""
    rng = np.random.default_rng(seed)
    height, width = image_size
    reach = np.array([width, height, 10.0])
    points = rng.uniform(-0.3, 1.3, [batch, vertices, 3]) * reach
    corners = np.array([rng.permutation(vertices)[:3] for _ in range(triangles)], np.int32)
    return points.astype(dtype), corners


def patch(rows=4, columns=5, seed=0):
    """A bumpy open patch that faces z: like a `FaceModel`, its layout covers the whole map."""
    rng = np.random.default_rng(seed)
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    x, y = 2 * u - 1, 1 - 2 * v
    z = 0.5 - 0.3 * (x * x + y * y) + 0.05 * rng.normal(size=x.shape)
    inner = (u > 0) & (u < 1) & (v > 0) & (v < 1)
    u, v = (k + inner * rng.uniform(-0.08, 0.08, k.shape) for k in (u, v))
    first = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    below = first + columns
    triangles = [[first, below, below + 1], [first, below + 1, first + 1]]
    triangles = np.concatenate([np.stack(t, axis=1) for t in triangles]).astype(np.int32)
    return types.SimpleNamespace(
        mean_vertices=np.stack([x, y, z], axis=-1).reshape(-1, 3),
        triangles=triangles,
        normal_triangles=np.ones(len(triangles), bool),
        uv=np.stack([u, v], axis=-1).reshape(-1, 2).astype(np.float32),
    )


def check_gradient(function, *inputs, tolerance=1e-6, delta=1e-6):
    """A random sum of what `function` returns: exact gradients against finite differences."""
    weights = {}

    @tf.function
    def weighed(*inputs):
        found = tf.nest.flatten(function(*inputs))
        for i, part in enumerate(found):
            weights.setdefault(i, np.random.default_rng(i).normal(size=part.shape))
        return tf.add_n([tf.reduce_sum(weights[i] * part) for i, part in enumerate(found)])

    exact, numeric = tf.test.compute_gradient(weighed, inputs, delta=delta)
    for one, other in zip(exact, numeric, strict=True):
        assert np.any(one != 0), "nothing reaches an input"
        np.testing.assert_allclose(one, other, atol=tolerance * max(1, np.abs(other).max()))


def gradients(function, *inputs):
    """Gradients of the sum of all that `function` returns."""
    inputs = [tf.constant(i) for i in inputs]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        total = tf.add_n([tf.reduce_sum(part) for part in tf.nest.flatten(function(*inputs))])
    return [g.numpy() for g in tape.gradient(total, inputs)]
