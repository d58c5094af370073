"""The report in words: numbers -> blocks, and what could not be measured."""

import shlex
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.evaluation import errors, expressiveness, tables
from tf_nonlinear3dmm.evaluation.document import Block
from tf_nonlinear3dmm.evaluation.errors import PerFace
from tf_nonlinear3dmm.evaluation.subject import Subject

CAPTIONS = {  # of the figures of every report
    "best": "The faces of smallest landmark error.",
    "median": "Faces around the median.",
    "worst": "The faces of largest landmark error.",
    "cumulative": "Share of faces below an error.",
    "error_maps": "Mean distance to the true vertex after rigid alignment.",
    "curves": "Training: losses and errors by step.",
    **expressiveness.CAPTIONS,
}
LANDMARKS = {  # key of `statistics.ALIGNMENTS` -> what stands above its table
    "alignment": "Mean distance of the 68 points over the size of their box (NME, percent), by "
    "yaw.",
    "alignment_reannotated": "The same against the re-annotated landmarks:",
    "alignment_by_label": "Sorted by the yaw that AFLW's own labels give, as 3DDFA's second split:",
    "alignment_reannotated_by_label": "Against the re-annotated landmarks, sorted likewise:",
}
LABELS = {errors.VERTEX_MM: "vertices", errors.ALBEDO: "albedo", errors.LIGHT: "illumination"}
SHOWN = 5  # bad records that are named
_TEST_SET = "aflw2000_3d"  # of the published table


def notes(subject: Subject, per_face: PerFace, report: dict[str, Any]) -> list[str]:
    """What the test set does not know and what the report does instead, as sentences."""
    nme = per_face[errors.NME, errors.MODEL]
    located = np.isfinite(nme)
    lines = []
    if "landmark_visible" in subject.split:
        visible = subject.split["landmark_visible"][subject.split.rows[: len(located)]]
        partly = np.sum(visible.any(axis=1) & ~visible.all(axis=1))
        if partly:
            lines.append(f"{partly} faces have hidden landmarks, which count nowhere.")
    estimated = np.sum(located & ~per_face[errors.YAW_KNOWN].astype(bool))
    if not located.any():
        lines.append("No face of this set has landmarks: alignment is not measured.")
    elif not located.all():
        lines.append(f"{located.sum()} of {len(located)} faces have landmarks.")
    if estimated:
        lines.append(
            f"{estimated} faces have no label of yaw: it is that of the mean face in its best pose."
        )
    missing = [label for measure, label in LABELS.items() if measure not in report["measures"]]
    if missing:
        lines.append(f"Not in this set, and so not measured: true {', '.join(missing)}.")
    if subject.train is None:
        lines.append("Latent traversals need labels of age and the like: they are not drawn.")
    if subject.request.name == _TEST_SET and "alignment_reannotated" not in report:
        lines.append(
            "No re-annotated landmarks: AFLW2000-3D-Reannotated.pts68.npy does not lie beside the "
            "2,000 images."
        )
    return lines


def blocks(report: dict[str, Any], pictures: Mapping[str, np.ndarray]) -> list[Block]:
    """The report, list of `Block`; `pictures` has the names of the figures."""
    words = [w for k in ("run", "source", "split") if report[k] for w in (f"--{k}", report[k])]
    about = f"{report['faces']} faces of `{report['source']}`, split `{report['split']}`."
    intervals = "Brackets: 95 % bootstrap intervals over faces."
    parts = [
        Block("heading", f"Evaluation of {report['run'] or 'the weights of the package'}"),
        Block("text", f"{_training(report['config'])}{about} {intervals}"),
        Block("command", shlex.join(["nonlinear3dmm", "evaluate", *words])),
    ]
    if report["bad_records"]:
        bad = report["bad_records"]
        shown = "; ".join(bad[:SHOWN]) + ("; ..." if len(bad) > SHOWN else "")
        parts += [Block("text", f"{len(bad)} bad records were left out: {shown}")]
    if report["notes"]:
        parts += [Block("text", "\n".join(f"* {note}" for note in report["notes"]))]
    if report["alignment"]:
        parts += _landmarks(report)
    if report["measures"]:
        parts += [Block("heading", "Shape, colour and light")]
        parts += [Block("table", tables.measures(report["measures"]))]
    return [*parts, Block("heading", "Pictures"), *figures(pictures)]


def figures(
    names: Collection[str], path: str = "figures/{}.png", captions: Mapping[str, str] = CAPTIONS
) -> list[Block]:
    """Those of `names` that have a caption, in the order of `captions`: list of `Block`."""
    drawn = [name for name in captions if name in names]
    return [Block("figure", (path.format(name), captions[name])) for name in drawn]


def _training(config):
    if not config:
        return ""
    data, train = config["data"], config["train"]
    return (
        f"Preset `{config['preset']}`, labels `{data['labels']}`, seed {train['seed']}, "
        f"{stages(configs.from_dict(config))}; {data['train_examples']} training faces. "
    )


def stages(config: configs.Config) -> str:
    """The stages of a run that have steps, in words."""
    return ", then ".join(
        f"{stage.steps} steps of `{name}` at batch {config.batch_size(stage)}"
        for name, stage in config.stages()
        if stage.steps
    )


def _landmarks(report):
    parts = [Block("heading", "Landmarks")]
    for key, caption in LANDMARKS.items():
        if report.get(key):
            parts += [Block("text", caption), Block("table", tables.alignment(report[key]))]
    same = report["source"].split(":")[0].split("/")[0] == _TEST_SET
    comparable = "" if same else ", which are not comparable with other data"
    parts += [Block("text", f"The paper's own numbers, on AFLW2000-3D{comparable}:")]
    return [*parts, Block("table", tables.published())]
