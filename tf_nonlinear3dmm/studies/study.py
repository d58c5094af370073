"""What is trained and measured, how long, and where it lies."""

import dataclasses
import json
import pathlib
from collections.abc import Callable

from tf_nonlinear3dmm import configs, data
from tf_nonlinear3dmm.baselines import sdm
from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.face import FaceModel


@dataclasses.dataclass(frozen=True)
class Study:
    """All that the experiments depend on.

    Attributes:
        folder: for runs, baselines, arrays, figures and the report.
        config: `Config` of the nonlinear model; every other model gets its data, steps and batch.
        scans: (uv_size, modes) -> (shape, texture), the `linear.Basis` of 200 scans.
        code_size: of the models in the tables of alignment and reconstruction.
        shape_codes, texture_codes: code sizes of the tables of representation power.
        image_codes: code sizes at which models are trained on images too.
        mlp_codes: those at which the model with the mlp shape decoder is.
        decoder_steps: of a decoder that is trained in 3D.
        fit_steps, fit_faces: optimisation of codes, and how many test faces it is done for.
        cascade: networks of 3DDFA.
        descent: `sdm.Settings`.
        aflw: folder of AFLW2000-3D, or None.
        scale: "full", "quick" or "tiny": which of the three below it is.
    """

    folder: pathlib.Path
    config: configs.Config
    scans: Callable
    code_size: int = 64
    shape_codes: tuple[int, ...] = (8, 16, 32, 64, 160)
    texture_codes: tuple[int, ...] = (16, 32, 64, 160)
    image_codes: tuple[int, ...] = (16, 32, 64, 160)
    mlp_codes: tuple[int, ...] = (16, 64, 160)
    decoder_steps: int = 6000
    fit_steps: int = 400
    fit_faces: int = 256
    cascade: int = 3
    descent: sdm.Settings = sdm.Settings(starts=2)
    aflw: str | None = None
    scale: str = "full"

    @property
    def command(self):
        """What makes it."""
        flag = "" if self.scale == "full" else f" --{self.scale}"
        return f"python scripts/reproduce.py{flag}"

    def face(self):
        return FaceModel.load(self.config.model.face_model)

    def split(self, name):
        """`data.Split` of the first source."""
        return data.open_first(self.config, name)

    def make_faces(self):
        """Generates what is not there yet, and reads it once."""
        for name in ("train", "validation", "test"):
            self.split(name).prepare(["image", "landmarks"])

    def run(self, name):
        """Folder of a trained model."""
        return self.folder / "runs" / name

    def file(self, name):
        """Path of a result; its folder is made."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write_json(self, name, value):
        """Writes a result so that it is never half a file."""
        self.write_text(name, json.dumps(value, indent=2) + "\n")

    def write_text(self, name, text):
        """Likewise, a text."""
        array_files.write_text(self.file(name), text)


def full(folder, scans, place, **changes):
    """The paper's code sizes and long trainings: about 18 hours on two cores.

    Args:
        folder: of the study, `pathlib.Path`.
        scans: see `Study`.
        place: folder of data sets.
        **changes: fields of `Study`.
    """
    config = change(with_steps(configs.small_paper(), 5000, 3000), "data", folder=place)
    return Study(folder, config, scans, **changes)


def quick(folder, scans, place, **changes):
    """An hour and a half on two cores: code sizes 16 and 64, short trainings."""
    small = dict(shape_codes=(16, 64), texture_codes=(16, 64), image_codes=(16, 64), mlp_codes=())
    budget = dict(scale="quick", decoder_steps=800, fit_steps=200, fit_faces=96)
    config = change(with_steps(configs.small_paper(), 600, 400), "data", folder=place)
    return Study(folder, config, scans, **{**small, **budget, **changes})


def tiny(folder, scans, place, **changes):
    """Every part at its smallest, for tests: minutes, and numbers that mean nothing."""
    small = dict(code_size=6, shape_codes=(4, 6), texture_codes=(4, 6), image_codes=(4, 6))
    budget = dict(mlp_codes=(6,), decoder_steps=4, fit_steps=3, fit_faces=8)
    config = change(with_steps(configs.tiny(), 1, 1), "data", folder=place)
    descent = sdm.Settings(patches=(0.3, 0.2), cells=2, bins=4, starts=2)
    fast = dict(cascade=2, descent=descent, scale="tiny")
    return Study(folder, config, scans, **{**small, **budget, **fast, **changes})


def with_steps(config, pretrain, finetune):
    """A `Config` with other numbers of steps."""
    return change(change(config, "pretrain", steps=pretrain), "finetune", steps=finetune)


def change(config, part, **changes):
    """A `Config` with other fields in one of its parts."""
    return dataclasses.replace(
        config, **{part: dataclasses.replace(getattr(config, part), **changes)}
    )
