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
)
from tf_nonlinear3dmm.studies.schedule import Part
from tf_nonlinear3dmm.studies.study import Study


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
        *methods("Nonlinear, ground truth"),
        *_power_of_run(study, "conv", study.code_size),
        _part(study, "expressiveness", figures.express),
        *methods("Linear scan-200, ground truth"),
        _part(study, "SDM", baseline_training.train_sdm),
        *methods("SDM"),
        _part(study, "3DDFA", baseline_training.train_threeddfa),
        *methods("3DDFA"),
        *methods("Nonlinear, teacher, pretrained"),
        *methods("Nonlinear, teacher, finetuned"),
        *methods("Linear scan-200, teacher"),
        _part(study, "bases: all faces", linear_models.learn_faces),
        _part(study, "shape: linear", shape_power.measure_linear),
        _part(study, "texture: linear", texture_power.measure_linear),
        *methods("Linear oracle, ground truth"),
        *_by_code_size(study),
        *(_aflw(study) if study.aflw else ()),
    ]


def _part(study, name, work, *arguments):
    return Part(name, functools.partial(work, study, *arguments))


def _training(study, run):
    return _part(study, run, trained_models.train, run)


def _method(study, title):
    """A method of the tables: its training, where it is a run, and what it predicts."""
    run = trained_models.methods(study)[title]
    prediction = _part(study, f"predict {title}", alignment.predict, title, run)
    return [_training(study, run), prediction] if run else [prediction]


def _power_of_run(study, kind, size):
    """What a model trained on images can represent."""
    name = f"shape: {kind} {size}, trained on images"
    yield _part(study, name, shape_power.measure_run, kind, size)
    if kind == "conv" and size in study.texture_codes:
        name = f"texture: {size}, trained on images"
        yield _part(study, name, texture_power.measure_run, size)


def _by_code_size(study):
    """The largest share of the representation tables; the code size of the other tables first."""
    sizes = {*study.shape_codes, *study.texture_codes, *study.image_codes}
    for size in sorted(sizes, key=lambda k: (k != study.code_size, k)):
        for kind in ("conv", "mlp") if size in study.shape_codes else ():
            name = f"shape: {kind} {size}, trained in 3D"
            yield _part(study, name, shape_power.measure_decoder, kind, size)
        if size in study.texture_codes:
            name = f"texture: {size}, trained in 3D"
            yield _part(study, name, texture_power.measure_decoder, size)
        if size in study.image_codes and size != study.code_size:
            yield _training(study, f"nonlinear-ground_truth-{size}")
            yield from _power_of_run(study, "conv", size)
    for size in study.mlp_codes:
        yield _training(study, f"mlp-ground_truth-{size}")
        yield from _power_of_run(study, "mlp", size)


def _aflw(study):
    """Alignment of AFLW2000-3D, where the user has it."""
    split = report.aflw_split(study)
    for title, run in trained_models.methods(study).items():
        name = f"predict {title} on AFLW2000-3D"
        yield _part(study, name, alignment.predict, title, run, split, "aflw2000_3d")
