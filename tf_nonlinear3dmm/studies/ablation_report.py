"""Errors of models that differ in one part -> report.md and report.json: what each part does.

The difference to the full model is paired, face by face, and so is its bootstrap interval.
"""

import json
from typing import Any

import numpy as np

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.evaluation import document, sections, statistics, tables
from tf_nonlinear3dmm.evaluation.document import Block
from tf_nonlinear3dmm.studies import pictures
from tf_nonlinear3dmm.studies.study import Study

MEASURES = {  # of evaluation.measures -> (title, factor)
    "nme": ("NME (%)", 1),
    "vertex error (mm)": ("vertices (mm)", 1),
    "normal angle (degrees)": ("normals (degrees)", 1),
    "albedo L1": ("albedo x 100", 100),
    "albedo L1 up to colour gain": ("albedo up to gain x 100", 100),
    "image L1 on the visible face": ("image x 100", 100),
}

CAPTIONS = {"albedo": "Albedo of the first test faces, on the mean face."}


Effects = dict[str, dict[str, dict[str, list[float]]]]


def compare(errors: dict[str, dict[str, np.ndarray]], seed: int = 0) -> Effects:
    """Row -> title of a measure -> dict of `mean` and `difference`, each (value, low, high).

    Args:
        errors: row -> measure -> `[N]` errors of the same faces; the first row is the full model.
        seed: of the bootstrap.

    Returns:
        The means with their 95 % intervals; `difference` is that to the full model, above 0 where
        the row is worse.
    """
    full = next(iter(errors.values()))
    effects: Effects = {}
    for row, own in errors.items():
        effects[row] = {}
        for measure, (title, factor) in MEASURES.items():
            if measure not in own:
                continue
            good = np.isfinite(own[measure]) & np.isfinite(full[measure])
            both = [factor * np.asarray(x)[good] for x in (own[measure], full[measure])]
            effects[row][title] = {
                "mean": statistics.mean(both[0], seed),
                "difference": statistics.mean(both[0] - both[1], seed),
            }
    return effects


def effect_rows(effects: Effects) -> list[list[str]]:
    """The table for the docs: the full model's errors, and below how far each row is from them."""
    titles = [*next(iter(effects.values()))]
    rows = [["", *titles]]
    for i, (row, measured) in enumerate(effects.items()):
        cells = [measured[title] for title in titles]
        show = _change if i else lambda cell: tables.with_interval(cell["mean"])
        rows.append([row, *map(show, cells)])
    return rows


def _change(cell):
    value, low, high = cell["difference"]
    text = f"{value:+.2f} ({low:+.2f} to {high:+.2f})"
    return f"**{text}**" if low > 0 or high < 0 else text


def _mean_rows(effects: Effects) -> list[list[str]]:
    """The table of errors themselves."""
    titles = [*next(iter(effects.values()))]
    cells = {
        row: [tables.with_interval(m[title]["mean"]) for title in titles]
        for row, m in effects.items()
    }
    return [["", *titles], *([row, *values] for row, values in cells.items())]


def write(
    study: Study,
    errors: dict[str, dict[str, np.ndarray]],
    albedos: dict[str, np.ndarray],
    records: dict[str, dict[str, Any]],
    command: str,
) -> None:
    """Writes report.md, report.json and figures/albedo.png into the study's folder.

    Args:
        study: `Study`.
        errors: see `compare`.
        albedos: row -> `[N, Hu, Wu, 3]` albedo maps of the first test faces.
        records: part -> its record, see `schedule.records`.
        command: repeats the study.
    """
    effects = compare(errors, study.config.train.seed)
    everywhere = np.ones_like(next(iter(albedos.values()))[..., :1])
    shown = pictures.textures(study, {**albedos, "visible": everywhere})
    pictures.save(study, "albedo", shown)
    cost = [["part", "minutes"]]
    seconds = {name: record["seconds"] for name, record in records.items() if record}
    cost += [[name, f"{spent / 60:.1f}"] for name, spent in seconds.items()]
    blocks = [
        Block("heading", "What each part of the method does"),
        Block("text", _setting(study.config, command)),
        Block("heading", "Difference to the full model"),
        Block("text", _NOTE),
        Block("table", effect_rows(effects)),
        Block("heading", "Errors"),
        Block("table", _mean_rows(effects)),
        *sections.figures(["albedo"], captions=CAPTIONS),
        Block("heading", "What it cost"),
        Block("table", cost),
        Block("json", json.dumps(configs.to_dict(study.config), indent=1)),
    ]
    numbers = {"rows": effects, "seconds": seconds, "config": configs.to_dict(study.config)}
    study.write_text("report.json", json.dumps(numbers, indent=1) + "\n")
    study.write_text("report.md", document.to_markdown(blocks))


_NOTE = (
    "The first row is the error of the full model; below it stands how much larger the error is "
    "without a part, with the 95 % bootstrap interval of the paired difference over faces, bold "
    "where 0 lies outside. Above 0: the part helps. The intervals leave out the variation from one "
    "training to the next: `another seed` is the full model again, and a difference no larger than "
    "that row's means nothing."
)


def _setting(config, command):
    return (
        f"Every row is trained with {config.pretrain.steps} + {config.finetune.steps} steps of "
        f"batch {config.train.batch_size} on the same {config.data.train_examples} generated "
        f"faces, in the same order, seed {config.train.seed}, {config.model.image_size} px, width "
        f"{config.model.width}, and tested on {config.data.test_examples} faces of other people. "
        f"Command: `{command}`; the configuration is at the end."
    )
