"""All measurements so far -> report.md, report.html (one file), report.json and figures."""

import json
import os
from typing import Any

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import configs, data
from tf_nonlinear3dmm.evaluation import document, errors, measures, plots, statistics
from tf_nonlinear3dmm.studies import pictures
from tf_nonlinear3dmm.studies.paper import (
    alignment,
    claims,
    figures,
    report_text,
    results,
    sections,
    shape_power,
    texture_power,
    trained_models,
)
from tf_nonlinear3dmm.studies.study import Study, change

TABLES = {  # question's table -> kind of `results`, its rows
    claims.SHAPE: ("shape", shape_power.MODELS),
    claims.ALBEDO: ("albedo", texture_power.MODELS),
    claims.PHOTO: ("photo", texture_power.MODELS),
}
_POSE_OF = "Nonlinear, ground truth"  # whose pose the first control takes


def aflw_split(study: Study) -> data.Split:
    """The test split of AFLW2000-3D in the user's folder."""
    config = change(study.config, "data", sources=f"aflw2000_3d:{study.aflw}", mix="1")
    return data.open_first(config, "test")


def write(study: Study, parts: dict[str, dict[str, Any]]) -> bool:
    """Makes every table and figure that has its numbers, and writes the report in three formats.

    Args:
        study: `Study`.
        parts: name of each part of the schedule -> its record, see `schedule.records`.

    Returns:
        Whether there was anything to report.
    """
    measured = _errors(study)
    faces = measured.per_face()
    power = {name: results.table(study, *kind) for name, kind in TABLES.items()}
    if not faces and not any(power.values()):
        return False
    numbers = {
        "command": study.command,
        "missing": [name for name, record in parts.items() if not record.get("done")],
        "failed": {name: record["error"] for name, record in parts.items() if "error" in record},
        "claims": claims.judge(faces, power, claims.CLAIMS, claims.AGREES),
        "questions": claims.judge(faces, power, claims.QUESTIONS, claims.ANSWERS),
        **_tables(study, faces),
        "power": {name: _means(table) for name, table in power.items() if table},
        "seconds": {name: record["seconds"] for name, record in parts.items() if record},
        "config": configs.to_dict(study.config),
        "machine": f"{os.cpu_count()} CPU cores, TensorFlow {tf.__version__}",
    }
    _figures(study, faces, measured.per_vertex(), numbers["power"])
    blocks = sections.blocks(study, numbers)
    study.write_text("report.json", json.dumps(statistics.finite(numbers), indent=1) + "\n")
    study.write_text("report.md", document.to_markdown(blocks))
    study.write_text("report.html", document.to_html(blocks, study.folder))
    return True


def _errors(study, split=None, name="test"):
    """`alignment.errors` of the methods that have predicted the faces of a split."""
    methods = [m for m in trained_models.methods(study) if alignment.path(study, m, name).exists()]
    if not methods:
        return measures.Measures()
    return alignment.errors(study, methods, _POSE_OF, split, name)


def _tables(study, faces):
    """The tables of alignment and reconstruction, and how long a face takes."""
    if not faces:
        return {}
    seed, methods = study.config.train.seed, [*trained_models.methods(study)]
    summary = statistics.summarise(faces, seed)
    measured = [m for m in methods if m in summary["alignment"]]
    speed = {m: 1000 * float(alignment.read(study, m)["seconds"]) for m in measured}
    numbers = {"alignment": summary["alignment"], "reconstruction": summary["measures"]}
    numbers |= {"speed_ms": speed}
    if study.aflw:
        photos = _errors(study, aflw_split(study), "aflw2000_3d").per_face()
        if photos:
            numbers["aflw2000_3d"] = statistics.summarise(photos, seed)["alignment"]
    return numbers


def _means(table):
    """Model -> code size -> (mean, low, high) of errors."""
    return {
        model: {size: statistics.mean(v[np.isfinite(v)]) for size, v in by_size.items()}
        for model, by_size in table.items()
    }


def _figures(study, faces, per_vertex, power):
    nme = {name[1]: values for name, values in faces.items() if name[0] == errors.NME}
    reconstructed = {m: per_vertex[m] for m in trained_models.methods(study) if m in per_vertex}
    styles = {method: figures.style(method) for method in nme}
    for name, picture in plots.error_figures(nme, reconstructed, study.face(), styles).items():
        pictures.save(study, name, picture)
    if reconstructed:
        pictures.save(study, "reconstructions", figures.reconstructions(study, [*reconstructed]))
    for name, table in power.items():
        label = report_text.POWER[name].label
        pictures.save(study, report_text.POWER[name].figure, figures.power(table, label))
    maps = results.read_maps(study, ("photo", "visible", *texture_power.MODELS))
    if "visible" in maps:
        pictures.save(study, "textures", pictures.textures(study, maps))
