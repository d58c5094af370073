"""The report's sections: numbers -> blocks, for whatever there is."""

import json
from typing import Any

from tf_nonlinear3dmm.evaluation import expressiveness, sections, tables
from tf_nonlinear3dmm.evaluation.document import Block
from tf_nonlinear3dmm.studies.paper import claims, report_text, trained_models
from tf_nonlinear3dmm.studies.study import Study

POWER = "Error against code size, with 95 % intervals."
CAPTIONS = {
    **sections.CAPTIONS,
    "reconstructions": "Input, ground truth and each method's shape, aligned, in the true pose.",
    "textures": "Photos unwrapped, and what each model makes of them; grey is out of sight.",
    **dict.fromkeys((table.figure for table in report_text.POWER.values()), POWER),
}


def blocks(study: Study, numbers: dict[str, Any]) -> list[Block]:
    """All sections of the report that `numbers` (of `report.write`) can fill: list of `Block`."""
    section = [Block("heading", "The paper's experiments on generated faces")]
    section += [Block("text", text) for text in _setting(study, numbers)]
    section += _verdicts(numbers)
    if "alignment" in numbers:
        section += [Block("heading", "Face alignment"), Block("text", report_text.ALIGNMENT)]
        section += [Block("text", report_text.PAPER), _alignment(numbers["alignment"])]
        section += _figures(study, "cumulative")
    if "aflw2000_3d" in numbers:
        section += [
            Block("heading", "Face alignment on AFLW2000-3D"),
            Block("text", report_text.ALIGNMENT),
        ]
        section += [_alignment(numbers["aflw2000_3d"])]
    if numbers.get("reconstruction"):
        section += [
            Block("heading", "3D reconstruction"),
            Block("text", report_text.RECONSTRUCTION),
        ]
        rows = tables.measures(numbers["reconstruction"])
        section += [Block("table", [*zip(*rows, strict=True)])]  # one row per method
        section += _figures(study, "error_maps", "reconstructions")
    section += _power(study, numbers["power"])
    drawn = _figures(study, *expressiveness.CAPTIONS)
    section += [Block("heading", "Expressiveness"), *drawn] if drawn else []
    return section + _cost(study, numbers)


def _setting(study, numbers):
    config = study.config
    steps = f"{config.pretrain.steps} + {config.finetune.steps}"
    yield (
        f"Command: `{numbers['command']}`; {numbers['machine']}; seed {config.train.seed}; the "
        "whole configuration is at the end."
    )
    yield (
        f"Every model is trained here on the same {config.data.train_examples} generated faces "
        f"(`{config.data.sources}`, {config.model.image_size} px), with {steps} steps of batch "
        f"{config.train.batch_size} (3DDFA: each of its {study.cascade} networks; SDM: "
        f"{len(study.descent.patches)} regressions), code size {study.code_size} unless a table "
        f"says otherwise, and tested on {config.data.test_examples} faces of other people. The "
        "weights of the losses are those of the nonlinear model's preset, chosen with that model; "
        "the other methods take them, or the settings of their papers, as they are."
    )
    if numbers["missing"]:
        yield "Not done yet: " + ", ".join(f"`{name}`" for name in numbers["missing"]) + "."
    for name, error in numbers["failed"].items():
        yield f"Failed: `{name}`: {error}"


def _verdicts(numbers):
    section = []
    if numbers["claims"]:
        section += [Block("heading", "What agrees with the paper and what goes against it")]
        section += [Block("table", [["the paper's claim", "here", "verdict"], *numbers["claims"]])]
    if numbers["questions"]:
        section += [Block("heading", "What the paper does not say")]
        section += [Block("table", [["question", "here", "answer"], *numbers["questions"]])]
    return section


def _figures(study, *names):
    """Those of the figures that are drawn."""
    drawn = [name for name in names if (study.folder / f"figures/{name}.png").exists()]
    return sections.figures(drawn, captions=CAPTIONS)


def _alignment(table):
    """The alignment table, and the paper's own balanced mean."""
    titles, *rows = tables.alignment(table)
    published = {name: row[3] for name, row in tables.PUBLISHED.items()}
    theirs = [published.get(report_text.PAPER_NAMES.get(method), "") for method in table]
    rows = [[*row, number] for row, number in zip(rows, theirs, strict=True)]
    return Block("table", [[*titles, "paper, balanced mean on AFLW2000-3D"], *rows])


def _power(study, power):
    section = []
    for name, (figure, _, factor, note) in report_text.POWER.items():
        if name in power:
            section += [Block("heading", f"Representation power: {name}")]
            section += [Block("text", note.format(faces=study.fit_faces, steps=study.fit_steps))]
            section += [Block("table", _by_size(power[name], factor))]
            section += _figures(study, figure)
        if name == claims.PHOTO:
            section += _figures(study, "textures")
    return section


def _by_size(table, factor):
    sizes = sorted({size for by_size in table.values() for size in by_size}, key=int)
    rows = [["model", *(f"code size {s}" if s != "0" else "no code" for s in sizes)]]
    for model, by_size in table.items():
        cells = [
            tables.with_interval([factor * x for x in by_size[s]]) if s in by_size else ""
            for s in sizes
        ]
        rows.append([model, *cells])
    return rows


def _cost(study, numbers):
    seconds, total = numbers["seconds"], sum(numbers["seconds"].values())
    parts = [["part", "minutes"], *([name, f"{s / 60:.1f}"] for name, s in seconds.items())]
    section = [Block("heading", "What it cost")]
    if "speed_ms" in numbers:
        section += [Block("table", _methods(study, numbers))]
    section += [Block("table", [*parts, ["all", f"{total / 60:.1f}"]])]
    return section + [Block("json", json.dumps(numbers["config"], indent=1))]


def _methods(study, numbers):
    """What each method was trained on, for how long, and how fast it answers."""
    rows = [["method", "labels", "minutes of training", "ms per test face"]]
    for method, run in trained_models.methods(study).items():
        if method in numbers["speed_ms"]:
            names = [run or method, f"{run}{trained_models.PRETRAIN}"]
            minutes = sum(numbers["seconds"].get(name, 0) for name in names) / 60
            labels = "teacher" if "teacher" in method else "ground truth"
            rows.append([method, labels, f"{minutes:.1f}", f"{numbers['speed_ms'][method]:.1f}"])
    return rows
