"""The models that are trained on images, by name: all alike but for what the name says."""

import json
import shutil

from tf_nonlinear3dmm import configs, training
from tf_nonlinear3dmm.experiments import bases
from tf_nonlinear3dmm.experiments.study import change


def configure(study, name):
    """(`Config`, bases or None) of a trained model.

    Names: `nonlinear-<labels>-<code size>`, `mlp-<labels>-<code size>`, `linear-scan-200`,
    `linear-oracle`; `-pretrain` at the end leaves finetuning out.
    """
    words = name.split("-")
    config = study.config
    if words[-1] == "pretrain":
        config, words = change(config, "finetune", steps=0), words[:-1]
    if words[0] == "linear":
        return _linear(study, config, "-".join(words[1:]))
    kind, labels, size = words[0], words[1], int(words[2])
    config = change(config, "data", labels=labels)
    config = change(config, "model", shape_code_size=size, albedo_code_size=size)
    if kind == "mlp":
        config = change(config, "model", shape_decoder="mlp")
    return config, None


def _linear(study, config, source):
    """The linear 3DMM of the same encoder and losses."""
    shape, albedo = bases.load(study, source, study.code_size)
    face = study.face()
    decoder = dict(shape_decoder="linear", albedo_decoder="linear")
    sizes = dict(shape_code_size=len(shape.modes), albedo_code_size=len(albedo.modes))
    scale = face.shape_scale
    offsets = (shape.mean - face.mean_vertices) / scale
    return change(config, "model", **decoder, **sizes), {
        "linear_shape": dict(mean=offsets, basis=shape.modes / scale, std=shape.std),
        "linear_albedo": dict(mean=albedo.mean, basis=albedo.modes, std=albedo.std),
    }


def train(study, name, start=None):
    """Trains one model, or goes on with it.

    Args:
        study: `Study`.
        name: see `configure`.
        start: name of a run whose last checkpoint this one begins from: a pretrained model.

    Returns:
        Whether it is finished.
    """
    config, arrays = configure(study, name)
    return go_on(study, name, config, start, arrays)


def go_on(study, name, config, start=None, arrays=None):
    """Trains the run `name` of a `Config`; see `train`. `arrays` are those of linear decoders."""
    folder = study.run(name)
    if start and not (folder / "checkpoints").exists():
        begin(study.run(start), folder, config)
    return training.train(config, folder, bases=arrays).finished


def begin(source, folder, config):
    """Makes a run of `config` that goes on where the run in `source` stands."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(source / "checkpoints", part / "checkpoints")
    if (source / "metrics.jsonl").exists():
        shutil.copy(source / "metrics.jsonl", part / "metrics.jsonl")
    (part / "config.json").write_text(json.dumps(configs.to_dict(config), indent=2) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
