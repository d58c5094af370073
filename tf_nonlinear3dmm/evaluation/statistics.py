"""Errors per face -> means with 95 % bootstrap intervals over faces, by yaw and in all."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tf_nonlinear3dmm.evaluation import errors
from tf_nonlinear3dmm.evaluation.errors import PerFace

YAW_BINS = ("[0, 30]", "(30, 60]", "(60, 90]")
COLUMNS = (*YAW_BINS, "balanced mean", "mean", "std")
ALIGNMENTS = {  # key in a report -> (measure, yaw)
    "alignment": (errors.NME, errors.YAW),
    "alignment_reannotated": (errors.NME_REANNOTATED, errors.YAW),
    "alignment_by_label": (errors.NME, errors.YAW_LABEL),
    "alignment_reannotated_by_label": (errors.NME_REANNOTATED, errors.YAW_LABEL),
}


def yaw_bin(yaw_deg: np.ndarray) -> np.ndarray:
    """`[B]` yaw in degrees, either side -> `[B]` bin: 0 to 30, above 30 to 60, above 60."""
    return np.digitize(np.abs(yaw_deg), [30.0, 60.0], right=True)


def bootstrap(
    statistic: Callable[..., np.ndarray], *samples: np.ndarray, resamples: int = 1000, seed: int = 0
) -> np.ndarray:
    """The 95 % interval of a statistic when the faces are drawn again.

    Args:
        statistic: function of as many arrays `[..., B]` as there are samples, to `[..., S]`.
        *samples: arrays `[B]`, drawn together.
        resamples: number of draws.
        seed: of the draws.

    Returns:
        `[S, 2]`: lower and upper ends; NaN where a statistic had no face in every draw.
    """
    count = len(samples[0])
    picks = np.random.default_rng(seed).integers(0, count, [resamples, count])
    values = statistic(*(np.asarray(sample)[picks] for sample in samples))
    ends = np.full([values.shape[-1], 2], np.nan)
    for i, column in enumerate(values.T):
        if np.isfinite(column).any():
            ends[i] = np.percentile(column[np.isfinite(column)], [2.5, 97.5])
    return ends


def mean(values: Sequence[float] | np.ndarray, seed: int = 0) -> list[float]:
    """[mean, low, high] of `[B]` values, with a 95 % bootstrap interval."""
    values = np.asarray(values, np.float64)
    ends = bootstrap(lambda x: x.mean(-1, keepdims=True), values, seed=seed)[0]
    return [float(values.mean()), float(ends[0]), float(ends[1])]


def alignment_table(
    nme: Sequence[float] | np.ndarray, yaw_deg: np.ndarray, seed: int = 0
) -> dict[str, Any]:
    """One row of the alignment table.

    The published tables report the *balanced* mean, of the three bins' means, and the sample
    standard deviation of those three.

    Args:
        nme: `[B]` of each face, percent.
        yaw_deg: `[B]` true yaw.
        seed: of the bootstrap.

    Returns:
        Dict from each of `COLUMNS` to (value, low, high) with a 95 % bootstrap interval, and "n" to
        the number of faces in all and in each bin. A bin without faces is NaN and is left out of
        the balanced mean and of the standard deviation.
    """
    nme, bins = np.asarray(nme, np.float64), yaw_bin(yaw_deg)
    values = _alignment_statistics(nme, bins)
    ends = bootstrap(_alignment_statistics, nme, bins, seed=seed)
    rows = zip(COLUMNS, values, ends, strict=True)
    table: dict[str, Any] = {name: (float(v), *map(float, e)) for name, v, e in rows}
    table["n"] = [len(nme), *(int(np.sum(bins == b)) for b in range(len(YAW_BINS)))]
    return table


def _alignment_statistics(nme, bins):
    """`[..., B]` NME and bins -> `[..., 6]`: the bins' means, balanced mean, mean, std."""
    inside = bins[..., None, :] == np.arange(len(YAW_BINS))[:, None]
    counts = inside.sum(-1)
    sums = np.where(inside, nme[..., None, :], 0).sum(-1)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    filled = (counts > 0).sum(-1)
    balanced = np.nansum(means, -1) / filled
    squares = np.nansum((means - balanced[..., None]) ** 2, -1)
    std = np.where(filled > 1, np.sqrt(squares / np.maximum(filled - 1, 1)), np.nan)
    plain = nme.mean(-1)
    return np.concatenate([means, np.stack([balanced, plain, std], -1)], -1)


def summarise(faces: PerFace, seed: int = 0) -> dict[str, Any]:
    """The tables of a report.

    Args:
        faces: what `Measures.per_face` returns.
        seed: of the bootstrap.

    Returns:
        dict with `alignment` and, where there are such labels, the other keys of `ALIGNMENTS`:
        method -> `alignment_table`; and `measures`: measure -> method -> (mean, low, high,
        median, number of faces).
    """
    tables = {key: _alignment(faces, *names, seed) for key, names in ALIGNMENTS.items()}
    tables = {key: table for key, table in tables.items() if table or key == "alignment"}
    others: dict[str, dict[str, list[float]]] = {}
    for name, values in faces.items():
        if isinstance(name, str) or name[0] in (errors.NME, errors.NME_REANNOTATED):
            continue
        measure, method = name
        values = values[np.isfinite(values)]
        if len(values):
            numbers = [*mean(values, seed), float(np.median(values)), len(values)]
            others.setdefault(measure, {})[method] = numbers
    return {**tables, "measures": others}


def _alignment(faces, measure, yaw, seed):
    """Method -> alignment table of a measure, its faces sorted by one of the yaws."""
    tables = {}
    for name, values in faces.items():
        if not isinstance(name, str) and name[0] == measure and yaw in faces:
            good = np.isfinite(values) & np.isfinite(faces[yaw])
            if good.any():
                tables[name[1]] = alignment_table(values[good], faces[yaw][good], seed)
    return tables


def finite(value: Any) -> Any:
    """A value of dicts, lists and numbers for JSON, which has no NaN: None takes its place."""
    if isinstance(value, dict):
        return {key: finite(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
