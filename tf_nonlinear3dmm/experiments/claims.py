"""The paper's claims held against the numbers: agrees, goes against the paper, or undecided."""

import numpy as np

from tf_nonlinear3dmm.experiments.alignment import mean


def judge(found, alignment, shape, texture):
    """Rows (claim, what is seen here, verdict).

    Args:
        found: `alignment.errors`.
        alignment: method -> `metrics.alignment_table`.
        shape, texture: tables of representation power.
    """
    rows = [_alignment(found, alignment, *pair) for pair in PAIRS]
    rows += [_beyond_the_teacher(found)]
    rows += [row for better, worse in SHAPE_PAIRS if (row := _power(shape, better, worse, "shape"))]
    for better, worse in TEXTURE_PAIRS:
        for target, table in texture.items():
            row = _power(table, better, worse, f"texture ({target})")
            if row:
                rows.append(row)
    return rows


PAIRS = [
    ("Nonlinear, teacher, finetuned", "Linear 3DMM, scan-200"),
    ("Nonlinear, truth", "Linear 3DMM, scan-200"),
    ("Nonlinear, truth", "SDM"),
    ("Nonlinear, truth", "3DDFA"),
]
SHAPE_PAIRS = [
    ("Nonlinear conv, trained on images", "Linear scan-200"),
    ("Nonlinear conv, trained in 3D", "Linear scan-200"),
    ("Nonlinear conv, trained in 3D", "Linear oracle"),
    ("Nonlinear conv, trained in 3D", "Nonlinear mlp, trained in 3D"),
]
TEXTURE_PAIRS = [
    ("Nonlinear, by gradient", "Linear scan-200"),
    ("Nonlinear, by the encoder", "Linear scan-200"),
    ("Nonlinear, trained in 3D", "Linear oracle"),
]


def _verdict(low, high):
    """Of the interval of (worse - better)."""
    if low > 0:
        return "agrees"
    return "goes against the paper" if high < 0 else "undecided"


def _alignment(found, alignment, better, worse):
    """Paired over faces: a bootstrap of the difference of the plain means."""
    difference = found["nme"][worse] - found["nme"][better]
    value, low, high = mean(difference)
    balanced = [alignment[m]["balanced mean"][0] for m in (better, worse)]
    seen = (
        f"balanced NME {balanced[0]:.2f} against {balanced[1]:.2f}; faces' difference "
        f"{value:+.2f} ({low:+.2f} to {high:+.2f})"
    )
    return [f"alignment: `{better}` beats `{worse}`", seen, _verdict(low, high)]


def _beyond_the_teacher(found):
    pair = "Nonlinear, teacher, pretrained", "Nonlinear, teacher, finetuned"
    before, after = (found["mm"][method] for method in pair)
    value, low, high = mean(before - after)
    seen = (
        f"{np.mean(before):.2f} mm before, {np.mean(after):.2f} mm after; faces' gain "
        f"{value:+.3f} mm ({low:+.3f} to {high:+.3f})"
    )
    return ["finetuning on images teaches shape beyond the teacher's", seen, _verdict(low, high)]


def _power(table, better, worse, what):
    """At every code size that both have; linear scan-200 keeps its last size."""
    if better not in table or worse not in table:
        return None
    parts, verdicts = [], set()
    for size, ours in table[better].items():
        sizes = [s for s in table[worse] if int(s) <= int(size)]
        if not sizes:
            continue
        theirs = table[worse][max(sizes, key=int)]
        parts.append(f"{size}: {ours[0]:.3g} against {theirs[0]:.3g}")
        low, high = theirs[1] - ours[2], theirs[2] - ours[1]
        verdicts.add(_verdict(low, high))
    verdict = verdicts.pop() if len(verdicts) == 1 else "differs by code size"
    return [f"{what}: `{better}` beats `{worse}`", "; ".join(parts), verdict]
