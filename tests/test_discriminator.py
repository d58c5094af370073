import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.networks.discriminator import Discriminator, History

TINY = configs.tiny().model


def test_paper_discriminator_has_the_published_size():
    critic = Discriminator(configs.paper().model)
    assert sum(int(np.prod(w.shape)) for w in critic.trainable_weights) == 760_833
    assert critic.body.output_shape == (None, 14, 14, 1)
    strides = [layer.strides[0] for layer in critic.body.layers if hasattr(layer, "strides")]
    assert strides == [1, 2, 2, 2, 2, 1]
    assert "conv1_norm" not in [layer.name for layer in critic.body.layers]


def test_logits_of_a_batch():
    critic = Discriminator(TINY)
    assert critic(np.zeros([3, 32, 32, 3], np.float32)).shape == (3, 2, 2, 1)
    with pytest.raises(ValueError, match=r"`images` must have shape \[B, 32, 32, 3\]"):
        critic(np.zeros([3, 16, 16, 3], np.float32))


def test_every_weight_has_a_gradient():
    critic = Discriminator(dataclasses.replace(TINY, width=2))
    images = np.random.default_rng(0).random([2, 32, 32, 3]).astype(np.float32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(critic(images, training=True) ** 2)
    for gradient in tape.gradient(loss, [w.value for w in critic.trainable_weights]):
        assert gradient is not None and np.isfinite(gradient).all()


def pictures(*values):
    return np.ones([len(values), 4, 4, 3], np.float32) * np.reshape(values, [-1, 1, 1, 1]) / 255


def test_history_gives_old_drawings_and_forgets_the_oldest():
    history = History(3, 4)
    first = history.exchange(pictures(10, 20), seed=[0, 0])
    np.testing.assert_allclose(first, pictures(10, 20))  # nothing is known yet
    for step in range(20):
        old = history.exchange(pictures(30 + step, 60 + step), seed=[0, step])[:, 0, 0, 0] * 255
        newest_first = [60 + step - 1, 30 + step - 1, 60 + step - 2] if step > 1 else None
        if newest_first:
            assert set(np.round(old.numpy())) <= set(newest_first)
    assert int(history.count) == 42


def test_history_repeats_itself_with_the_same_seed():
    draws = []
    for _ in range(2):
        history = History(5, 4)
        history.exchange(pictures(1, 2, 3, 4, 5), seed=[0, 0])
        draws.append(history.exchange(pictures(6, 7, 8, 9, 10), seed=[7, 1]).numpy())
    np.testing.assert_array_equal(*draws)
    assert len(np.unique(draws[0])) > 1
