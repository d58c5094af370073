"""Every switch of training changes what it should and nothing else: the smallest preset, whole."""

import dataclasses

import fake_faces
import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm import configs, training
from tf_nonlinear3dmm.training import assembly, log

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    fake_faces.prepare(folder)
    return configs.DataConfig(sources="fake_faces", folder=str(folder))


def tiny(data, model=(), **loss):
    """Finetuning with SGD, all in each step, and other weights of the loss."""
    made = configs.preset("tiny")
    return dataclasses.replace(
        made,
        data=data,
        model=dataclasses.replace(made.model, **dict(model)),
        pretrain=configs.StageConfig(steps=0),
        finetune=dataclasses.replace(
            made.finetune, alternating=False, loss=dataclasses.replace(made.finetune.loss, **loss)
        ),
        train=dataclasses.replace(made.train, optimizer="sgd"),
    )


class Steps:
    """The first two steps of a `Config`.

    Attributes:
        before, after: arrays of everything that training changes.
        numbers: dict for each step.
    """

    def __init__(self, config):
        batches, updates, _ = assembly.assemble(config, tf.distribute.get_strategy())
        self.before, self.numbers = updates.arrays(), []
        for step, batch in enumerate(batches["finetune"].dataset(0, 2)):
            found, _ = updates.run("finetune", config.finetune, step, batch, [0, step])
            self.numbers.append(found)
        self.after = updates.arrays()

    def moved(self, part):
        """How far the arrays of a part went, all in one."""
        names = sorted(name for name in self.before if name.startswith(f"{part}/"))
        return np.concatenate([np.ravel(np.float64(self.after[n]) - self.before[n]) for n in names])


@pytest.fixture(scope="module")
def plain(data):
    return Steps(tiny(data))


def parts(steps):
    return {name.split("/")[0] for name in steps.after}


def assert_starts_like(found, plain, but=()):
    """The same weights and, in the first step, the same value of every term that is in both."""
    for name, array in plain.before.items():
        np.testing.assert_array_equal(found.before[name], array, err_msg=name)
    for name in {*plain.numbers[0]} - {"loss", *but}:
        np.testing.assert_allclose(found.numbers[0][name], plain.numbers[0][name], rtol=1e-5)


def assert_moves_like(found, plain, alike):
    """Whether the model is trained as without the switch, to rounding."""
    difference = np.abs(found.moved("model") - plain.moved("model")).max()
    assert (difference < 1e-3 * np.abs(plain.moved("model")).max()) == alike


def test_an_adversarial_term_without_weight_trains_the_discriminator_and_not_the_model(data, plain):
    found = Steps(tiny(data, adversarial=1e-9, history=20))
    assert parts(found) - parts(plain) == {"discriminator", "discriminator_optimizer", "history"}
    assert_starts_like(found, plain)
    assert_moves_like(found, plain, alike=True)
    assert np.abs(found.moved("discriminator")).max() > 0
    assert found.after["history/0001"] == 16  # drawings of both steps
    for numbers in found.numbers:
        assert {"adversarial", "discriminator"} < {*numbers}


def test_an_adversarial_term_is_added_to_the_loss_and_trains_the_model(data, plain):
    found = Steps(tiny(data, adversarial=50.0))
    assert_starts_like(found, plain)
    assert_moves_like(found, plain, alike=False)
    first, same = found.numbers[0], plain.numbers[0]
    np.testing.assert_allclose(first["loss"], same["loss"] + 50 * first["adversarial"], rtol=1e-5)


def test_a_perceptual_term_is_added_to_the_loss_and_trains_nothing_of_its_own(
    data, plain, monkeypatch
):
    class Features:
        """A network of the user's, with random numbers of its own."""

        def __init__(self, path):
            self.kernel = tf.random.normal([3, 3, 3, 4])

        def __call__(self, images):
            return [tf.nn.conv2d(images, self.kernel, 2, "SAME")], (0.1,)

    monkeypatch.setattr(assembly, "Features", Features)
    found = Steps(tiny(data, perceptual=2.0, perceptual_weights="a file"))
    assert parts(found) == parts(plain)
    assert_starts_like(found, plain)
    assert_moves_like(found, plain, alike=False)
    first, same = found.numbers[0], plain.numbers[0]
    np.testing.assert_allclose(first["loss"], same["loss"] + 2 * first["perceptual"], rtol=1e-5)


def test_a_silhouette_gradient_changes_the_image_term_alone(data, plain):
    found = Steps(tiny(data, model={"silhouette_gradient": True}))
    assert parts(found) == parts(plain)
    assert_starts_like(found, plain, but=["reconstruction"])
    assert_moves_like(found, plain, alike=False)
    soft, hard = (steps.numbers[0]["reconstruction"] for steps in (found, plain))
    assert soft != hard and abs(soft - hard) < 0.1 * hard


@pytest.mark.parametrize("name", ["paper", "cvpr18", "cvpr19"])
def test_a_preset_trains_what_its_paper_says(data, tmp_path, name):
    """At the size of `tiny`: the same networks, terms and stages."""
    preset, small = configs.preset(name), configs.preset("tiny").model
    sizes = ("image_size", "uv_size", "width", "shape_code_size", "albedo_code_size")
    model = dataclasses.replace(preset.model, **{size: getattr(small, size) for size in sizes})
    stages = {
        name: dataclasses.replace(stage, steps=2 if name == "finetune" else 1, batch_size=4)
        for name, stage in preset.stages()
        if stage.steps
    }
    train = dataclasses.replace(preset.train, batch_size=4, log_every=1)
    config = dataclasses.replace(preset, model=model, data=data, train=train, **stages)
    assert training.train(config, tmp_path / "run").finished
    lines = [
        line for line in log.read(tmp_path / "run" / "metrics.jsonl") if line["kind"] == "training"
    ]
    for line in lines:
        encoder_alone = line["step"] == config.total_steps  # the second of its stage
        loss = getattr(config, line["stage"]).loss
        terms = {f.name for f in dataclasses.fields(loss) if f.type is float}
        wanted = {term for term in terms if getattr(loss, term)}
        without = set() if encoder_alone else {"landmarks"}
        assert {*line} & terms == wanted - without
        assert ("discriminator" in line) == bool(loss.adversarial)
    loaded, _ = training.load(tmp_path / "run")
    result = loaded(tf.zeros([2, 32, 32, 3]))
    assert (result.illumination is None) == (name == "cvpr18")
    assert type(loaded.shape_decoder).__name__ == (
        "MlpShapeDecoder" if name == "cvpr18" else "ShapeDecoder"
    )
