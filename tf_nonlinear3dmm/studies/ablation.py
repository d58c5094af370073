"""What each part of the method does: one model per part left out, everything else equal.

Every row has the same faces, batches, seed and number of steps. A row that differs in finetuning
alone resumes the pretraining of the full model.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Collection

from tf_nonlinear3dmm import configs, data, training
from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.evaluation import measures
from tf_nonlinear3dmm.studies import ablation_report, runs, schedule
from tf_nonlinear3dmm.studies.schedule import Part
from tf_nonlinear3dmm.studies.study import Study, change, with_steps

FULL, SEED, PRETRAINED = "full model", "another seed", "pretraining"
_REGULARISERS = "symmetry constancy local_constancy smoothness white_shading tone".split()
STAGES = ("pretrain", "finetune")
SHOWN = 5  # faces whose albedo is kept for the figure


def full(folder: pathlib.Path, data_folder: str) -> Study:
    """About five hours on two cores: `small_paper`, 1200 + 600 steps."""
    return _study(
        folder, with_steps(configs.small_paper(), pretrain=1200, finetune=600), data_folder
    )


def quick(folder: pathlib.Path, data_folder: str) -> Study:
    """About 30 minutes on two cores: half the width, 300 + 150 steps of batch 8."""
    config = with_steps(configs.small_paper(), pretrain=300, finetune=150)
    config = change(config, "model", width=8)
    config = change(config, "train", batch_size=8)
    return _study(
        folder, change(config, "data", train_examples=1200, test_examples=256), data_folder
    )


def tiny(folder: pathlib.Path, data_folder: str) -> Study:
    """Every row at its smallest, for tests: the numbers mean nothing."""
    return _study(folder, with_steps(configs.tiny(), pretrain=4, finetune=4), data_folder)


def _study(folder, config, data_folder):
    return Study(folder, change(config, "data", folder=data_folder), scans=None)


def rows(config: configs.Config) -> dict[str, configs.Config]:
    """Name -> `Config` of every model of the table; what `config` lacks anyway has no row."""
    steps = config.pretrain.steps + config.finetune.steps
    others = {SEED: change(config, "train", seed=config.train.seed + 1)}
    for term in _REGULARISERS:
        others[f"no {_words(term)}"] = _with_loss(config, **{term: 0.0})
    others["not alternating"] = _in_both_stages(config, alternating=False)
    others["no finetuning"] = with_steps(config, pretrain=steps, finetune=0)
    for word, switch in (("no ", False), ("", True)):
        others[f"{word}silhouette gradient"] = change(config, "model", silhouette_gradient=switch)
    for term in configs.DEFECTS:
        others[f"released form of {_words(term)}"] = _released(config, term)
    others["released form of all three"] = _released(config, "released", *configs.DEFECTS)
    return {FULL: config} | {name: row for name, row in others.items() if row != config}


def ablate(
    study: Study,
    command: str,
    minutes: float | None = None,
    only: Collection[str] | None = None,
    say: Callable[[str], None] = print,
) -> bool:
    """Does the parts that are left and writes a report; whether everything is done.

    Args:
        study: `Study`.
        command: repeats the study; for the report.
        minutes, say: see `schedule.follow`.
        only: names of the rows beside the full model; all where None.

    Raises:
        ValueError: `only` has a name that is no row.
    """
    for name in only or ():
        configs.check_choice("rows", name, tuple(rows(study.config)))
    chosen = [name for name in rows(study.config) if only is None or name in (FULL, *only)]

    def write(records):
        measured = [name for name in chosen if _results(study, name).exists()]
        if FULL not in measured:
            return False
        errors = {name: array_files.read(_results(study, name))[0] for name in measured}
        albedos = {"ground truth": _ground_truth_albedo(study)}
        albedos |= {name: arrays.pop("albedo") for name, arrays in errors.items()}
        ablation_report.write(study, errors, albedos, records, command)
        return True

    return schedule.follow(study, parts(study, chosen), write, minutes, say)


def parts(study: Study, chosen: Collection[str]) -> list[Part]:
    """The schedule of the rows named in `chosen`: list of `schedule.Part`."""
    pretraining = _pretraining(study.config)
    steps = [Part("faces", study.make_faces), _training(study, PRETRAINED, pretraining)]
    for name, row in rows(study.config).items():
        if name in chosen:
            start = PRETRAINED if _pretraining(row) == pretraining else None
            steps.append(_training(study, name, row, start))
            steps.append(Part(f"measure {name}", functools.partial(measure, study, name)))
    return steps


def measure(study: Study, name: str) -> None:
    """Measures a row's model on the test faces; keeps errors per face and a few albedos."""
    model, config = training.load(study.run(_file(name)))
    split = study.split("test")
    features = [feature for feature in measures.FEATURES if feature in split]
    batches = [*data.in_order(split, config.model.image_size, 32, features)]
    faces = measures.measure(model, batches).per_face().items()
    errors = {name[0]: values for name, values in faces if name[1:] == (measures.MODEL,)}
    albedo = model(batches[0]["image"][:SHOWN], training=False).albedo_map.numpy()
    array_files.write(_results(study, name), {"albedo": albedo, **errors}, {})


def _results(study, name):
    return study.file(f"results/{_file(name)}.npz")


def _ground_truth_albedo(study):
    size = study.config.model.image_size
    batch = next(data.in_order(study.split("test"), size, SHOWN, ["albedo"]))
    return batch["albedo"].numpy()


def _training(study, name, config, start=None):
    run = functools.partial(runs.train, study, _file(name), config, start)
    return Part(f"train {name}", run)


def _pretraining(config):
    """The run that a row's finetuning starts from; it renders nothing, so no silhouettes."""
    config = change(config, "model", silhouette_gradient=False)
    return dataclasses.replace(config, finetune=configs.StageConfig(steps=0))


def _in_both_stages(config, **changes):
    for stage in STAGES:
        config = change(config, stage, **changes)
    return config


def _with_loss(config, stages=STAGES, **changes):
    for stage in stages:
        loss = dataclasses.replace(getattr(config, stage).loss, **changes)
        config = change(config, stage, loss=loss)
    return config


def _released(config, form, *terms):
    """With `LossConfig.form` set in the stages that weigh one of `terms` (default: its own)."""
    terms = terms or (form,)
    stages = [s for s in STAGES if any(getattr(getattr(config, s).loss, t) for t in terms)]
    return _with_loss(config, stages, form=form)


def _words(term):
    return term.replace("_", " ")


def _file(name):
    return name.replace(" ", "-")
