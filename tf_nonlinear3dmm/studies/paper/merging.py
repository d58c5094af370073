"""Reports of one study whose parts were done in several folders -> one.

The means of methods are linear in the errors, so that those of all trainings follow from those of
each report. The ends of their intervals are averaged alike: no narrower than the interval of all.
"""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from tf_nonlinear3dmm import training
from tf_nonlinear3dmm.evaluation import statistics
from tf_nonlinear3dmm.studies.paper import claims, trained_models

Numbers = dict[str, Any]  # of `report.write`, as in report.json
_WHOLE = ("images", "networks", "seconds", "speed_ms")  # the later report has the last word


def merge(reports: Sequence[Numbers]) -> Numbers:
    """The numbers of all reports as those of one.

    Args:
        reports: numbers of report.json, not empty; methods that are in several of them were
            trained with other seeds in each.

    Raises:
        training.RunError: they are of studies that differ in more than the folder of their data.
    """
    first, *others = reports
    for other in others:
        if _study(other) != _study(first):
            raise training.RunError("reports of studies of different configurations")
    missing = [n for n in first["missing"] if all(n in other["missing"] for other in others)]
    failed = {name: why for report in reports for name, why in report["failed"].items()}
    merged = first | {
        "missing": missing,
        "failed": {name: why for name, why in failed.items() if name in missing},
        "power": _power([report["power"] for report in reports]),
    }
    for name in ("claims", "questions"):
        merged[name] = claims.merge([report[name] for report in reports])
    for name in _WHOLE:
        merged[name] = {k: v for r in reports for k, v in r.get(name, {}).items()}
    for name, seeds in (("alignment", "seeds"), ("photos", "photo_seeds")):
        tables = [report.get(name, {}) for report in reports]
        trainings = [_trainings(r, t, seeds) for r, t in zip(reports, tables, strict=True)]
        merged[name] = {method: _with_std(r) for method, r in _means(tables, trainings).items()}
        merged[seeds] = _several(trainings)
    trainings = [_trainings(r, r.get("alignment", {}), "seeds") for r in reports]
    tables = [report.get("reconstruction", {}) for report in reports]
    merged["reconstruction"] = {
        measure: _means([table.get(measure, {}) for table in tables], trainings)
        for measure in dict.fromkeys(m for table in tables for m in table)
    }
    return {name: value for name, value in merged.items() if value or name in first}


def _study(report):
    """What reports of one study share."""
    config = copy.deepcopy(report["config"])
    config["data"].pop("folder")
    return config, report["setting"]


def _trainings(report, table, seeds):
    """Method -> the balanced means of its trainings in a report."""
    return {m: report.get(seeds, {}).get(m, [row["balanced mean"][0]]) for m, row in table.items()}


def _several(trainings):
    """Method -> the balanced means of all its trainings, where there are several."""
    joined = {m: sum((each.get(m, []) for each in trainings), []) for m in trained_models.HEADLINE}
    return {method: values for method, values in joined.items() if len(values) > 1}


def _means(tables, trainings):
    """Rows of all tables: means over the trainings where a method is in several of them."""
    rows, weights = {}, {}
    for table, counted in zip(tables, trainings, strict=True):
        for method, row in table.items():
            rows.setdefault(method, []).append(row)
            weights.setdefault(method, []).append(len(counted.get(method, [0])))
    return {method: _mean(each, weights[method]) for method, each in rows.items()}


def _mean(values, weights):
    """The weighted mean of numbers, or of lists or dicts of them, entry by entry; None is kept."""
    if isinstance(values[0], dict):
        return {key: _mean([value[key] for value in values], weights) for key in values[0]}
    if isinstance(values[0], list):
        return [_mean(each, weights) for each in zip(*values, strict=True)]
    if len(values) == 1 or isinstance(values[0], int):  # a count of faces
        return values[0]
    return None if None in values else float(np.average(values, weights=weights))


def _with_std(row):
    """A row of the alignment table; the deviation between the bins is not linear in them."""
    bins = [row[name][0] for name in statistics.YAW_BINS if row[name][0] is not None]
    deviation = float(np.std(bins, ddof=1)) if len(bins) > 1 else None
    return row | {"std": [deviation, *row["std"][1:]]}


def _power(tables):
    """Table -> model -> code size -> error, of all reports; code sizes rise."""
    merged = {}
    for table in tables:
        for name, models in table.items():
            for model, by_size in models.items():
                merged.setdefault(name, {}).setdefault(model, {}).update(by_size)
    return {
        name: {model: dict(sorted(s.items(), key=lambda x: int(x[0]))) for model, s in own.items()}
        for name, own in merged.items()
    }
