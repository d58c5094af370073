"""The card of a trained model: what it is, the command that made it, how good it is, its limits."""

import dataclasses
import json
import pathlib
import shlex

from PIL import Image

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.core import config_flags
from tf_nonlinear3dmm.evaluation import expressiveness, tables

FILE = "README.md"
TEXT = """# The trained model

`n3.load()` reads `weights.npz`: preset `{preset}`, {size:.1f} MB of float16. Rounding moves
landmarks by {pixels:.3f} px and vertices by {millimetres:.3f} mm (means over 64 training faces).
`directions.npz` has the named directions of the page, `samples.jpg` faces that no training saw.

* **For** research, teaching and trying things out: 3D shape, pose, landmarks, skin and light of
  a face in a photo of about {image_size} pixels.
* **Not for** recognising, judging or measuring people. It has seen no photograph: only people who
  do not exist, whose variety is MakeHuman's. Attributes of the page are the generator's numbers.
* **Licence**: Apache-2.0 like the code; face and training data are CC0.

## How it was made

    {command}

{faces} training faces of `{sources}`; {stages}; seed {seed}.{note}

![Training: losses and errors by step](curves.png)

## How good it is

{tested} held-out faces of people in no training picture; 95 % bootstrap intervals in brackets.
Landmarks, NME in percent by yaw, beside the mean face in the predicted and in the best pose:

{alignment}

{measures}

Faces around the median: input, render, landmarks (true in blue), albedo, shading, mesh.

![Faces around the median](faces.jpg)
{expressed}
## The whole configuration

```json
{config}
```
"""


def write(folder, run, config, report, size, rounding, note=""):
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
    config = dataclasses.replace(config, data=data)  # where the data lay is nobody's business
    express = [name for name in expressiveness.CAPTIONS if (figures / f"{name}.png").exists()]
    text = TEXT.format(
        preset=config.preset,
        size=size / 1e6,
        pixels=rounding[0],
        millimetres=rounding[1],
        image_size=config.model.image_size,
        note=f" {note}" if note else "",
        command=shlex.join(["python", "scripts/train.py", *config_flags.words(config)]),
        faces=config.data.train_examples,
        sources=config.data.sources,
        stages=_stages(config),
        seed=config.train.seed,
        tested=report["faces"],
        alignment=tables.alignment_markdown(report["alignment"]),
        measures=tables.measures_markdown(report["measures"]),
        expressed=_section(express),
        config=json.dumps(configs.to_dict(config), indent=1),
    )
    card, drawn = folder / FILE, folder / "curves.png"
    card.write_text(text)
    curves = Image.open(figures / "curves.png").convert("RGB")
    curves.quantize(64).save(drawn, optimize=True)
    paths = [card, drawn]
    for figure, name in {"median": "faces", **{name: name for name in express}}.items():
        paths.append(folder / f"{name}.jpg")
        Image.open(figures / f"{figure}.png").convert("RGB").save(paths[-1], quality=88)
    return paths


def _stages(config):
    """The stages that have steps, in words."""
    return ", then ".join(
        f"{stage.steps} steps of `{name}` at batch {config.batch_size(stage)}"
        for name, stage in config.stages()
        if stage.steps
    )


def _section(express):
    """The pictures of what the model can express, as Markdown."""
    if not express:
        return ""
    pictures = (f"{expressiveness.CAPTIONS[n]}\n\n![{n}]({n}.jpg)\n" for n in express)
    return "\n".join(["\n## What it can express\n", *pictures])
