"""Means with intervals as rows of strings, the first of which holds the titles."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tf_nonlinear3dmm.evaluation.statistics import COLUMNS, YAW_BINS

# NME on AFLW2000-3D as the paper (CVPR 2018) reports it: three bins, balanced mean, std.
PUBLISHED = {
    "SDM": ("3.67", "4.94", "9.76", "6.12", "3.21"),
    "3DDFA": ("3.78", "4.54", "7.93", "5.42", "2.21"),
    "Linear 3DMM, same framework": ("", "", "", "5.61", ""),
    "Nonlinear 3DMM": ("", "", "", "4.70", ""),
}


def alignment(by_method: Mapping[str, dict[str, Any]]) -> list[list[str]]:
    """One row per method, NME in percent; of method -> `statistics.alignment_table`."""
    counts = next(iter(by_method.values()))["n"]
    heads = [f"{b} (n = {n})" for b, n in zip(YAW_BINS, counts[1:], strict=True)]
    titles = ["method", *heads, "balanced mean", f"mean (n = {counts[0]})", "std of the bins"]
    return [titles, *([m, *(with_interval(t[c]) for c in COLUMNS)] for m, t in by_method.items())]


def published() -> list[list[str]]:
    """The paper's own table."""
    titles = ["method", *YAW_BINS, "balanced mean", "std of the bins"]
    return [titles, *([method, *row] for method, row in PUBLISHED.items())]


def measures(by_measure: Mapping[str, Mapping[str, Sequence[float]]]) -> list[list[str]]:
    """One row per measure, one column per method; of the `measures` of `statistics.summarise`."""
    methods = list(dict.fromkeys(m for by_method in by_measure.values() for m in by_method))
    rows = [["mean over faces", *methods, "faces"]]
    for name, by_method in by_measure.items():
        cells = [with_interval(by_method[m]) if m in by_method else "" for m in methods]
        rows.append([name, *cells, str(next(iter(by_method.values()))[-1])])
    return rows


def with_interval(numbers: Sequence[float]) -> str:
    """(value, low, high, ...) as `4.21 (4.02 to 4.40)`; a dash where there is none.

    NaN in a report, null in its report.json.
    """
    if numbers[0] is None or not np.isfinite(numbers[0]):
        return "-"
    value, low, high = (f"{x:.3g}" if abs(x) < 1 else f"{x:.2f}" for x in numbers[:3])
    return f"{value} ({low} to {high})"
