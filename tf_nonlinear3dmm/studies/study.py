"""What a study trains and measures, for how long, and where its files lie."""

import dataclasses
import json
import pathlib
from collections.abc import Callable
from typing import Any

from tf_nonlinear3dmm import configs, data, weights
from tf_nonlinear3dmm.baselines import sdm
from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.core.types import Size
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.networks import linear

Scans = Callable[[Size, int], tuple[linear.Basis, linear.Basis]]
DEFAULT = "middle"  # scale
BATCH = 32  # faces that are measured at once


@dataclasses.dataclass(frozen=True)
class Study:
    """All that the experiments depend on.

    Attributes:
        folder: for runs, baselines, arrays, figures and the report.
        config: `Config` of the nonlinear model; every other model gets its data, steps and batch.
        scans: (uv_size, modes) -> (shape, texture), the `linear.Basis` of 200 scans; None: not
            needed.
        seeds: trainings of each method of `trained_models.HEADLINE`.
        code_size: of the models in the tables of alignment and reconstruction.
        shape_codes, texture_codes: code sizes of the tables of representation power.
        image_codes: code sizes at which models are trained on images too.
        image_labels: of these: "teacher" for weak supervision, or "ground_truth".
        mlp_codes: code sizes at which the model with the mlp shape decoder is trained too.
        decoder_codes: those at which decoders are trained in 3D.
        decoder_steps: of a decoder that is trained in 3D.
        basis_faces: training faces that bases of all faces are learned from, at most.
        fit_steps, fit_faces: optimisation of codes, and how many test faces it is done for.
        cascade: networks of 3DDFA.
        descent: `sdm.Settings`.
        source: a second test set for the table of alignment, as `evaluate --source` takes it; or
            None.
        scale: the name of the function below that made it.
    """

    folder: pathlib.Path
    config: configs.Config
    scans: Scans | None
    seeds: int = 1
    code_size: int = 64
    shape_codes: tuple[int, ...] = (8, 16, 32, 64, 160)
    texture_codes: tuple[int, ...] = (16, 32, 64, 160)
    image_codes: tuple[int, ...] = (16, 32, 64, 160)
    image_labels: str = "ground_truth"
    mlp_codes: tuple[int, ...] = (16, 64, 160)
    decoder_codes: tuple[int, ...] = (8, 16, 32, 64, 160)
    decoder_steps: int = 6000
    basis_faces: int = 5000
    fit_steps: int = 400
    fit_faces: int = 256
    cascade: int = 3
    descent: sdm.Settings = sdm.Settings(starts=2)
    source: str | None = None
    scale: str = "full"

    @property
    def command(self) -> str:
        """The command that makes it."""
        flag = "" if self.scale == DEFAULT else f" --{self.scale}"
        return f"nonlinear3dmm reproduce{flag}"

    @property
    def source_name(self) -> str | None:
        """What the second test set is called, or None."""
        return self.source and data.request(self.source, self.config.model.image_size).name

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


def middle(folder: pathlib.Path, scans: Scans | None, data_folder: str, **changes: Any) -> Study:
    """Under eight hours on two cores: the stages of preset `small`, three seeds, 20,000 faces.

    The trunk of every network, 3DDFA's too, begins with that of the package's weights, which have
    seen millions of generated faces of other people: what is left to learn is the method's.

    Args:
        folder: of the study, `pathlib.Path`.
        scans: see `Study`.
        data_folder: of data sets.
        **changes: fields of `Study`.
    """
    config = with_steps(configs.small(), decoders=500, encoder=3000, finetune=1000)
    config = change(config, "data", folder=data_folder, train_examples=20_000)
    config = change(config, "model", mirrored=False)  # all methods see a photo once
    config = change(config, "train", validate_every=250, trunk=weights.PACKAGE)
    sizes: dict[str, Any] = dict.fromkeys(
        ("shape_codes", "texture_codes", "image_codes"), (16, 40, 64, 160)
    )
    sizes |= dict(mlp_codes=(), decoder_codes=(64,), image_labels="teacher", seeds=3)
    steps = dict(decoder_steps=1000, fit_steps=200, fit_faces=96)
    own = dict(descent=sdm.Settings(starts=1), scale="middle")
    return Study(folder, config, scans, **{**sizes, **steps, **own, **changes})


def full(folder: pathlib.Path, scans: Scans | None, data_folder: str, **changes: Any) -> Study:
    """The paper's code sizes and order of stages, long trainings: about 18 hours on two cores."""
    config = with_steps(configs.small_paper(), pretrain=5000, finetune=3000)
    config = change(config, "data", folder=data_folder)
    return Study(folder, config, scans, **changes)


def quick(folder: pathlib.Path, scans: Scans | None, data_folder: str, **changes: Any) -> Study:
    """An hour and a half on two cores: code sizes 16 and 64, short trainings, the paper's order."""
    names = ("shape_codes", "texture_codes", "image_codes", "decoder_codes")
    sizes: dict[str, Any] = dict.fromkeys(names, (16, 64)) | dict(mlp_codes=())
    steps = dict(decoder_steps=800, fit_steps=200, fit_faces=96)
    config = with_steps(configs.small_paper(), pretrain=600, finetune=400)
    config = change(config, "data", folder=data_folder)
    return Study(folder, config, scans, **{**sizes, **steps, "scale": "quick", **changes})


def tiny(folder: pathlib.Path, scans: Scans | None, data_folder: str, **changes: Any) -> Study:
    """Every part of `middle` at its smallest, for tests: minutes, and numbers that mean nothing."""
    least, config = configs.tiny(), configs.small()
    small = {f: getattr(least.model, f) for f in ("image_size", "uv_size", "width")}
    config = dataclasses.replace(config, preset="tiny", data=least.data, train=least.train)
    config = change(config, "model", **small, mirrored=False)
    config = change(config, "data", folder=data_folder)
    config = with_steps(config, decoders=1, encoder=2, finetune=1)
    config = change(config, "train", validate_every=2)
    for stage in ("decoders", "encoder"):
        config = change(config, stage, batch_size=0)
    sizes: dict[str, Any] = dict(code_size=6, shape_codes=(4, 6), texture_codes=(6,))
    sizes |= dict(image_codes=(6,), decoder_codes=(6,), mlp_codes=(), image_labels="teacher")
    steps = dict(seeds=2, decoder_steps=4, fit_steps=3, fit_faces=8, cascade=2)
    descent = sdm.Settings(patches=(0.3, 0.2), cells=2, bins=4, starts=2)
    own = dict(descent=descent, scale="tiny")
    return Study(folder, config, scans, **{**sizes, **steps, **own, **changes})


def with_steps(config: configs.Config, **steps: int) -> configs.Config:
    """A `Config` with other numbers of steps in the stages that are named."""
    for stage, count in steps.items():
        config = change(config, stage, steps=count)
    return config


def change(config: configs.Config, part: str, **changes: Any) -> configs.Config:
    """A `Config` with other fields in one of its parts."""
    return dataclasses.replace(
        config, **{part: dataclasses.replace(getattr(config, part), **changes)}
    )
