import dataclasses
import json

import pytest

from tf_nonlinear3dmm import configs


@pytest.mark.parametrize("name", configs.PRESETS)
def test_a_preset_survives_json(name):
    config = configs.preset(name)
    assert config.preset == name
    assert configs.from_dict(json.loads(json.dumps(configs.to_dict(config)))) == config


@pytest.mark.parametrize("name", configs.PRESETS)
def test_a_preset_says_how_it_is_run(name):
    assert "nonlinear3dmm train" in configs.PRESETS[name].__doc__


def test_a_wrong_preset_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"`preset` must be one of .*did you mean `small`\? got"):
        configs.preset("smal")


def test_a_wrong_field_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="`imagesize` is not a field of ModelConfig.*`image_size`"):
        configs.from_dict({"model": {"imagesize": 5}})


@pytest.mark.parametrize(
    "kind, field, value",
    [
        (configs.ModelConfig, "plan", "ful"),
        (configs.ModelConfig, "shape_decoder", "convolution"),
        (configs.ModelConfig, "albedo_decoder", "mlp"),
        (configs.LossConfig, "form", "fixd"),
        (configs.DataConfig, "labels", "teachr"),
        (configs.TrainConfig, "optimizer", "adan"),
    ],
)
def test_a_wrong_choice_is_refused(kind, field, value):
    with pytest.raises(ValueError, match=f"`{field}` must be one of .*got '{value}'"):
        kind(**{field: value})


@pytest.mark.parametrize(
    "kind, field, value",
    [
        (configs.ModelConfig, "width", 0),
        (configs.LossConfig, "symmetry", -1.0),
        (configs.LossConfig, "shape", float("nan")),
        (configs.LossConfig, "history", 0),
        (configs.StageConfig, "steps", -1),
        (configs.StageConfig, "steps", "many"),
        (configs.StageConfig, "final_rate", 1.5),
        (configs.DataConfig, "test_examples", 0),
        (configs.DataConfig, "photometric", 2.0),
        (configs.DataConfig, "rotation_deg", -1.0),
        (configs.DataConfig, "any_rotation", 1.1),
        (configs.DataConfig, "low_resolution", 1.1),
        (configs.StageConfig, "learning_rate", float("nan")),
        (configs.StageConfig, "learning_rate", float("inf")),
        (configs.TrainConfig, "log_every", 0),
        (configs.TrainConfig, "ema_decay", 1.1),
    ],
)
def test_a_number_out_of_range_is_refused(kind, field, value):
    with pytest.raises(ValueError, match=f"`{field}` must be a number .*got {value!r}"):
        kind(**{field: value})


def test_the_paper_jitters_and_mirrors_alone():
    off = ("rotation_deg", "any_rotation", "photometric")
    off += ("patches", "blur", "noise", "low_resolution")
    for name in ("paper", "cvpr18"):
        assert not any(getattr(configs.preset(name).data, field) for field in off)
    used = {field for field in off if getattr(configs.preset("small").data, field)}
    assert used == {*off} - {"any_rotation"}


def test_a_run_without_steps_is_refused():
    with pytest.raises(ValueError, match="`steps` must not be 0 in every stage"):
        nothing = configs.StageConfig(steps=0)
        configs.Config(pretrain=nothing, finetune=nothing)


def test_stages_have_the_published_weights():
    pretrain, finetune = configs.Config().pretrain.loss, configs.Config().finetune.loss
    assert (pretrain.projection, pretrain.shape, pretrain.reconstruction) == (5, 10, 0)
    assert (finetune.projection, finetune.shape, finetune.reconstruction) == (0.5, 1, 10)
    assert (pretrain.texture, finetune.texture) == (1, 0)
    assert (pretrain.local_constancy, finetune.local_constancy) == (0, 10)
    for loss in (pretrain, finetune):
        assert (loss.symmetry, loss.constancy, loss.smoothness) == (1, 5, 1000)
        assert (loss.landmarks, loss.white_shading) == (1, 10)
        assert loss.form == "fixed"


def test_cvpr18_is_the_paper_without_light():
    paper, old = configs.paper(), configs.cvpr18()
    assert old.model == dataclasses.replace(
        paper.model, uv_size=(128, 128), shape_decoder="mlp", lighting=False
    )
    assert old.finetune.loss.adversarial > 0
    assert old.pretrain.loss.white_shading == old.finetune.loss.local_constancy == 0
