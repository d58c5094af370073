"""Numbers per face -> means with intervals, and those as Markdown."""

import numpy as np

from tf_nonlinear3dmm import metrics

# NME on AFLW2000-3D as the paper (CVPR 2018) reports it: three bins, balanced mean, std.
PUBLISHED = {
    "SDM": ("3.67", "4.94", "9.76", "6.12", "3.21"),
    "3DDFA": ("3.78", "4.54", "7.93", "5.42", "2.21"),
    "Linear 3DMM, same framework": ("", "", "", "5.61", ""),
    "Nonlinear 3DMM": ("", "", "", "4.70", ""),
}


def summarise(faces, seed=0):
    """Means with 95 % bootstrap intervals.

    Args:
        faces: what `Measures.per_face` returns.
        seed: of the bootstrap.

    Returns:
        dict with `alignment`: method -> `metrics.alignment_table`, and `measures`: measure ->
        method -> (mean, low, high, median, number of faces).
    """
    alignment, others = {}, {}
    for name, values in faces.items():
        if name == "yaw":
            continue
        measure, method = name
        good = np.isfinite(values)
        if not good.any():
            continue
        if measure == "nme":
            alignment[method] = metrics.alignment_table(values[good], faces["yaw"][good], seed)
        else:
            others.setdefault(measure, {})[method] = _mean(values[good], seed)
    return {"alignment": alignment, "measures": others}


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


def measures_markdown(measures):
    """One row per measure, one column per method."""
    methods = list(dict.fromkeys(m for by_method in measures.values() for m in by_method))
    rows = [["mean over faces", *methods, "faces"]]
    for name, found in measures.items():
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
