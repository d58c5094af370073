"""All measurements so far -> the page, the report and figures.

summary.md is one page; report.md, and report.html (one file), hold all; both are made of
report.json and the figures alone.
"""

import json
import os
import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.evaluation import document, errors, plots, statistics
from tf_nonlinear3dmm.rendering import visualize
from tf_nonlinear3dmm.studies import pictures
from tf_nonlinear3dmm.studies.paper import (
    alignment,
    claims,
    figures,
    networks,
    report_text,
    results,
    sections,
    shape_power,
    summary,
    texture_power,
    trained_models,
)
from tf_nonlinear3dmm.studies.study import Study

TABLES = {  # question's table -> kind of `results`, its rows
    claims.SHAPE: ("shape", shape_power.MODELS),
    claims.ALBEDO: ("albedo", texture_power.MODELS),
    claims.PHOTO: ("photo", texture_power.MODELS),
}


def write(study: Study, parts: dict[str, dict[str, Any]]) -> bool:
    """Makes every table and figure that has its numbers, and writes page and report.

    Args:
        study: `Study`.
        parts: name of each part of the schedule -> its record, see `schedule.records`.

    Returns:
        Whether there was anything to report.
    """
    measured = _errors(study)
    faces = alignment.by_method(study, measured.per_face())
    on_photos = _errors(study, study.source_name).per_face() if study.source_name else {}
    photos = alignment.by_method(study, on_photos)
    power = {name: results.table(study, *kind) for name, kind in TABLES.items()}
    if not faces and not any(power.values()):
        return False
    numbers = {
        "command": study.command,
        "setting": _setting(study),
        "missing": [name for name, record in parts.items() if not record.get("done")],
        "failed": {name: record["error"] for name, record in parts.items() if "error" in record},
        "claims": _judge_claims(study, faces, photos, power),
        "questions": claims.judge(faces, power, claims.QUESTIONS, claims.ANSWERS),
        **_tables(study, faces, photos),
        "seeds": _seeds(study, measured.per_face()),
        "photo_seeds": _seeds(study, on_photos),
        "networks": networks.judge_all(study),
        "images": networks.images_of_methods(study),
        "power": {name: _means(table) for name, table in power.items() if table},
        "seconds": {name: record["seconds"] for name, record in parts.items() if record},
        "config": configs.to_dict(study.config),
        "machine": f"{os.cpu_count()} CPU cores, TensorFlow {tf.__version__}",
    }
    vertices = alignment.by_method(study, measured.per_vertex())
    _figures(study, faces, vertices)
    render(study.folder, numbers)
    return True


def render(folder: pathlib.Path, numbers: dict[str, Any]) -> None:
    """Writes the curves of representation power, the page, the report and report.json.

    Args:
        folder: of all of them; the other figures that are shown lie in its `figures`.
        numbers: as in report.json.
    """
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for name, table in numbers["power"].items():
        text = report_text.POWER[name]
        visualize.save(
            folder / f"figures/{text.figure}.png", figures.power(table, text.label, text.factor)
        )
    blocks = sections.blocks(numbers, folder)
    texts = {
        "report.json": json.dumps(statistics.finite(numbers), indent=1) + "\n",
        "report.md": document.to_markdown(blocks),
        "report.html": document.to_html(blocks, folder),
        "summary.md": document.to_markdown(summary.blocks(numbers, folder)),
    }
    for name, text in texts.items():
        array_files.write_text(folder / name, text)


def _setting(study):
    """What the text of the report says of a study, beside its `Config`."""
    names = ("code_size", "seeds", "cascade", "fit_faces", "fit_steps", "basis_faces")
    setting = {name: getattr(study, name) for name in (*names, "image_labels")}
    return setting | {"regressions": len(study.descent.patches), "photos": study.source_name}


def _errors(study, name=alignment.TEST):
    pose_of = trained_models.runs_of(study)[trained_models.NONLINEAR][0]
    return alignment.errors(study, pose_of, name)


def _judge_claims(study, faces, photos, power):
    """The paper's claims, and those of alignment again on the second set of faces."""
    rows = claims.judge(faces, power, claims.CLAIMS, claims.AGREES)
    aligned = [claim for claim in claims.CLAIMS if claim[0] == claims.ALIGNMENT]
    where = claims.on(study.source_name)
    return rows + claims.judge(photos, {}, aligned, claims.AGREES, where)


def _tables(study, faces, photos):
    """The tables of alignment and reconstruction, and how long a face takes."""
    if not faces:
        return {}
    seed, runs = study.config.train.seed, trained_models.runs_of(study)
    tables = statistics.summarise(faces, seed)
    done = {m: run for m, (run, *_) in runs.items() if alignment.path(study, run).exists()}
    speed = {m: 1000 * float(alignment.read(study, run)["seconds"]) for m, run in done.items()}
    numbers = {"alignment": tables["alignment"], "reconstruction": tables["measures"]}
    numbers |= {"speed_ms": speed}
    if photos:
        numbers["photos"] = statistics.summarise(photos, seed)["alignment"]
    return numbers


def _seeds(study, faces):
    """Method -> balanced mean NME of each of its trainings, where there are several."""
    tables = statistics.summarise(faces)["alignment"] if faces else {}
    means = {
        method: [tables[run]["balanced mean"][0] for run in runs if run in tables]
        for method, runs in trained_models.runs_of(study).items()
    }
    return {method: values for method, values in means.items() if len(values) > 1}


def _means(table):
    """Model -> code size -> (mean, low, high) of errors."""
    return {
        model: {size: statistics.mean(v[np.isfinite(v)]) for size, v in by_size.items()}
        for model, by_size in table.items()
    }


def _figures(study, faces, per_vertex):
    nme = {name[1]: values for name, values in faces.items() if name[0] == errors.NME}
    runs = trained_models.runs_of(study)
    reconstructed = {m: per_vertex[m] for m in (*runs, claims.TEACHER) if m in per_vertex}
    styles = {method: figures.style(method) for method in nme}
    for name, picture in plots.error_figures(nme, reconstructed, study.face(), styles).items():
        pictures.save(study, name, picture)
    shown = {m: run for m, (run, *_) in runs.items() if m in per_vertex}
    shown = {m: run for m, run in shown.items() if alignment.path(study, run).exists()}
    if shown:
        pictures.save(study, "reconstructions", figures.reconstructions(study, shown))
    maps = results.read_maps(study, ("photo", "visible", *texture_power.MODELS))
    if "visible" in maps:
        pictures.save(study, "textures", pictures.textures(study, maps))
