"""Numbers per face -> means with intervals, and those as Markdown."""

import numpy as np

from tf_nonlinear3dmm import metrics
from tf_nonlinear3dmm.evaluation import measures

# NME on AFLW2000-3D as the paper (CVPR 2018) reports it: three bins, balanced mean, std.
PUBLISHED = {
    "SDM": ("3.67", "4.94", "9.76", "6.12", "3.21"),
    "3DDFA": ("3.78", "4.54", "7.93", "5.42", "2.21"),
    "Linear 3DMM, same framework": ("", "", "", "5.61", ""),
    "Nonlinear 3DMM": ("", "", "", "4.70", ""),
}
PER_FACE = (measures.YAW, measures.YAW_LABEL, measures.YAW_KNOWN)  # what is no measure
ALIGNMENTS = {  # key in a report -> (measure, yaw)
    "alignment": (measures.NME, measures.YAW),
    "alignment_reannotated": (measures.NME_REANNOTATED, measures.YAW),
    "alignment_by_label": (measures.NME, measures.YAW_LABEL),
    "alignment_reannotated_by_label": (measures.NME_REANNOTATED, measures.YAW_LABEL),
}


def summarise(faces, seed=0):
    """Means with 95 % bootstrap intervals.

    Args:
        faces: what `Measures.per_face` returns.
        seed: of the bootstrap.

    Returns:
        dict with `alignment` and, where there are such labels, the other keys of `ALIGNMENTS`:
        method -> `metrics.alignment_table`; and `measures`: measure -> method -> (mean, low, high,
        median, number of faces).
    """
    tables = {key: _alignment(faces, *names, seed) for key, names in ALIGNMENTS.items()}
    others = {}
    for name, values in faces.items():
        if name in PER_FACE or name[0] in (measures.NME, measures.NME_REANNOTATED):
            continue
        measure, method = name
        values = values[np.isfinite(values)]
        if len(values):
            others.setdefault(measure, {})[method] = _mean(values, seed)
    first = tables.pop("alignment")
    more = {key: table for key, table in tables.items() if table}
    return {"alignment": first, **more, "measures": others}


def _alignment(faces, measure, yaw, seed):
    """Method -> alignment table of a measure, its faces sorted by one of the yaws."""
    found = {}
    for name, errors in faces.items():
        if name not in PER_FACE and name[0] == measure and yaw in faces:
            good = np.isfinite(errors) & np.isfinite(faces[yaw])
            if good.any():
                found[name[1]] = metrics.alignment_table(errors[good], faces[yaw][good], seed)
    return found


def _mean(values, seed):
    ends = metrics.bootstrap(lambda x: x.mean(-1, keepdims=True), values, seed=seed)[0]
    return [float(x) for x in (values.mean(), *ends, np.median(values))] + [len(values)]


def alignment_markdown(alignment):
    """The alignment table: one row per method, NME in percent with its interval."""
    columns = [*metrics.YAW_BINS, "balanced mean", "mean", "std"]
    counts = next(iter(alignment.values()))["n"]
    heads = [f"{b} (n = {n})" for b, n in zip(metrics.YAW_BINS, counts[1:], strict=True)]
    rows = [["method", *heads, "balanced mean", f"mean (n = {counts[0]})", "std of the bins"]]
    rows += [[m, *(with_interval(t[c]) for c in columns)] for m, t in alignment.items()]
    return markdown(rows)


def published_markdown():
    """The paper's own table."""
    columns = [*metrics.YAW_BINS, "balanced mean", "std of the bins"]
    return markdown([["method", *columns], *([m, *row] for m, row in PUBLISHED.items())])


def measures_markdown(by_measure):
    """One row per measure, one column per method."""
    methods = list(dict.fromkeys(m for by_method in by_measure.values() for m in by_method))
    rows = [["mean over faces", *methods, "faces"]]
    for name, found in by_measure.items():
        cells = [with_interval(found[m]) if m in found else "" for m in methods]
        rows.append([name, *cells, str(next(iter(found.values()))[-1])])
    return markdown(rows)


def with_interval(numbers):
    """(value, low, high, ...) as `4.21 (4.02 to 4.40)`; a dash where there is none.

    NaN in a report, null in its report.json.
    """
    if numbers[0] is None or not np.isfinite(numbers[0]):
        return "-"
    value, low, high = (f"{x:.3g}" if abs(x) < 1 else f"{x:.2f}" for x in numbers[:3])
    return f"{value} ({low} to {high})"


def markdown(rows):
    """Rows of strings as a Markdown table; the first row holds the titles."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])


def finite(value):
    """A value of dicts, lists and numbers for JSON, which has no NaN: None takes its place."""
    if isinstance(value, dict):
        return {key: finite(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
