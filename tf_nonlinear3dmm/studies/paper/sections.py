"""The report's sections: numbers -> blocks, for whatever there is."""

import json
import pathlib
from typing import Any

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.evaluation import expressiveness, sections, tables
from tf_nonlinear3dmm.evaluation.document import Block
from tf_nonlinear3dmm.studies.paper import budget, claims, report_text, trained_models

POWER = (
    "Error against code size, with 95 % intervals; points are shifted sideways to be told apart."
)
CAPTIONS = {
    **sections.CAPTIONS,
    "cumulative": "Share of the generated test faces below an NME.",
    "reconstructions": "Each method's shape, aligned, in the true pose: errors of the camera do "
    "not show.",
    "textures": "Photos unwrapped, and what each model makes of them at its largest code size; "
    "grey is out of sight.",
    **dict.fromkeys((table.figure for table in report_text.POWER.values()), POWER),
}


def blocks(numbers: dict[str, Any], folder: pathlib.Path) -> list[Block]:
    """All sections of the report that the numbers can fill: list of `Block`.

    Args:
        numbers: of `report.write`, as in report.json.
        folder: the figures that are shown lie in its `figures`.
    """
    section = [Block("heading", "The paper's experiments on generated faces")]
    section += [Block("text", text) for text in _setting(numbers)]
    section += _verdicts(numbers)
    if "alignment" in numbers:
        section += [Block("heading", "Face alignment"), Block("text", report_text.ALIGNMENT)]
        section += [Block("text", report_text.PAPER)]
        section += [_alignment(numbers["alignment"], numbers.get("seeds", {}))]
        section += figures(folder, "cumulative")
    if "photos" in numbers:
        name = numbers["setting"]["photos"]
        section += [Block("heading", f"Face alignment on `{name}`")]
        section += [
            Block("text", report_text.ALIGNMENT),
            _alignment(numbers["photos"], numbers.get("photo_seeds", {})),
        ]
    if numbers.get("reconstruction"):
        section += [
            Block("heading", "3D reconstruction"),
            Block("text", report_text.RECONSTRUCTION),
        ]
        rows = tables.measures(numbers["reconstruction"])
        section += [Block("table", [*zip(*rows, strict=True)])]  # one row per method
        section += figures(folder, "error_maps", "reconstructions")
    section += _power(numbers, folder)
    drawn = figures(folder, *expressiveness.CAPTIONS)
    section += [Block("heading", "Expressiveness"), *drawn] if drawn else []
    return section + _networks(numbers) + _cost(numbers)


def _setting(numbers):
    config, setting = configs.from_dict(numbers["config"]), numbers["setting"]
    yield (
        f"Command: `{numbers['command']}`; {numbers['machine']}; seed {config.train.seed}; the "
        "whole configuration is at the end."
    )
    yield (
        f"Every model is trained here on the same {config.data.train_examples} generated faces "
        f"(`{config.data.sources}`, {config.model.image_size} px), with {sections.stages(config)} "
        f"(3DDFA: each of its {setting['cascade']} networks on as many images; SDM: "
        f"{setting['regressions']} regressions), code size {setting['code_size']} unless a table "
        f"says otherwise, and tested on {config.data.test_examples} faces of other people. The "
        "weights of the losses are those of the nonlinear model's preset, chosen with that model; "
        "the other methods take them, or the settings of their papers, as they are."
    )
    if config.train.trunk:
        yield report_text.TRUNK
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


def figures(folder: pathlib.Path, *names: str) -> list[Block]:
    """Those of the figures that are drawn."""
    drawn = [name for name in names if (folder / f"figures/{name}.png").exists()]
    return sections.figures(drawn, captions=CAPTIONS)


def _alignment(table, seeds):
    """The alignment table, the balanced mean of each seed, and the paper's own."""
    titles, *rows = tables.alignment(table)
    columns = {"paper, balanced mean on AFLW2000-3D": [published(method) for method in table]}
    if seeds:
        words = {method: ", ".join(f"{x:.2f}" for x in values) for method, values in seeds.items()}
        own = {"balanced mean of each seed": [words.get(method, "") for method in table]}
        columns = own | columns
    rows = [[*row, *more] for row, *more in zip(rows, *columns.values(), strict=True)]
    return Block("table", [[*titles, *columns], *rows])


def published(method: str) -> str:
    """The paper's own balanced mean NME of a method on AFLW2000-3D, or nothing."""
    name = report_text.PAPER_NAMES.get(method)
    return tables.PUBLISHED[name][3] if name else ""


def _power(numbers, folder):
    section, power, setting = [], numbers["power"], numbers["setting"]
    words = dict(faces=setting["fit_faces"], steps=setting["fit_steps"])
    words |= dict(labels=setting["image_labels"].replace("_", " "), basis=setting["basis_faces"])
    for name, (figure, _, factor, note) in report_text.POWER.items():
        if name in power:
            section += [Block("heading", f"Representation power: {name}")]
            section += [Block("text", note.format(**words))]
            section += [Block("table", _by_size(power[name], factor))]
            section += figures(folder, figure)
        if name == claims.PHOTO:
            section += figures(folder, "textures")
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


def _networks(numbers):
    """Whether each network was trained until its error was flat."""
    judged = numbers.get("networks")
    if not judged:
        return []
    rows = [["network", "images", "error before the last third", "at the end", "gain", "flat"]]
    for name, own in judged.items():
        errors = (f"{own[k]:.2f}" for k in ("before", "after"))
        cells = [f"{own['images']:,}", *errors, f"{100 * own['gain']:.1f} %"]
        rows.append([name, *cells, "yes" if own["flat"] else "no"])
    note = report_text.NETWORKS.format(gain=100 * budget.GAIN)
    heading = Block("heading", "Was it trained long enough?")
    return [heading, Block("text", note), Block("table", rows)]


def _cost(numbers):
    seconds, total = numbers["seconds"], sum(numbers["seconds"].values())
    parts = [["part", "minutes"], *([name, f"{s / 60:.1f}"] for name, s in seconds.items())]
    section = [Block("heading", "What it cost")]
    if "speed_ms" in numbers:
        section += [Block("table", _methods(numbers))]
    section += [Block("table", [*parts, ["all", f"{total / 60:.1f}"]])]
    return section + [Block("json", json.dumps(numbers["config"], indent=1))]


def _methods(numbers):
    """What each method was trained on, once, for how long, and how fast it answers."""
    rows = [["method", "labels", "images", "minutes of training", "ms per test face"]]
    images = numbers.get("images", {})
    for method, run in trained_models.methods(numbers["setting"]["code_size"]).items():
        if method in numbers["speed_ms"]:
            names = [run, f"{run}{trained_models.PRETRAIN}"]
            minutes = sum(numbers["seconds"].get(name, 0) for name in names) / 60
            labels = "teacher" if "teacher" in method else "ground truth"
            cells = [images.get(method, ""), f"{minutes:.1f}"]
            rows.append([method, labels, *cells, f"{numbers['speed_ms'][method]:.1f}"])
    return rows
