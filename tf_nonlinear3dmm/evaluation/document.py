"""The report in words: report.md, and what could not be measured."""

import shlex

import numpy as np

from tf_nonlinear3dmm.evaluation import expressiveness, measures, tables

CAPTIONS = {
    "best": "The faces of smallest landmark error",
    "median": "Faces around the median",
    "worst": "The faces of largest landmark error",
    "cumulative": "Share of faces below an error",
    "error_maps": "Mean distance to the true vertex after rigid alignment",
    "curves": "Training",
    **expressiveness.CAPTIONS,
}
LANDMARKS = {  # key of `tables.ALIGNMENTS` -> what stands above its table
    "alignment": "Mean distance of the 68 points over the size of their box (NME, percent), by "
    "yaw.",
    "alignment_reannotated": "The same against the re-annotated landmarks:",
    "alignment_by_label": "Sorted by the yaw that AFLW's own labels give, as 3DDFA's second split:",
    "alignment_reannotated_by_label": "Against the re-annotated landmarks, sorted likewise:",
}
TRUTHS = {"vertex error (mm)": "vertices", "albedo L1": "albedo"}
TRUTHS |= {"light error up to strength": "illumination"}
SHOWN = 5  # bad records that are named
TEST_SET = "aflw2000_3d"  # of the published table


def notes(subject, per_face, report):
    """What the test set does not know and what the report does instead, as sentences."""
    errors = per_face[measures.NME, measures.MODEL]
    located = np.isfinite(errors)
    guessed = np.sum(located & ~per_face[measures.YAW_KNOWN].astype(bool))
    lines = []
    if not located.any():
        lines.append("No face of this set has landmarks: alignment is not measured.")
    elif not located.all():
        lines.append(f"{located.sum()} of {len(located)} faces have landmarks.")
    if guessed:
        lines.append(
            f"{guessed} faces have no label of yaw: it is that of the mean face in its best pose."
        )
    missing = [truth for name, truth in TRUTHS.items() if name not in report["measures"]]
    if missing:
        lines.append(f"Not in this set, and so not measured: true {', '.join(missing)}.")
    if subject.train is None:
        lines.append("Latent traversals need labels of age and the like: they are not drawn.")
    if subject.request.name == TEST_SET and "alignment_reannotated" not in report:
        lines.append(
            "No re-annotated landmarks: AFLW2000-3D-Reannotated.pts68.npy does not lie beside the "
            "2,000 images."
        )
    return lines


def markdown(report, pictures):
    """report.md; `pictures` has the names of the figures."""
    words = [w for k in ("run", "source", "split") if report[k] for w in (f"--{k}", report[k])]
    about = f"{report['faces']} faces of `{report['source']}`, split `{report['split']}`."
    lines = [
        f"# Evaluation of {report['run'] or 'the weights of the package'}",
        "",
        f"{_training(report['config'])}{about} Brackets: 95 % bootstrap intervals over faces.",
        "",
        f"    {shlex.join(['python', 'scripts/evaluate.py', *words])}",
        "",
    ]
    if report["bad_records"]:
        bad = report["bad_records"]
        shown = "; ".join(bad[:SHOWN]) + ("; ..." if len(bad) > SHOWN else "")
        lines += [f"{len(bad)} bad records were left out: {shown}", ""]
    if report["notes"]:
        lines += [*(f"* {note}" for note in report["notes"]), ""]
    if report["alignment"]:
        lines += _landmarks(report)
    if report["measures"]:
        lines += ["## Shape, colour and light", ""]
        lines += [tables.measures_markdown(report["measures"]), ""]
    lines += ["## Pictures", ""]
    for name, caption in CAPTIONS.items():
        if name in pictures:
            lines += [f"{caption.removesuffix('.')}:", "", f"![{name}](figures/{name}.png)", ""]
    return "\n".join(lines)


def _training(config):
    if not config:
        return ""
    return (
        f"Preset `{config['preset']}`, labels `{config['data']['labels']}`, seed "
        f"{config['train']['seed']}, {config['pretrain']['steps']} + {config['finetune']['steps']} "
        f"steps at batch {config['train']['batch_size']}, {config['data']['train_examples']} "
        "training faces. "
    )


def _landmarks(report):
    lines = ["## Landmarks", ""]
    for key, caption in LANDMARKS.items():
        if report.get(key):
            lines += [caption, "", tables.alignment_markdown(report[key]), ""]
    same = report["source"].split(":")[0].split("/")[0] == TEST_SET
    comparable = "" if same else ", which are not comparable with other data"
    lines += [f"The paper's own numbers, on AFLW2000-3D{comparable}:", ""]
    return [*lines, tables.published_markdown(), ""]
