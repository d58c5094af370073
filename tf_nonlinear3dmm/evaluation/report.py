"""A trained run -> report.md, report.json and figures in its folder."""

import dataclasses
import json
import pathlib
import shlex
import time

import numpy as np

from tf_nonlinear3dmm import configs, data, plots, training, visualize
from tf_nonlinear3dmm.evaluation import expressiveness, measures, tables
from tf_nonlinear3dmm.training import records as log

SHOWN = 4  # faces in each panel


class EvaluationError(Exception):
    """What was asked for cannot be evaluated; nothing was written."""


def evaluate(run, source=None, split=None, faces=None, out=None, batch_size=32, say=print):
    """Evaluates a run and writes its report.

    Args:
        run: folder of a trained run.
        source: data set, as in `DataConfig.sources`; the run's first where None.
        split: of the data set; test where None, or validation where it has none.
        faces: evaluate the first so many; all where None.
        out: folder for report.md, report.json and figures/; the run's where None.
        batch_size: faces at a time.
        say: called with lines about progress.

    Returns:
        The report as a dict, as in report.json.

    Raises:
        EvaluationError: no such run, data set or split.
    """
    started = time.monotonic()
    model, config, records = _open(run, source, split)
    split = records.name
    rows = records.rows[:faces]
    features = [name for name in measures.FEATURES if name in records]
    batches = data.in_order(records, config.model.image_size, batch_size, features, rows)
    say(f"evaluating {len(rows)} faces of {config.data.sources}, split {split}")
    found = measures.measure(model, batches)
    per_face = found.per_face()
    report = {
        "run": str(run),
        "source": config.data.sources,
        "split": split,
        "faces": len(rows),
        "bad_records": records.skipped,
        "config": configs.to_dict(config),
        **tables.summarise(per_face, config.train.seed),
    }
    folder = pathlib.Path(out or run)
    pictures = _figures(run, model, config, records, rows, per_face, found.per_vertex())
    pictures |= expressiveness.draw_all(model, _training_split(config), records)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        visualize.save(folder / "figures" / f"{name}.png", picture)
    report["seconds"] = round(time.monotonic() - started, 1)
    (folder / "report.json").write_text(json.dumps(tables.finite(report), indent=2) + "\n")
    (folder / "report.md").write_text(_markdown(report, pictures))
    say(f"report: {folder / 'report.md'} ({report['seconds']} s)")
    return report


def _open(run, source, split):
    """(model, config with the source to evaluate, `data.Split`)."""
    try:
        model, config = training.load(run)
        if source:
            chosen = dataclasses.replace(config.data, sources=source, mix="1")
        else:
            first = config.data.sources.split(",")[0].strip()
            chosen = dataclasses.replace(config.data, sources=first, mix="1")
        config = dataclasses.replace(config, data=chosen)
        records = _open_split(data.requests(config)[0][0], config, split)
    except (training.RunError, training.LoadError, ValueError, OSError) as error:
        raise EvaluationError(str(error)) from None
    return model, config, records


def _open_split(request, config, split):
    if split:
        return data.open_split(request, config, split)
    try:
        return data.open_split(request, config, "test")
    except data.NoSplitError:
        return data.open_split(request, config, "validation")


def _training_split(config):
    """What tells directions, or None."""
    try:
        return data.open_split(data.requests(config)[0][0], config, "train")
    except data.NoSplitError:
        return None


def _figures(run, model, config, records, rows, per_face, per_vertex):
    """Name -> uint8 picture."""
    errors = {m: v for (q, m), v in _pairs(per_face) if q == "nme" and np.isfinite(v).any()}
    errors = {m: v[np.isfinite(v)] for m, v in errors.items()}
    pictures = {}
    if errors:
        pictures["cumulative"] = plots.cumulative(errors)
    if per_vertex:
        skin = model.face.regions["skin"] > 0
        shown = {m: np.where(skin, v, np.nan) for m, v in per_vertex.items()}
        pictures["error_maps"] = plots.heat_maps(shown, model.face)
    score = per_face.get(("nme", measures.MODEL), np.zeros(len(rows)))
    order = [i for i in np.argsort(score, kind="stable") if np.isfinite(score[i])]
    middle = max(0, (len(order) - SHOWN) // 2)
    groups = {"best": order[:SHOWN], "median": order[middle:][:SHOWN], "worst": order[-SHOWN:]}
    for name, which in groups.items():
        if which:
            pictures[name] = _panel(model, config, records, rows[which])
    history = pathlib.Path(run) / "metrics.jsonl"
    if history.exists():
        pictures["curves"] = plots.curves(log.read(history))
    return pictures


def _panel(model, config, records, rows):
    features = [name for name in ("has_landmarks",) if name in records]
    size = config.model.image_size
    batch = next(iter(data.in_order(records, size, len(rows), features, rows)))
    return visualize.panel(batch["image"], model(batch["image"]), batch, model.tensors)


def _pairs(per_face):
    return [(name, values) for name, values in per_face.items() if isinstance(name, tuple)]


CAPTIONS = {
    "best": "The faces of smallest landmark error",
    "median": "Faces around the median",
    "worst": "The faces of largest landmark error",
    "cumulative": "Share of faces below an error",
    "error_maps": "Mean distance to the true vertex after rigid alignment",
    "curves": "Training",
    **expressiveness.CAPTIONS,
}


def _markdown(report, pictures):
    config = report["config"]
    words = [w for name in ("run", "source", "split") for w in (f"--{name}", report[name])]
    lines = [
        f"# Evaluation of {report['run']}",
        "",
        f"Preset `{config['preset']}`, labels `{config['data']['labels']}`, seed "
        f"{config['train']['seed']}, {config['pretrain']['steps']} + {config['finetune']['steps']} "
        f"steps at batch {config['train']['batch_size']}, {config['data']['train_examples']} "
        f"training faces. {report['faces']} faces of `{report['source']}`, split "
        f"`{report['split']}`. "
        "Brackets: 95 % bootstrap intervals over faces.",
        "",
        f"    {shlex.join(['python', 'scripts/evaluate.py', *words])}",
        "",
    ]
    if report["bad_records"]:
        lines += [f"{len(report['bad_records'])} bad records were left out.", ""]
    if report["alignment"]:
        lines += [
            "## Landmarks",
            "",
            "Mean distance of the 68 points over the size of their box (NME, percent), by yaw.",
            "",
            tables.alignment_markdown(report["alignment"]),
            "",
            "The paper's own numbers, on AFLW2000-3D, which are not comparable with other data:",
            "",
            tables.published_markdown(),
            "",
        ]
    if report["measures"]:
        lines += ["## Shape, colour and light", ""]
        lines += [tables.measures_markdown(report["measures"]), ""]
    lines += ["## Pictures", ""]
    for name, caption in CAPTIONS.items():
        if name in pictures:
            lines += [f"{caption.removesuffix('.')}:", "", f"![{name}](figures/{name}.png)", ""]
    return "\n".join(lines)
