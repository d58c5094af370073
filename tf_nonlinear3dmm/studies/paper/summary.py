"""The report on one page: claims, verdicts with intervals, four figures."""

import pathlib
from typing import Any

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.evaluation import tables
from tf_nonlinear3dmm.evaluation.document import Block
from tf_nonlinear3dmm.studies.paper import budget, claims, report_text, sections, trained_models

FIGURES = ("cumulative", "reconstructions", "shape_power", "textures")
_WEAK = "Nonlinear, teacher, finetuned"
_POSTER = {  # row -> the nonlinear model that had the same labels
    **dict.fromkeys(trained_models.HEADLINE, trained_models.NONLINEAR),
    "Linear scan-200, teacher": _WEAK,
    _WEAK: _WEAK,
}
# (table, model): about the error of the paper's nonlinear model over that of its linear one.
_GOALS = {
    (claims.SHAPE, "Nonlinear conv, trained on images"): 0.61,
    (claims.PHOTO, "Nonlinear, by gradient"): 0.64,
    (claims.PHOTO, "Nonlinear, by the encoder"): 0.64,
}
_LINEAR, _ORACLE = "Linear scan-200", "Linear oracle"


def blocks(numbers: dict[str, Any], folder: pathlib.Path) -> list[Block]:
    """The page: list of `Block`; arguments as for `sections.blocks`."""
    page = [Block("heading", "The paper's claims on generated faces")]
    page += [Block("text", text) for text in _setting(numbers)]
    if numbers["claims"]:
        page += [Block("heading", "Claims")]
        page += [Block("table", [["the paper's claim", "here", "verdict"], *numbers["claims"]])]
    if numbers.get("alignment"):
        page += [Block("heading", "Face alignment"), Block("text", _ALIGNMENT), _poster(numbers)]
    ratios = [*_ratios(numbers["power"])]
    if ratios:
        page += [Block("heading", "Representation power"), Block("text", _POWER)]
        titles = ["", "code size", "error", _LINEAR, "ratio", "goal", _ORACLE]
        page += [Block("table", [titles, *ratios])]
    drawn = sections.figures(folder, *FIGURES)
    return page + ([Block("heading", "Figures"), *drawn] if drawn else [])


_ALIGNMENT = (
    "NME in percent, balanced over three bins of yaw, with 95 % intervals over faces. The ratio is "
    "the nonlinear model's error, with the same labels, over that of the row; the paper's is of "
    "AFLW2000-3D."
)
_POWER = (
    "The least error with which a model can represent faces of other people, and its ratio to that "
    "of 200 scans. The goals are about the ratios of the paper, on other faces."
)


def _setting(numbers):
    config = configs.from_dict(numbers["config"])
    yield (
        f"Everything is trained here, on {config.data.train_examples:,} generated faces and "
        f"{budget.images(config):,} images for each network, and tested on "
        f"{config.data.test_examples} faces of other people. {_trainings(numbers)}Made by "
        f"`{numbers['command']}`; every table and how it was measured: [the report](report.md)."
    )
    if config.train.trunk:
        yield report_text.BEGINNING
    judged = numbers.get("networks")
    if judged:
        flat = sum(own["flat"] for own in judged.values())
        gains = [100 * own["gain"] for own in judged.values()]
        yield (
            f"{flat} of {len(judged)} networks were trained until their validation error was flat: "
            f"over the last third of the images it fell by {min(gains):.1f} to {max(gains):.1f} %."
        )
    if numbers["missing"]:
        yield f"{len(numbers['missing'])} parts are not done yet."


def _trainings(numbers):
    """A sentence on how often the methods of the paper's table were trained; empty if once."""
    seeds = numbers.get("seeds", {})
    counts = {len(seeds.get(method, [None])) for method in trained_models.HEADLINE}
    if max(counts) == 1:
        return ""
    times = " to ".join(str(count) for count in sorted({min(counts), max(counts)}))
    return f"The methods of the paper's table were trained {times} times; it has their means. "


def _poster(numbers):
    """Rows of the paper's table, on both sets of faces."""
    sets = {"generated people": numbers["alignment"]}
    if "photos" in numbers:
        sets[f"`{numbers['setting']['photos']}`"] = numbers["photos"]
    titles = ["method", *(t for name in sets for t in (f"NME, {name}", "ratio")), "paper's ratio"]
    rows = [titles]
    for method, ours in _POSTER.items():
        cells = [cell for table in sets.values() for cell in _against(table, method, ours)]
        if any(cells):
            rows.append([method, *cells, _published_ratio(method)])
    return Block("table", rows)


def _against(table, method, ours):
    """(NME with its interval, ratio of ours to it) of a row; empty where it is not measured."""
    if method not in table:
        return "", ""
    own = table[method]["balanced mean"]
    known = ours in table and method != ours and own[0] and table[ours]["balanced mean"][0]
    ratio = f"{table[ours]['balanced mean'][0] / own[0]:.2f}" if known else ""
    return tables.with_interval(own), ratio


def _published_ratio(method):
    names = report_text.PAPER_NAMES | {trained_models.HEADLINE[0]: "Linear 3DMM, same framework"}
    name = names.get(method)
    if name is None or name == "Nonlinear 3DMM":
        return ""
    best, other = (float(tables.PUBLISHED[k][3]) for k in ("Nonlinear 3DMM", name))
    return f"{best / other:.2f}"


def _ratios(power):
    """A row for each model with a goal: at its largest code size, as in the paper."""
    for (table, model), goal in _GOALS.items():
        models = power.get(table, {})
        if model not in models or _LINEAR not in models:
            continue
        size = max(models[model], key=int)
        own, linear, oracle = (_at(models.get(m, {}), size) for m in (model, _LINEAR, _ORACLE))
        ratio = f"{own[0] / linear[0]:.2f}" if own and linear else ""
        factor = report_text.POWER[table].factor
        cells = [tables.with_interval([factor * x for x in c]) if c else "" for c in (own, linear)]
        last = tables.with_interval([factor * x for x in oracle]) if oracle else ""
        yield [f"{table}: {model}", size, *cells, ratio, f"{goal:.2f}", last]


def _at(by_size, size):
    """The error at a code size, or at the last one below it; None where there is none."""
    sizes = [s for s in by_size if int(s) <= int(size)]
    return by_size[max(sizes, key=int)] if sizes else None
