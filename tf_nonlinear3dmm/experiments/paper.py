"""The parts of the paper's experiments, and the methods that their tables compare."""

from tf_nonlinear3dmm.experiments import (
    alignment,
    bases,
    expressiveness,
    landmarkers,
    pictures,
    report,
    schedule,
    shape_power,
    texture_power,
    variants,
)
from tf_nonlinear3dmm.experiments.schedule import Part


def reproduce(study, minutes=None, say=print):
    """Does what is left to do and writes the report, as `schedule.follow`."""

    def write(seconds):
        report.write(study, methods(study), seconds)

    return schedule.follow(study, parts(study), write, minutes, say)


def parts(study):
    """The schedule of a study: list of `Part`."""
    steps = [Part("faces", study.make_faces), Part("bases", lambda: bases.learn(study))]
    for name, start in runs(study):
        steps.append(_training(study, name, start))
    steps.append(Part("SDM", lambda: landmarkers.train_sdm(study)))
    steps.append(Part("3DDFA", lambda: landmarkers.train_threeddfa(study), trains=True))
    for size in study.shape_codes:
        for kind in ("mlp", "conv"):
            steps.append(_decoder(study, kind, size))
    for size in study.texture_codes:
        steps.append(_albedo_decoder(study, size))
    for method, run in methods(study).items():
        steps.append(_prediction(study, method, run))
    steps.append(
        Part("shape power", lambda: report.keep(study, "shape", shape_power.measure(study)))
    )
    steps.append(Part("texture power", lambda: _texture_power(study)))
    steps.append(Part("expressiveness", lambda: _expressiveness(study)))
    if study.aflw:
        steps += _aflw(study)
    return steps


def runs(study):
    """[(name of a trained model, name of the run it starts from or None)]."""
    size = study.code_size
    names = [(f"nonlinear-truth-{size}", None)]
    names += [(f"nonlinear-teacher-{size}-pretrain", None)]
    names += [(f"nonlinear-teacher-{size}", f"nonlinear-teacher-{size}-pretrain")]
    names += [("linear-scan-200", None), ("linear-oracle", None)]
    names += [(f"nonlinear-truth-{k}", None) for k in study.image_codes if k != size]
    return names + [(f"mlp-truth-{k}", None) for k in study.mlp_codes]


def methods(study):
    """What the tables of alignment and reconstruction call a method -> its run, or None."""
    size = study.code_size
    return {
        "Linear 3DMM, scan-200": "linear-scan-200",
        "Linear 3DMM, oracle": "linear-oracle",
        "SDM": None,
        "3DDFA": None,
        "Nonlinear, truth": f"nonlinear-truth-{size}",
        "Nonlinear, teacher, pretrained": f"nonlinear-teacher-{size}-pretrain",
        "Nonlinear, teacher, finetuned": f"nonlinear-teacher-{size}",
    }


def _training(study, name, start):
    return Part(name, lambda: variants.train(study, name, start), trains=True)


def _decoder(study, kind, size):
    name = f"shape decoder {kind} {size}"
    return Part(name, lambda: shape_power.train_decoder(study, kind, size))


def _albedo_decoder(study, size):
    return Part(f"albedo decoder {size}", lambda: texture_power.train_decoder(study, size))


def _prediction(study, method, run):
    return Part(f"predict {method}", lambda: alignment.predict(study, method, run))


def _texture_power(study):
    table, maps = texture_power.measure(study)
    report.keep_figure(study, "textures", pictures.textures(study, maps))
    report.keep(study, "texture", table)


def _expressiveness(study):
    for name, picture in expressiveness.figures(
        study, f"nonlinear-truth-{study.code_size}"
    ).items():
        report.keep_figure(study, name, picture)


def _aflw(study):
    """Alignment of AFLW2000-3D, where the user has it."""
    split = report.aflw_split(study)
    return [
        Part(
            f"predict {method} on AFLW2000-3D",
            lambda m=method, r=run: alignment.predict(study, m, r, split, "aflw2000_3d"),
        )
        for method, run in methods(study).items()
    ]
