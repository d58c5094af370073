"""The parts of the paper's experiments, what says most first: an early report is worth reading."""

import functools

from tf_nonlinear3dmm.studies import (
    alignment,
    bases,
    landmarkers,
    pictures,
    report,
    schedule,
    shape_power,
    texture_power,
    variants,
)
from tf_nonlinear3dmm.studies.schedule import STEP, Part
from tf_nonlinear3dmm.studies.variants import PRETRAIN

# Seconds on two free cores, for telling how long it will take: a step of a model with linear
# decoders, of 3DDFA, of a decoder trained in 3D, and of fitting codes to 32 faces.
LINEAR_STEP = 0.2
CASCADE_STEP = 0.15
DECODER_STEP = {"conv": 0.3, "mlp": 0.03, "albedo": 0.25}
FIT_STEP = {"conv": 0.15, "mlp": 0.03, "albedo": 0.15}


def reproduce(study, minutes=None, say=print):
    """Does what is left to do and writes the report; see `schedule.follow`."""
    return schedule.follow(study, parts(study), _writer(study), minutes, say)


def write_report(study, say=print):
    """Writes the report of what is done so far."""
    schedule.write_report(study, parts(study), _writer(study), say)


def _writer(study):
    return functools.partial(report.write, study)


def parts(study):
    """The schedule of a `Study`: list of `Part`."""
    size, methods = study.code_size, variants.methods(study)

    def method(title):
        run = methods[title]
        return [*([_training(study, run)] if run else []), _prediction(study, title, run)]

    made = [Part("faces", study.make_faces, 180)]
    made += [Part("bases: scan-200", lambda: bases.learn_scans(study), 5)]
    made += method("Nonlinear, truth") + _power_of_run(study, "conv", size)
    made += [Part("expressiveness", lambda: pictures.express(study), 15)]
    made += method("Linear scan-200, truth")
    made += [Part("SDM", lambda: landmarkers.train_sdm(study), 300), *method("SDM")]
    made += [_cascade(study), *method("3DDFA")]
    made += method("Nonlinear, teacher, pretrained") + method("Nonlinear, teacher, finetuned")
    made += method("Linear scan-200, teacher")
    made += [Part("bases: all faces", lambda: bases.learn_faces(study), 120)]
    made += [Part("shape: linear", lambda: shape_power.measure_linear(study), 10)]
    made += [Part("texture: linear", lambda: texture_power.measure_linear(study), 60)]
    made += method("Linear oracle, truth")
    made += _by_code_size(study)
    return made + (_aflw(study) if study.aflw else [])


def _by_code_size(study):
    """The largest share of the representation tables; the code size of the other tables first."""
    every = {*study.shape_codes, *study.texture_codes, *study.image_codes}
    made = []
    for size in sorted(every, key=lambda k: (k != study.code_size, k)):
        if size in study.shape_codes:
            made += [_shape_decoder(study, "conv", size), _shape_decoder(study, "mlp", size)]
        if size in study.texture_codes:
            made += [_albedo_decoder(study, size)]
        if size in study.image_codes and size != study.code_size:
            made += [_training(study, f"nonlinear-truth-{size}")]
            made += _power_of_run(study, "conv", size)
    for size in study.mlp_codes:
        made += [_training(study, f"mlp-truth-{size}"), *_power_of_run(study, "mlp", size)]
    return made


def _training(study, name):
    steps = study.config.pretrain.steps
    if name.endswith(PRETRAIN):
        pass
    elif name + PRETRAIN in variants.methods(study).values():
        steps = study.config.finetune.steps
    else:
        steps += study.config.finetune.steps
    seconds = 30 + (LINEAR_STEP if name.startswith("linear") else STEP) * steps
    return Part(name, lambda: variants.train(study, name), seconds, trains=True)


def _cascade(study):
    steps = study.config.pretrain.steps + study.config.finetune.steps
    work = functools.partial(landmarkers.train_threeddfa, study)
    return Part("3DDFA", work, 30 + CASCADE_STEP * steps * study.cascade, trains=True)


def _prediction(study, method, run):
    return Part(f"predict {method}", lambda: alignment.predict(study, method, run), 10)


def _shape_decoder(study, kind, size):
    work = functools.partial(shape_power.measure_decoder, study, kind, size)
    training = DECODER_STEP[kind] * study.decoder_steps
    return Part(f"shape: {kind} {size}, trained in 3D", work, training + _fit(study, kind))


def _albedo_decoder(study, size):
    work = functools.partial(texture_power.measure_decoder, study, size)
    training = DECODER_STEP["albedo"] * study.decoder_steps
    return Part(f"texture: {size}, trained in 3D", work, training + 2 * _fit(study, "albedo"))


def _power_of_run(study, kind, size):
    """What a model trained on images can represent."""
    shape = functools.partial(shape_power.measure_run, study, kind, size)
    made = [Part(f"shape: {kind} {size}, trained on images", shape, _fit(study, kind))]
    if kind == "conv" and size in study.texture_codes:
        texture = functools.partial(texture_power.measure_run, study, size)
        name = f"texture: {size}, trained on images"
        made.append(Part(name, texture, 10 + 2 * _fit(study, "albedo")))
    return made


def _fit(study, kind):
    batches = -(-study.fit_faces // alignment.BATCH)
    return 10 + FIT_STEP[kind] * study.fit_steps * batches


def _aflw(study):
    """Alignment of AFLW2000-3D, where the user has it."""
    split = report.aflw_split(study)
    return [
        Part(
            f"predict {method} on AFLW2000-3D",
            functools.partial(alignment.predict, study, method, run, split, "aflw2000_3d"),
            30,
        )
        for method, run in variants.methods(study).items()
    ]
