"""What the paper claims, and what else one would like to know, judged by the numbers.

Every comparison is paired: the interval is that of the difference on the same faces.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from tf_nonlinear3dmm.evaluation import errors
from tf_nonlinear3dmm.evaluation.statistics import alignment_table, bootstrap, mean

ALIGNMENT, RECONSTRUCTION = "alignment", "reconstruction"
SHAPE, ALBEDO, PHOTO = "shape", "texture (albedo)", "texture (photo)"

TEACHER = "labels of the teacher"  # what the models that have learned from them imitate

# (table, better, worse): the paper says that the first has the smaller error.
CLAIMS = (
    (ALIGNMENT, "Nonlinear, teacher, finetuned", "Linear scan-200, teacher"),
    (ALIGNMENT, "Nonlinear, ground truth", "Linear scan-200, ground truth"),
    (ALIGNMENT, "Nonlinear, ground truth", "SDM"),
    (ALIGNMENT, "Nonlinear, ground truth", "3DDFA"),
    (ALIGNMENT, "Nonlinear, teacher, finetuned", "Nonlinear, teacher, pretrained"),
    (RECONSTRUCTION, "Nonlinear, teacher, finetuned", "Nonlinear, teacher, pretrained"),
    (SHAPE, "Nonlinear conv, trained on images", "Linear scan-200"),
    (PHOTO, "Nonlinear, by gradient", "Linear scan-200"),
    (PHOTO, "Nonlinear, by the encoder", "Linear scan-200"),
)
# The paper does not say; the first is the one that one might hope for.
QUESTIONS = (
    (ALIGNMENT, "Nonlinear, ground truth", "Linear oracle, ground truth"),
    (ALIGNMENT, "Nonlinear, ground truth", errors.PREDICTED_POSE),
    (RECONSTRUCTION, "Nonlinear, teacher, finetuned", "Linear scan-200, teacher"),
    (RECONSTRUCTION, "Nonlinear, teacher, finetuned", TEACHER),
    (RECONSTRUCTION, "Nonlinear, ground truth", "Linear scan-200, ground truth"),
    (RECONSTRUCTION, "Nonlinear, ground truth", "Linear oracle, ground truth"),
    (RECONSTRUCTION, "Nonlinear, ground truth", "3DDFA"),
    (ALIGNMENT, "CVPR 2019, teacher", "Nonlinear, teacher, finetuned"),
    (RECONSTRUCTION, "CVPR 2019, teacher", "Nonlinear, teacher, finetuned"),
    (SHAPE, "CVPR 2019, trained on images", "Nonlinear conv, trained on images"),
    (PHOTO, "CVPR 2019, by gradient", "Nonlinear, by gradient"),
    (PHOTO, "CVPR 2019, by the encoder", "Nonlinear, by the encoder"),
    (ALBEDO, "CVPR 2019, by the encoder", "Nonlinear, by the encoder"),
    (SHAPE, "Nonlinear conv, trained in 3D", "Linear scan-200"),
    (SHAPE, "Nonlinear conv, trained in 3D", "Linear oracle"),
    (SHAPE, "Nonlinear conv, trained in 3D", "Nonlinear mlp, trained in 3D"),
    (SHAPE, "Gaussian mixture", "Linear oracle"),
    (ALBEDO, "Nonlinear, by gradient", "Linear scan-200"),
    (ALBEDO, "Nonlinear, trained in 3D", "Linear oracle"),
    (PHOTO, "Nonlinear, trained in 3D", "Linear oracle"),
    (PHOTO, "Linear in the wild", "Linear scan-200"),
    (PHOTO, "Nonlinear, by gradient", "Linear in the wild"),
)
AGREES = {1: "agrees", -1: "goes against the paper", 0: "undecided"}
ANSWERS = {1: "yes", -1: "no", 0: "undecided"}
_RATIOS, _BY_SIZE = "ratio of the errors at ", "differs by code size"


Table = Mapping[str, Mapping[str, np.ndarray]]  # model -> code size -> errors `[N]`


def judge(
    faces: Mapping,
    tables: Mapping[str, Table],
    pairs: Sequence[tuple[str, str, str]],
    words: Mapping[int, str],
    where: str = "",
) -> list[list[str]]:
    """Rows (question, what is measured here, verdict), of those that the numbers can answer.

    Args:
        faces: (measure, method) -> `[N]`, as `Measures.per_face` gives them; may be empty.
        tables: `SHAPE`, `ALBEDO`, `PHOTO` -> model -> code size -> errors `[N]`.
        pairs: `CLAIMS` or `QUESTIONS`.
        words: `AGREES` or `ANSWERS`.
        where: the set of faces, of `on`; empty for the generated test people.
    """
    rows = []
    for kind, better, worse in pairs:
        if kind in (ALIGNMENT, RECONSTRUCTION):
            answer = _faces(faces, kind, better, worse)
        else:
            answer = _power(tables.get(kind, {}), better, worse)
        if answer:
            text, signs = answer
            verdict = words[signs[0]] if len({*signs}) == 1 else _BY_SIZE
            rows.append([f"{kind}{where}: `{better}` is better than `{worse}`", text, verdict])
    return rows


def on(name: str) -> str:
    """What stands in questions about another set of faces than the generated test people."""
    return f" on `{name}`"


def _sign(low, high):
    """Of the interval of (worse - better): 1 better, -1 worse, 0 neither."""
    return int(low > 0) - int(high < 0)


def _faces(faces, kind, better, worse):
    """The balanced mean is linear in the errors, so that of the differences is the difference."""
    measure = errors.NME if kind == ALIGNMENT else errors.VERTEX_SCALED
    if not {(measure, better), (measure, worse)} <= {*faces}:
        return None
    ours, theirs = faces[measure, better], faces[measure, worse]
    good = np.isfinite(ours) & np.isfinite(theirs) & np.isfinite(faces[errors.YAW])
    rows = [r[good] for r in (ours, theirs, theirs - ours)]
    if kind == ALIGNMENT:
        rows = [alignment_table(r, faces[errors.YAW][good])["balanced mean"] for r in rows]
        name, unit = "NME ", "%"
    else:
        rows, name, unit = [mean(r) for r in rows], "", "mm"
    ours, theirs, gain = rows
    interval = "{:+.2f} ({:+.2f} to {:+.2f})".format(*gain)
    text = f"{name}{ours[0]:.2f} against {theirs[0]:.2f} {unit}, gain {interval}"
    return text, [_sign(*gain[1:])]


def _ratio(ours, theirs):
    """(ratio of the means, low, high) with a 95 % bootstrap interval over faces."""
    ends = bootstrap(
        lambda a, b: a.mean(-1, keepdims=True) / b.mean(-1, keepdims=True), ours, theirs
    )
    return ours.mean() / theirs.mean(), *ends[0]


def _power(table, better, worse):
    """At every code size; a model that ends at a smaller size is compared at its last."""
    parts, signs = [], []
    for size, ours in table.get(better, {}).items():
        sizes = [s for s in table.get(worse, {}) if int(s) <= int(size)]
        if not sizes:
            continue
        last = max(sizes, key=int)
        ours, theirs = np.asarray(ours), np.asarray(table[worse][last])
        finite = np.isfinite(ours) & np.isfinite(theirs)
        ours, theirs = ours[finite], theirs[finite]
        signs.append(_sign(*mean(theirs - ours)[1:]))
        at = f"size {size}" if last == size else f"size {size} against {last}"
        parts.append(at + ": {:.2f} ({:.2f} to {:.2f})".format(*_ratio(ours, theirs)))
    return (_RATIOS + "; ".join(parts), signs) if parts else None


def merge(reports: Sequence[Sequence[Sequence[str]]]) -> list[list[str]]:
    """Rows of `judge` of several reports of one study -> one row for each question.

    Code sizes of a question are put in order; what other trainings say follows what the first do.
    """
    answers: dict[str, list[tuple[str, str]]] = {}
    for question, text, verdict in (row for rows in reports for row in rows):
        answers.setdefault(question, []).append((text, verdict))
    rows = []
    for question, each in answers.items():
        texts, verdicts = zip(*each, strict=True)
        verdict, other = verdicts[0], "differs by training"
        if texts[0].startswith(_RATIOS):
            sizes = {part for text in texts for part in text.removeprefix(_RATIOS).split("; ")}
            text, other = _RATIOS + "; ".join(sorted(sizes, key=_code_size)), _BY_SIZE
        else:
            others = [text.rpartition("gain ")[2] for text in dict.fromkeys(texts)][1:]
            text = "; other trainings: ".join([texts[0], *others])
        rows.append([question, text, verdict if len({*verdicts}) == 1 else other])
    return rows


def _code_size(ratio):
    """Of `size 64: 0.91 (0.89 to 0.93)`."""
    return int(ratio.removeprefix("size ").partition(":")[0].split()[0])
