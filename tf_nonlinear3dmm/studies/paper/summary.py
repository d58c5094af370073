"""The report on one page: claims, verdicts with intervals, four figures."""

import pathlib
from typing import Any

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.evaluation import errors, tables
from tf_nonlinear3dmm.evaluation.document import Block
from tf_nonlinear3dmm.studies.paper import budget, claims, report_text, sections, trained_models

FIGURES = ("cumulative", "reconstructions", "shape_power", "textures")
_WEAK = "Nonlinear, teacher, finetuned"
_POSTER = {  # row -> the nonlinear model that had the same labels
    **dict.fromkeys(trained_models.HEADLINE, trained_models.NONLINEAR),
    "Linear scan-200, teacher": _WEAK,
    _WEAK: _WEAK,
    errors.PREDICTED_POSE: trained_models.NONLINEAR,
}
# (table, model): about the error of the paper's nonlinear model over that of its linear one.
_GOALS = {
    (claims.SHAPE, "Nonlinear conv, trained on images"): 0.61,
    (claims.PHOTO, "Nonlinear, by gradient"): 0.64,
    (claims.PHOTO, "Nonlinear, by the encoder"): 0.64,
}
_SCANS = "Linear scan-200"
_OTHERS = ("Linear in the wild", "Linear oracle")  # of the same code size


def blocks(numbers: dict[str, Any], folder: pathlib.Path) -> list[Block]:
    """The page: list of `Block`; arguments as for `sections.blocks`."""
    page = [Block("heading", "The paper's claims on generated faces")]
    page += [Block("text", text) for text in _setting(numbers)]
    if numbers["claims"]:
        page += [Block("heading", "Claims"), Block("table", _claims(numbers))]
    if numbers.get("alignment"):
        page += [Block("heading", "Face alignment"), Block("text", _ALIGNMENT), _poster(numbers)]
    ratios = [*_ratios(numbers["power"])]
    if ratios:
        steps = numbers["setting"]["fit_steps"]
        page += [Block("heading", "Representation power"), Block("text", _POWER.format(steps))]
        titles = ["", "code size", "error", _SCANS, "ratio", "goal", *_OTHERS]
        page += [Block("table", [titles, *ratios])]
    drawn = sections.figures(folder, *FIGURES)
    return page + ([Block("heading", "Figures"), *drawn] if drawn else [])


_NAMES = (
    "`scan-200`: principal components of 200 scans, the paper's linear model. `teacher`: trained "
    "on fits of it, as in the paper; `ground truth`: on true labels. `oracle`: principal "
    "components of true shapes and albedos."
)
_ALIGNMENT = (
    "NME in percent, balanced over three bins of yaw, with 95 % intervals over images. The ratio "
    "is the nonlinear model's error, with the same labels, over that of the row; the paper's is of "
    "AFLW2000-3D. The last row has no shape, but the nonlinear model's camera: what is worse loses "
    "by its camera."
)
_POWER = (
    "Errors of representing other people: of shape in percent of the eye distance, of texture in "
    "mean absolute colour difference times 100, with codes by least squares (linear), {} steps of "
    "Adam (nonlinear) or the encoder, which predicts the light too. `Linear in the wild` has "
    "learned from the same images. Goals are about the paper's ratios."
)


def _setting(numbers):
    config = configs.from_dict(numbers["config"])
    yield (
        "*Nonlinear 3D Face Morphable Model* (Tran and Liu, CVPR 2018; TPAMI 2019), tried on "
        f"{config.data.train_examples:,} generated images, of which each network sees "
        f"{budget.images(config):,} augmented ones. Tested on {config.data.test_examples} images "
        f"of other people ({numbers['setting']['fit_faces']} for representation power)"
        f"{_photos(numbers)}. {_trainings(numbers)}Made by `{numbers['command']}`; every table and "
        "its method: [the report](report.md)."
    )
    yield _NAMES
    if config.train.trunk:
        yield report_text.BEGINNING
    judged = numbers.get("networks")
    if judged:
        yield _flatness(judged)
    if numbers["missing"]:
        yield f"{len(numbers['missing'])} parts are not done yet."


def _photos(numbers):
    """The second set of faces, in words; empty without one."""
    if "photos" not in numbers:
        return ""
    count = next(iter(numbers["photos"].values()))["n"][0]
    return f" and the {count} of `{numbers['setting']['photos']}`"


def _flatness(judged):
    """A sentence on how many of the networks were trained until their error was flat."""
    gains = {flat: [] for flat in (True, False)}
    for own in judged.values():
        gains[own["flat"]].append(100 * own["gain"])
    text = (
        f"The validation error of {len(gains[True])} of {len(judged)} networks was flat: over the "
        f"last third of the images, at a falling learning rate, it fell by less than "
        f"{100 * budget.GAIN:g} %"
    )
    return text + (f"; of the others, by up to {max(gains[False]):.1f} %." if gains[False] else ".")


def _claims(numbers):
    """Rows of claims, with what both sets of faces say of each."""
    sets = {"generated people": ""}
    if "photos" in numbers:
        sets[f"`{numbers['setting']['photos']}`"] = claims.on(numbers["setting"]["photos"])
    rows: dict[str, dict[str, list[str]]] = {}
    for question, *answer in numbers["claims"]:
        where = max((w for w in sets.values() if w in question), key=len)
        rows.setdefault(question.replace(where, "", 1), {})[where] = answer
    titles = ["the paper's claim", *(t for name in sets for t in (name, "verdict"))]
    return [titles] + [
        [question, *(cell for where in sets.values() for cell in row.get(where, ["", ""]))]
        for question, row in rows.items()
    ]


def _trainings(numbers):
    """A sentence on how often the methods of the paper's table were trained; empty if once."""
    seeds = numbers.get("seeds", {})
    counts = {len(seeds.get(method, [None])) for method in trained_models.HEADLINE}
    if max(counts) == 1:
        return ""
    times = " to ".join(str(count) for count in sorted({min(counts), max(counts)}))
    apart = max(max(values) - min(values) for values in seeds.values())
    return (
        f"The methods of the paper's table were trained {times} times, with NMEs at most "
        f"{apart:.2f} apart; the table has the means. "
    )


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
        if model not in models or _SCANS not in models:
            continue
        size = max(models[model], key=int)
        own, scans, *others = (_at(models.get(m, {}), size) for m in (model, _SCANS, *_OTHERS))
        ratio = f"{own[1][0] / scans[1][0]:.2f}" if scans else ""
        factor = report_text.POWER[table].factor
        cells = [_cell(found, size, factor) for found in (own, scans, *others)]
        yield [f"{table}: {model}", size, *cells[:2], ratio, f"{goal:.2f}", *cells[2:]]


def _at(by_size, size):
    """(code size, error) at a code size or the last one below it; None where there is none."""
    sizes = [s for s in by_size if int(s) <= int(size)]
    last = max(sizes, key=int, default=None)
    return last and (last, by_size[last])


def _cell(found, size, factor):
    """An error of `_at`, with its code size where that is another than `size`."""
    if not found:
        return ""
    last, error = found
    return tables.with_interval([factor * x for x in error]) + (f" at {last}" * (last != size))
