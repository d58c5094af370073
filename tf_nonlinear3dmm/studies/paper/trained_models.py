"""The models that are trained on images, by name: all alike but for what the name says."""

import dataclasses

from tf_nonlinear3dmm.configs import Config
from tf_nonlinear3dmm.studies import runs
from tf_nonlinear3dmm.studies.paper import linear_models
from tf_nonlinear3dmm.studies.study import Study, change

PRETRAIN = "-pretrain"  # at the end of a name: finetuning is left out


def methods(study: Study) -> dict[str, str | None]:
    """A method's name in the tables of alignment and reconstruction -> its run, or None."""
    size = study.code_size
    return {
        "Linear scan-200, ground truth": "linear-ground_truth-scan-200",
        "Linear scan-200, teacher": "linear-teacher-scan-200",
        "Linear oracle, ground truth": "linear-ground_truth-oracle",
        "SDM": None,
        "3DDFA": None,
        "Nonlinear, ground truth": f"nonlinear-ground_truth-{size}",
        "Nonlinear, teacher, pretrained": f"nonlinear-teacher-{size}{PRETRAIN}",
        "Nonlinear, teacher, finetuned": f"nonlinear-teacher-{size}",
    }


def configure(study: Study, name: str) -> tuple[Config, runs.Bases | None]:
    """(`Config`, bases or None) of a trained model.

    Names: `nonlinear-<labels>-<code size>`, `mlp-<labels>-<code size>`, `linear-<labels>-scan-200`,
    `linear-<labels>-oracle`; `PRETRAIN` at the end leaves finetuning out.
    """
    config = study.config
    if name.endswith(PRETRAIN):
        config, name = change(config, "finetune", steps=0), name.removesuffix(PRETRAIN)
    kind, labels, what = name.split("-", 2)
    config = change(config, "data", labels=labels)
    if labels == "teacher":
        config = change(config, "finetune", loss=_weak(config))
    if kind == "linear":
        return _linear(study, config, what)
    config = change(config, "model", shape_code_size=int(what), albedo_code_size=int(what))
    if kind == "mlp":
        config = change(config, "model", shape_decoder="mlp")
    return config, None


def _weak(config):
    """Weights of finetuning: camera and shape count a tenth of what they did, as in the paper.

    Labels that are fits of a linear model must not hold back what images teach.
    """
    before = config.pretrain.loss
    weights = dict(projection=before.projection / 10, shape=before.shape / 10)
    return dataclasses.replace(config.finetune.loss, **weights)


def _linear(study, config, source):
    """The linear 3DMM of the same encoder and losses."""
    shape, albedo = linear_models.load(study, source, study.code_size)
    face = study.face()
    decoder = dict(shape_decoder="linear", albedo_decoder="linear")
    sizes = dict(shape_code_size=len(shape.modes), albedo_code_size=len(albedo.modes))
    scale = face.shape_scale
    offsets = (shape.mean - face.mean_vertices) / scale
    return change(config, "model", **decoder, **sizes), {
        "linear_shape": dict(mean=offsets, basis=shape.modes / scale, std=shape.std),
        "linear_albedo": dict(mean=albedo.mean, basis=albedo.modes, std=albedo.std),
    }


def train(study: Study, name: str) -> bool:
    """Trains one model, or resumes it; one that was pretrained alone begins from there.

    Args:
        study: `Study`.
        name: see `configure`.

    Returns:
        Whether it is finished.
    """
    config, bases = configure(study, name)
    return runs.train(study, name, config, name + PRETRAIN, bases)
