"""The parts of the paper's experiments, the most telling first, for early reports."""

import functools
from collections.abc import Callable

from tf_nonlinear3dmm.studies import schedule
from tf_nonlinear3dmm.studies.paper import (
    alignment,
    baseline_training,
    figures,
    linear_models,
    report,
    shape_power,
    texture_power,
    trained_models,
    weak_labels,
)
from tf_nonlinear3dmm.studies.schedule import Part
from tf_nonlinear3dmm.studies.study import Study

_TRAININGS = {  # the others are runs
    trained_models.SDM: baseline_training.train_sdm,
    trained_models.THREEDDFA: baseline_training.train_threeddfa,
}


def reproduce(
    study: Study, minutes: float | None = None, say: Callable[[str], None] = print
) -> bool:
    """Does the parts that are left and writes the report; see `schedule.follow`."""
    return schedule.follow(study, parts(study), _writer(study), minutes, say)


def write_report(study: Study, say: Callable[[str], None] = print) -> None:
    """Writes the report of what is done so far."""
    schedule.write_report(study, parts(study), _writer(study), say)


def _writer(study):
    return functools.partial(report.write, study)


def parts(study: Study) -> list[Part]:
    """The schedule of a `Study`: list of `Part`."""
    methods = functools.partial(_method, study)
    return [
        Part("faces", study.make_faces),
        _part(study, "bases: scan-200", linear_models.learn_scans),
        *methods(trained_models.NONLINEAR),
        _part(study, "expressiveness", figures.express),
        *methods("Linear scan-200, ground truth"),
        *methods(trained_models.SDM),
        *methods(trained_models.THREEDDFA),
        *_weak_labels(study),
        *methods("Nonlinear, teacher, pretrained"),
        *methods("Nonlinear, teacher, finetuned"),
        *_power_of_run(study, "conv", study.code_size),
        *methods("Linear scan-200, teacher"),
        _part(study, "bases: all faces", linear_models.learn_faces),
        _part(study, "shape: linear", shape_power.measure_linear),
        _part(study, "texture: linear", texture_power.measure_linear),
        *_cvpr19(study),
        *methods("Linear oracle, ground truth"),
        *_by_code_size(study),
        *(part for method in trained_models.HEADLINE for part in methods(method, first=1)),
    ]


def _part(study, name, work, *arguments):
    return Part(name, functools.partial(work, study, *arguments))


def _weak_labels(study):
    if weak_labels.needed(study.config):
        yield _part(study, "albedo of the teacher", weak_labels.ensure_albedo)


def _training(study, run):
    work = _TRAININGS.get(run.split(trained_models.SEED)[0], trained_models.train)
    return _part(study, run, work, run)


def _method(study, title, first=0):
    """A method of the tables: its trainings and what they predict.

    The first seed alone, or the others where `first` is 1.
    """
    runs = trained_models.runs_of(study)[title]
    for run in runs[1:] if first else runs[:1]:
        yield _training(study, run)
        yield _part(study, f"predict {run}", alignment.predict, run)
        if study.source:
            name = study.source_name
            yield _part(study, f"predict {run} on {name}", alignment.predict, run, name)


def _power_of_run(study, kind, size):
    """What a model trained on images can represent."""
    name = f"shape: {kind} {size}, trained on images"
    yield _part(study, name, shape_power.measure_run, kind, size)
    if kind != "mlp" and size in study.texture_codes:
        name = f"texture: {kind} {size}, trained on images"
        yield _part(study, name, texture_power.measure_run, kind, size)


def _cvpr19(study):
    """The third model of the authors, made for the teacher's labels."""
    if trained_models.CVPR19 in trained_models.runs_of(study):
        yield from _method(study, trained_models.CVPR19)
        yield from _power_of_run(study, "cvpr19", study.code_size)


def _by_code_size(study):
    """The largest share of the representation tables; the code size of the other tables first."""
    sizes = {*study.shape_codes, *study.texture_codes, *study.image_codes}
    for size in sorted(sizes, key=lambda k: (k != study.code_size, k)):
        in_3d = size in study.decoder_codes
        for kind in ("conv", "mlp") if in_3d and size in study.shape_codes else ():
            name = f"shape: {kind} {size}, trained in 3D"
            yield _part(study, name, shape_power.measure_decoder, kind, size)
        if in_3d and size in study.texture_codes:
            name = f"texture: {size}, trained in 3D"
            yield _part(study, name, texture_power.measure_decoder, size)
        if size in study.image_codes and size != study.code_size:
            yield _training(study, trained_models.of_size(study, "conv", size))
            yield from _power_of_run(study, "conv", size)
    for size in study.mlp_codes:
        yield _training(study, trained_models.of_size(study, "mlp", size))
        yield from _power_of_run(study, "mlp", size)
