"""What a study trains and measures, for how long, and where its files lie."""

import dataclasses
import json
import pathlib
from collections.abc import Callable
from typing import Any

from tf_nonlinear3dmm import configs, data
from tf_nonlinear3dmm.baselines import sdm
from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.core.types import Size
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.networks import linear

Scans = Callable[[Size, int], tuple[linear.Basis, linear.Basis]]


@dataclasses.dataclass(frozen=True)
class Study:
    """All that the experiments depend on.

    Attributes:
        folder: for runs, baselines, arrays, figures and the report.
        config: `Config` of the nonlinear model; every other model gets its data, steps and batch.
        scans: (uv_size, modes) -> (shape, texture), the `linear.Basis` of 200 scans; None: not
            needed.
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
    scans: Scans | None
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
    def command(self) -> str:
        """The command that makes it."""
        flag = "" if self.scale == "full" else f" --{self.scale}"
        return f"nonlinear3dmm reproduce{flag}"

    def face(self) -> FaceModel:
        """The face model of every method."""
        return FaceModel.load(self.config.model.face_model)

    def split(self, name: str) -> data.Split:
        """`data.Split` of the first source."""
        return data.open_first(self.config, name)

    def make_faces(self) -> None:
        """Generates the faces that do not exist yet, and reads each of them once."""
        for name in ("train", "validation", "test"):
            self.split(name).prepare(["image", "landmarks"])

    def run(self, name: str) -> pathlib.Path:
        """The folder of a trained model."""
        return self.folder / "runs" / name

    def file(self, name: str) -> pathlib.Path:
        """The path of a result; its folder is created."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write_json(self, name: str, value: object) -> None:
        """Writes a result so that it is never half a file."""
        self.write_text(name, json.dumps(value, indent=2) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Likewise, a text."""
        array_files.write_text(self.file(name), text)


def full(folder: pathlib.Path, scans: Scans | None, data_folder: str, **changes: Any) -> Study:
    """The paper's code sizes and long trainings: about 18 hours on two cores.

    Args:
        folder: of the study, `pathlib.Path`.
        scans: see `Study`.
        data_folder: of data sets.
        **changes: fields of `Study`.
    """
    config = change(with_steps(configs.small_paper(), 5000, 3000), "data", folder=data_folder)
    return Study(folder, config, scans, **changes)


def quick(folder: pathlib.Path, scans: Scans | None, data_folder: str, **changes: Any) -> Study:
    """An hour and a half on two cores: code sizes 16 and 64, short trainings."""
    sizes = dict(shape_codes=(16, 64), texture_codes=(16, 64), image_codes=(16, 64), mlp_codes=())
    steps = dict(decoder_steps=800, fit_steps=200, fit_faces=96)
    config = change(with_steps(configs.small_paper(), 600, 400), "data", folder=data_folder)
    return Study(folder, config, scans, **{**sizes, **steps, "scale": "quick", **changes})


def tiny(folder: pathlib.Path, scans: Scans | None, data_folder: str, **changes: Any) -> Study:
    """Every part at its smallest, for tests: minutes, and numbers that mean nothing."""
    sizes = dict(code_size=6, shape_codes=(4, 6), texture_codes=(6,), image_codes=(6,))
    steps = dict(mlp_codes=(6,), decoder_steps=4, fit_steps=3, fit_faces=8, cascade=2)
    config = change(with_steps(configs.tiny(), 1, 1), "data", folder=data_folder)
    descent = sdm.Settings(patches=(0.3, 0.2), cells=2, bins=4, starts=2)
    own = dict(descent=descent, scale="tiny")
    return Study(folder, config, scans, **{**sizes, **steps, **own, **changes})


def with_steps(config: configs.Config, pretrain: int, finetune: int) -> configs.Config:
    """A `Config` with other numbers of steps."""
    return change(change(config, "pretrain", steps=pretrain), "finetune", steps=finetune)


def change(config: configs.Config, part: str, **changes: Any) -> configs.Config:
    """A `Config` with other fields in one of its parts."""
    return dataclasses.replace(
        config, **{part: dataclasses.replace(getattr(config, part), **changes)}
    )
