"""One step of training, with a small model in place of the real one."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.training import errors
from tf_nonlinear3dmm.training import step as training_step

STAGE = configs.StageConfig(steps=20, learning_rate=0.1)


class Model(keras.Model):
    """An encoder and a decoder."""

    def __init__(self):
        super().__init__()
        self.encoder = keras.Sequential(
            [keras.layers.Dense(6), keras.layers.BatchNormalization()], name="encoder"
        )
        self.decoder = keras.layers.Dense(3, name="decoder")
        self.encoder.build([None, 4])
        self.decoder.build([None, 6])
        self.built = True

    def call(self, inputs, training=False):
        return self.decoder(self.encoder(inputs, training=training))


def objective(model, trains, config, batch, seed, critic):
    """Terms of a regression; the landmark term is the first column's."""
    found = model(batch["image"], training=True)
    terms = {"shape": tf.reduce_mean((found - batch["vertices"]) ** 2)}
    if config.landmarks:
        terms["landmarks"] = tf.reduce_mean(tf.abs(found[:, 0] - batch["vertices"][:, 0]))
    return tf.add_n([*terms.values()]), terms, None


def make(**changes):
    keras.utils.set_random_seed(0)
    train = configs.TrainConfig(**{"optimizer": "sgd", **changes})
    return training_step.Updates(tf.distribute.get_strategy(), Model(), objective, train)


def batch(step=0):
    random = np.random.default_rng(step)
    image = random.normal(size=[8, 4]).astype(np.float32)
    return {"image": tf.constant(image), "vertices": tf.constant(image[:, :3] * 2 + 1)}


def weights(model):
    return [v.numpy() for v in model.trainable_variables]


def run(made, steps, stage=STAGE):
    return [made.run("pretrain", stage, step, batch(step), [0, step]) for step in steps]


def test_even_steps_train_everything_without_landmarks():
    made = make()
    before = weights(made.model)
    ((numbers, _),) = run(made, [0])
    assert {*numbers} == {"loss", "shape"} and numbers["loss"] == numbers["shape"]
    assert all((a != b).any() for a, b in zip(before, weights(made.model), strict=True))


def test_odd_steps_train_the_encoder_alone_with_landmarks():
    made = make()
    encoder, decoder = weights(made.model.encoder), weights(made.model.decoder)
    ((numbers, _),) = run(made, [1])
    assert {*numbers} == {"encoder_loss", "shape", "landmarks"}
    np.testing.assert_array_equal(decoder[0], weights(made.model.decoder)[0])
    assert (encoder[0] != weights(made.model.encoder)[0]).any()


def test_without_alternation_every_step_trains_everything_with_landmarks():
    made = make()
    before = weights(made.model)
    ((numbers, _),) = run(made, [1], dataclasses.replace(STAGE, alternating=False))
    assert {*numbers} == {"loss", "shape", "landmarks"}
    assert all((a != b).any() for a, b in zip(before, weights(made.model), strict=True))


def test_each_kind_of_step_is_traced_once():
    made = make()
    run(made, range(6))
    made.run("finetune", STAGE, 0, batch(), [0, 6])
    assert made.traces == {
        ("pretrain", "all"): 1,
        ("pretrain", "encoder"): 1,
        ("finetune", "all"): 1,
    }


def test_clipping_bounds_the_step_of_all_weights_together():
    made = make(clip_norm=0.01)
    before = weights(made.model)
    run(made, [0])
    moved = [b - a for a, b in zip(before, weights(made.model), strict=True)]
    norm = np.sqrt(sum(np.sum(m**2) for m in moved))
    np.testing.assert_allclose(norm, 0.01 * STAGE.learning_rate, rtol=1e-4)


def test_clipping_above_the_norm_changes_nothing():
    plain, clipped = make(), make(clip_norm=1e6)
    assert run(plain, range(3)) == run(clipped, range(3))
    for a, b in zip(weights(plain.model), weights(clipped.model), strict=True):
        np.testing.assert_array_equal(a, b)


def test_averaging_changes_the_averages_alone():
    none, some = (make(optimizer="adam", ema_decay=decay) for decay in (0.0, 0.9))
    assert run(none, range(3)) == run(some, range(3))
    differ = {
        name.split("/")[0]
        for name, array in none.arrays().items()
        if (array != some.arrays()[name]).any()
    }
    assert differ == {"averaged"}


def test_the_learning_rate_warms_up_and_falls():
    stage = configs.StageConfig(steps=100, learning_rate=2.0, warmup_steps=10, final_rate=0.1)
    rates = [training_step.learning_rate(stage, step) for step in (0, 4, 50, 100)]
    middle = 2.0 * (0.1 + 0.9 / 2)
    np.testing.assert_allclose(rates, [0.2, 1.0, middle, 0.2], rtol=0.01)
    made = make()
    run(made, [50], stage)
    np.testing.assert_allclose(made.optimizers["all"].learning_rate, middle, rtol=1e-6)
    assert training_step.learning_rate(configs.StageConfig(learning_rate=0.3), 700) == 0.3


def test_averages_follow_the_weights():
    made = make(ema_decay=0.5)
    average = made.averaged[0].numpy()
    for step in range(12):
        run(made, [step])
        decay = min(0.5, (step + 1) / (step + 11))
        average = decay * average + (1 - decay) * made.tensors[0].numpy()
    np.testing.assert_allclose(made.averaged[0], average, rtol=1e-5)
    none = make(ema_decay=0.0)
    run(none, [0, 1])
    for variable, average in zip(none.tensors, none.averaged, strict=True):
        np.testing.assert_array_equal(variable, average)


def test_swapping_averages_twice_changes_nothing():
    made = make()
    run(made, range(3))
    before = [v.numpy() for v in made.tensors]
    averages = [v.numpy() for v in made.averaged]
    made.swap_averaged()
    for variable, average in zip(made.tensors, averages, strict=True):
        np.testing.assert_array_equal(variable, average)
    made.swap_averaged()
    for variable, value in zip(made.tensors, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_a_restored_run_goes_on_bit_for_bit():
    whole, first, second = (make(optimizer="adam") for _ in range(3))
    numbers = run(whole, range(6))
    run(first, range(3))
    second.restore(first.arrays(), "the checkpoint")
    assert run(second, range(3, 6)) == numbers[3:]
    for name, array in whole.arrays().items():
        np.testing.assert_array_equal(array, second.arrays()[name], err_msg=name)


def test_a_checkpoint_of_another_model_is_refused():
    arrays = make().arrays()
    other = make(optimizer="adam")
    with pytest.raises(array_files.LoadError, match="the checkpoint, part `all_optimizer` has"):
        other.restore(arrays, "the checkpoint")


def test_numbers_that_are_not_finite_stop_the_step():
    made = make()
    bad = batch() | {"vertices": tf.fill([8, 3], np.nan)}
    with pytest.raises(errors.NonFiniteError) as caught:
        made.run("pretrain", STAGE, 2, bad, [0, 2])
    assert caught.value.step == 2 and np.isnan(caught.value.terms["shape"])


def test_a_request_to_stop_comes_back():
    made = make()
    assert [stop for _, stop in run(made, [0, 1])] == [False, False]
    _, stop = made.run("pretrain", STAGE, 2, batch(), [0, 2], stop=True)
    assert stop
    assert len(made.traces) == 2 and set(made.traces.values()) == {1}
