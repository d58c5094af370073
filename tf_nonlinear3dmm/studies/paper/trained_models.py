"""Everything that is trained on images, by name: all alike but for what the name says."""

import dataclasses

from tf_nonlinear3dmm.configs import Config, LossConfig, with_proxies
from tf_nonlinear3dmm.networks import linear
from tf_nonlinear3dmm.studies import runs
from tf_nonlinear3dmm.studies.paper import linear_models, weak_labels
from tf_nonlinear3dmm.studies.study import Study, change

PRETRAIN = "-pretrain"  # at the end of a name: finetuning is left out
SEED = "-seed"  # and then a number: another training of the same
SDM, THREEDDFA = "SDM", "3DDFA"
# The rows of the paper's table, all trained on the same labels, `Study.seeds` times.
NONLINEAR = "Nonlinear, ground truth"
HEADLINE = ("Linear scan-200, ground truth", SDM, THREEDDFA, NONLINEAR)
CVPR19 = "CVPR 2019, teacher"  # the third model of the authors
_LABELLED = ("projection", "reprojection", "shape", "albedo")  # terms of labels from 3D


def methods(code_size: int) -> dict[str, str]:
    """A method's name in the tables of alignment and reconstruction -> its first run."""
    return {
        "Linear scan-200, ground truth": "linear-ground_truth-scan-200",
        "Linear scan-200, teacher": "linear-teacher-scan-200",
        "Linear oracle, ground truth": "linear-ground_truth-oracle",
        SDM: SDM,
        THREEDDFA: THREEDDFA,
        NONLINEAR: f"nonlinear-ground_truth-{code_size}",
        "Nonlinear, teacher, pretrained": f"nonlinear-teacher-{code_size}{PRETRAIN}",
        "Nonlinear, teacher, finetuned": f"nonlinear-teacher-{code_size}",
        CVPR19: f"cvpr19-teacher-{code_size}",
    }


def runs_of(study: Study) -> dict[str, list[str]]:
    """A method -> its runs, one per seed; CVPR 2019 only where `image_labels` are the teacher's."""
    names = methods(study.code_size)
    if study.image_labels != "teacher":
        del names[CVPR19]
    seeds = [f"{SEED}{k}" for k in range(1, study.seeds)]
    return {
        method: [run, *(run + seed for seed in (seeds if method in HEADLINE else []))]
        for method, run in names.items()
    }


def of_size(study: Study, decoders: str, size: int) -> str:
    """The run of a code size that learned from `image_labels`, then images.

    Its decoders are "conv", "mlp" or "cvpr19".
    """
    kind = "nonlinear" if decoders == "conv" else decoders
    return f"{kind}-{study.image_labels}-{size}"


def configure(study: Study, name: str) -> tuple[Config, runs.Bases | None]:
    """(`Config`, bases or None) of what is trained.

    Names: `nonlinear-<labels>-<code size>`, `mlp-` and `cvpr19-` likewise,
    `linear-<labels>-scan-200`, `linear-<labels>-oracle`, `SDM`, `3DDFA`; `PRETRAIN` at the end
    leaves finetuning out; `SEED` and a number after it are added to the seed.
    """
    config, run = named(study, name), name.partition(SEED)[0].removesuffix(PRETRAIN)
    kind, _, what = run.partition("-")
    if kind == "linear":
        return _linear(study, config, what.partition("-")[2])
    return config, None


def named(study: Study, name: str) -> Config:
    """The `Config` of what `configure` names, but for what linear bases say."""
    name, _, seed = name.partition(SEED)
    config = change(study.config, "train", seed=study.config.train.seed + int(seed or 0))
    if name in (SDM, THREEDDFA):
        return config
    if name.endswith(PRETRAIN):
        config, name = change(config, "finetune", steps=0), name.removesuffix(PRETRAIN)
    kind, labels, what = name.split("-", 2)
    config = change(config, "data", labels=labels)
    if labels == "teacher":
        config = change(config, "finetune", loss=_weak(config))
    if kind == "linear":  # whose decoders learn nothing
        return change(config, "decoders", steps=0)
    config = change(config, "model", shape_code_size=int(what), albedo_code_size=int(what))
    if kind == "cvpr19":
        return with_proxies(config)
    return change(config, "model", shape_decoder="mlp") if kind == "mlp" else config


def _weak(config: Config) -> LossConfig:
    """Weights of finetuning: labels from 3D count a tenth of what they did, as in the paper.

    Labels that are fits of a linear model must not hold back what images teach.
    """
    before = (config.pretrain if config.pretrain.steps else config.finetune).loss
    weights = {term: getattr(before, term) / 10 for term in _LABELLED}
    return dataclasses.replace(config.finetune.loss, **weights)


def _linear(study, config, source):
    """The linear 3DMM of the same encoder and losses."""
    bases = linear_models.load(study, source, study.code_size)
    shape, albedo = (linear.principal(basis) for basis in bases)
    face = study.face()
    decoder = dict(shape_decoder="linear", albedo_decoder="linear", linear_part=False)
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
    if config.data.labels == "teacher" and weak_labels.needed(config):
        weak_labels.ensure_albedo(study)
    return runs.train(study, name, config, name + PRETRAIN, bases)
