"""The card of a trained model: what it is, the command that made it, how good it is, its limits."""

import dataclasses
import json
import pathlib
import shlex
from collections.abc import Sequence
from typing import Any

from PIL import Image

from tf_nonlinear3dmm import configs, weights
from tf_nonlinear3dmm.core import array_files, config_flags
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.evaluation import document, expressiveness, sections, tables
from tf_nonlinear3dmm.evaluation.document import Block

FILE = "README.md"
_ABOUT = """`n3.load()` reads `weights.npz`: preset `{preset}`, {size:.1f} MB of float16. Rounding
moves landmarks by {pixels:.3f} px and vertices by {millimetres:.3f} mm (means over 64 training
faces). `directions.npz` has the named directions of the page, `samples.jpg` faces that no training
saw.

* **For** research, teaching and trying things out: 3D shape, pose, landmarks, skin and light of
  a face in a photo of about {image_size} pixels.
* **Not for** recognising, judging or measuring people. It has seen no photograph: only people who
  do not exist, whose variety is MakeHuman's. Attributes of the page are the generator's numbers.
* **Licence**: Apache-2.0 like the code; face and training data are CC0."""
TRAINING = "{faces} training faces of `{sources}`; {stages}; seed {seed}.{note}"
_ERRORS = """{faces} held-out faces of people in no training picture; 95 % bootstrap intervals in
brackets. Landmarks, NME in percent by yaw, beside the mean face in the predicted and in the best
pose:"""
_MEDIAN = """Faces around the median: input, render, landmarks (true in blue), albedo, shading,
mesh."""
_PICTURES = {"curves": "curves.png", "median": "faces.jpg"}  # figure of a report -> file


def write(
    folder: Path,
    run: Path,
    config: configs.Config,
    report: dict[str, Any],
    size: int,
    rounding: Sequence[float],
    note: str = "",
) -> list[pathlib.Path]:
    """Writes the card and its pictures.

    Args:
        folder: for them.
        run: folder of the run, with the figures of its report.
        config: its `Config`.
        report: its report.json.
        size: bytes of the weights.
        rounding: what `labelled.difference` returns.
        note: a sentence about the training.

    Returns:
        list of paths.
    """
    folder, figures = pathlib.Path(folder), pathlib.Path(run) / "figures"
    data = dataclasses.replace(config.data, folder=configs.DataConfig().folder)
    starts = {name: getattr(config.train, name) for name in ("init", "trunk")}
    starts = {name: _place(path) for name, path in starts.items()}
    train = dataclasses.replace(config.train, **starts)
    # Places on the maker's machine are left out.
    config = dataclasses.replace(config, data=data, train=train)
    express = [name for name in expressiveness.CAPTIONS if (figures / f"{name}.png").exists()]
    card = folder / FILE
    blocks = _blocks(config, report, size, rounding, note, express)
    array_files.write_text(card, document.to_markdown(blocks))
    paths = [card]
    for figure, name in {**_PICTURES, **{name: f"{name}.jpg" for name in express}}.items():
        paths.append(folder / name)
        picture = Image.open(figures / f"{figure}.png").convert("RGB")
        with array_files.replacing(paths[-1]) as file:
            if name.endswith(".png"):
                picture.quantize(64).save(file, "PNG", optimize=True)
            else:
                picture.save(file, "JPEG", quality=88)
    return paths


def _place(path):
    """Of weights, without what lies before a run's folder."""
    return path if path in ("", weights.PACKAGE) else f"runs/{pathlib.Path(path).name}"


def _blocks(config, report, size, rounding, note, express):
    pixels, millimetres = rounding
    numbers = dict(preset=config.preset, size=size / 1e6, pixels=pixels, millimetres=millimetres)
    source = dict(faces=config.data.train_examples, sources=config.data.sources)
    source |= dict(
        stages=sections.stages(config), seed=config.train.seed, note=f" {note}" if note else ""
    )
    expressed = [Block("heading", "What it can express")] if express else []
    return [
        Block("heading", "The trained model"),
        Block("text", _ABOUT.format(**numbers, image_size=config.model.image_size)),
        Block("heading", "How it was made"),
        Block("command", shlex.join(["nonlinear3dmm", "train", *config_flags.words(config)])),
        Block("text", TRAINING.format(**source)),
        *sections.figures(["curves"], _PICTURES["curves"]),
        Block("heading", "How good it is"),
        Block("text", _ERRORS.format(faces=report["faces"])),
        Block("table", tables.alignment(report["alignment"])),
        Block("table", tables.measures(report["measures"])),
        Block("figure", (_PICTURES["median"], _MEDIAN)),
        *expressed,
        *sections.figures(express, "{}.jpg"),
        Block("heading", "The whole configuration"),
        Block("json", json.dumps(configs.to_dict(config), indent=1)),
    ]
