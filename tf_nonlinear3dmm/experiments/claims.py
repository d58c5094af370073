"""The paper's claims held against the numbers: agrees, goes against the paper, or undecided.

Every comparison is paired: the interval is that of the difference on the same faces.
"""

import numpy as np

from tf_nonlinear3dmm import metrics
from tf_nonlinear3dmm.experiments.alignment import mean

ALIGNMENT_PAIRS = [
    ("Nonlinear, teacher, finetuned", "Linear 3DMM, scan-200"),
    ("Nonlinear, truth", "Linear 3DMM, scan-200"),
    ("Nonlinear, truth", "Linear 3DMM, oracle"),
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


def judge(found, shape, texture):
    """Rows (claim, what is seen here, verdict).

    Args:
        found: `alignment.errors`.
        shape: model -> code size -> errors `[N]`.
        texture: target -> the same.
    """
    rows = [_alignment(found, *pair) for pair in ALIGNMENT_PAIRS]
    rows += [_beyond_the_teacher(found)]
    rows += [_power(shape, *pair, "shape") for pair in SHAPE_PAIRS]
    for pair in TEXTURE_PAIRS:
        rows += [_power(table, *pair, f"texture ({name})") for name, table in texture.items()]
    return [row for row in rows if row]


def _verdict(low, high):
    """Of the interval of (worse - better)."""
    if low > 0:
        return "agrees"
    return "goes against the paper" if high < 0 else "undecided"


def _alignment(found, better, worse):
    """The balanced mean is linear in the errors, so that of the differences is the difference."""
    nme = found["nme"]
    rows = [nme[better], nme[worse], nme[worse] - nme[better]]
    ours, theirs, gain = (metrics.alignment_table(r, found["yaw"])["balanced mean"] for r in rows)
    seen = f"balanced NME {ours[0]:.2f} against {theirs[0]:.2f}, gain {_interval(gain)}"
    return [f"alignment: `{better}` beats `{worse}`", seen, _verdict(*gain[1:])]


def _beyond_the_teacher(found):
    pair = "Nonlinear, teacher, pretrained", "Nonlinear, teacher, finetuned"
    before, after = (found["mm"][method] for method in pair)
    gain = mean(before - after)
    seen = f"{np.mean(before):.2f} mm before, {np.mean(after):.2f} mm after, gain {_interval(gain)}"
    claim = "reconstruction: finetuning on images teaches shape beyond the teacher's"
    return [claim, seen, _verdict(*gain[1:])]


def _power(table, better, worse, what):
    """At every code size; a model that ends at a smaller size is compared at its last."""
    if better not in table or worse not in table:
        return None
    parts, verdicts = [], []
    for size, ours in table[better].items():
        sizes = [s for s in table[worse] if int(s) <= int(size)]
        if not sizes:
            continue
        theirs = table[worse][max(sizes, key=int)]
        good = np.isfinite(ours) & np.isfinite(theirs)
        gain = mean((np.asarray(theirs) - np.asarray(ours))[good])
        verdicts.append(_verdict(*gain[1:]))
        means = (
            f"{np.mean(np.asarray(ours)[good]):.3g} against {np.mean(np.asarray(theirs)[good]):.3g}"
        )
        parts.append(f"size {size}: {means} ({verdicts[-1]})")
    verdict = verdicts[0] if len(set(verdicts)) == 1 else "differs by code size"
    return [f"{what}: `{better}` beats `{worse}`", "; ".join(parts), verdict]


def _interval(numbers):
    return "{:+.2f} ({:+.2f} to {:+.2f})".format(*numbers)
