"""The runs of a study: trained, resumed, or forked from another run."""

import json
import pathlib
import shutil

import numpy as np

from tf_nonlinear3dmm import configs, training
from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.studies.study import Study

Bases = dict[str, dict[str, np.ndarray]]  # argument of `Nonlinear3DMM` -> arrays of the basis


def train(
    study: Study,
    name: str,
    config: configs.Config,
    start: str | None = None,
    bases: Bases | None = None,
) -> bool:
    """Trains the run `name` of a `Config`, from the start or from where it stopped.

    Args:
        study: `Study`.
        name: of the run.
        config: `Config`.
        start: name of a run whose last checkpoint this one begins from, if there is one.
        bases: of linear decoders.

    Returns:
        Whether it is finished.
    """
    folder = study.run(name)
    if start and study.run(start).exists() and not (folder / "checkpoints").exists():
        fork(study.run(start), folder, config)
    return training.train(config, folder, bases=bases).finished


def fork(source: pathlib.Path, folder: pathlib.Path, config: configs.Config) -> None:
    """Makes a run of `config` that resumes where the run in `source` stands."""
    part = folder.with_name(folder.name + ".part")
    with array_files.writing(folder):
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(source / "checkpoints", part / "checkpoints")
        if (source / "metrics.jsonl").exists():
            shutil.copy(source / "metrics.jsonl", part / "metrics.jsonl")
        text = json.dumps(configs.to_dict(config), indent=2) + "\n"
        array_files.write_text(part / "config.json", text)
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
