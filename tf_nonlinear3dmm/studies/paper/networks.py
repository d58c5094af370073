"""What each network of a study has learned from, and whether its error had become flat."""

from typing import Any

from tf_nonlinear3dmm.studies.paper import baseline_training, budget, trained_models
from tf_nonlinear3dmm.studies.study import Study
from tf_nonlinear3dmm.training import log


def judge_all(study: Study) -> dict[str, dict[str, Any]]:
    """Network -> `budget.Flatness` as a dict with `gain` and `flat`, of those that are trained."""
    judged = {}
    for run in trained(study):
        total = budget.images(trained_models.named(study, run))
        for name, curve in _curves(study, run).items():
            flatness = budget.judge(curve, total)
            if flatness:
                own = {"gain": flatness.gain, "flat": flatness.flat}
                judged[name] = flatness._asdict() | own
    return judged


def trained(study: Study) -> list[str]:
    """Names of the runs that have been validated, in the order of the tables."""
    listed = [run for each in trained_models.runs_of(study).values() for run in each]
    listed += [
        trained_models.of_size(study, kind, size)
        for kind, sizes in (("conv", study.image_codes), ("mlp", study.mlp_codes))
        for size in sizes
    ]
    whole = [run for run in dict.fromkeys(listed) if not run.endswith(trained_models.PRETRAIN)]
    return [run for run in whole if (study.run(run) / "metrics.jsonl").exists()]


def images_of_methods(study: Study) -> dict[str, str]:
    """Method -> the images that one training of it takes, in words."""
    words = {}
    for method, (run, *_) in trained_models.runs_of(study).items():
        if run == trained_models.SDM:
            count = baseline_training.PASSES * study.config.data.train_examples
            words[method] = f"{count:,}, {study.descent.starts} start(s) each"
            continue
        config = trained_models.named(study, run)
        times = f"{study.cascade} x " if run == trained_models.THREEDDFA else ""
        words[method] = f"{times}{budget.images(config):,}"
    return words


def _curves(study, run):
    if run.split(trained_models.SEED)[0] == trained_models.THREEDDFA:
        curves = baseline_training.threeddfa_curves(study, run)
        return {f"{run}, {network}": curve for network, curve in curves.items()}
    config = trained_models.named(study, run)
    return {run: budget.curve(log.read(study.run(run) / "metrics.jsonl"), config)}
