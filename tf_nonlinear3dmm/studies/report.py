"""What has been measured so far -> report.md, report.html (one file), report.json and figures."""

import json
import os

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import configs, data
from tf_nonlinear3dmm.evaluation import plots, tables
from tf_nonlinear3dmm.studies import (
    alignment,
    claims,
    document,
    notes,
    pictures,
    results,
    sections,
    shape_power,
    texture_power,
    variants,
)
from tf_nonlinear3dmm.studies.study import change

TABLES = {  # question's table -> kind of `results`, its rows
    claims.SHAPE: ("shape", shape_power.MODELS),
    claims.ALBEDO: ("albedo", texture_power.MODELS),
    claims.PHOTO: ("photo", texture_power.MODELS),
}
POSE_OF = "Nonlinear, truth"  # whose pose the first control takes


def aflw_split(study):
    """The test split of AFLW2000-3D in the user's folder."""
    config = change(study.config, "data", sources=f"aflw2000_3d:{study.aflw}", mix="1")
    return data.open_first(config, "test")


def write(study, parts):
    """Makes the tables and figures that can be made, and writes the three forms of the report.

    Args:
        study: `Study`.
        parts: name of each part of the schedule -> its record, see `schedule.records`.

    Returns:
        Whether there was anything to report.
    """
    found = _errors(study)
    power = {name: results.table(study, *kind) for name, kind in TABLES.items()}
    if not found and not any(power.values()):
        return False
    numbers = {
        "command": study.command,
        "missing": [name for name, record in parts.items() if not record.get("done")],
        "failed": {name: record["error"] for name, record in parts.items() if "error" in record},
        "claims": claims.judge(found, power, claims.CLAIMS, claims.AGREES),
        "questions": claims.judge(found, power, claims.QUESTIONS, claims.ANSWERS),
        **_tables(study, found),
        "power": {name: _means(table) for name, table in power.items() if table},
        "seconds": {name: record["seconds"] for name, record in parts.items() if record},
        "config": configs.to_dict(study.config),
        "machine": f"{os.cpu_count()} CPU cores, TensorFlow {tf.__version__}",
    }
    _figures(study, found, numbers["power"])
    blocks = sections.blocks(study, numbers)
    study.file("report.json").write_text(json.dumps(tables.finite(numbers), indent=1) + "\n")
    study.file("report.md").write_text(document.to_markdown(blocks))
    study.file("report.html").write_text(document.to_html(blocks, study.folder))
    return True


def _errors(study, split=None, name="test"):
    """`alignment.errors` of the methods that have predicted the faces of a split, or None."""
    methods = [m for m in variants.methods(study) if alignment.path(study, m, name).exists()]
    return alignment.errors(study, methods, POSE_OF, split, name) if methods else None


def _tables(study, found):
    """The tables of alignment and reconstruction, and how long a face takes."""
    if not found:
        return {}
    seed, methods = study.config.train.seed, [*variants.methods(study)]
    table, others = alignment.tables(found, seed)
    answered = [m for m in methods if m in table]
    speed = {m: 1000 * float(alignment.read(study, m)["seconds"]) for m in answered}
    numbers = {"alignment": table, "reconstruction": others, "speed_ms": speed}
    if study.aflw:
        real = _errors(study, aflw_split(study), "aflw2000_3d")
        if real:
            numbers["aflw2000_3d"] = alignment.tables(real, seed)[0]
    return numbers


def _means(table):
    """Model -> code size -> (mean, low, high) of errors."""
    return {
        model: {size: alignment.mean(v[np.isfinite(v)]) for size, v in by_size.items()}
        for model, by_size in table.items()
    }


def _figures(study, found, power):
    if found:
        styles = {m: pictures.style(m) for m in found["nme"]}
        pictures.keep(study, "cumulative", plots.cumulative(found["nme"], styles=styles))
        solid = [m for m in variants.methods(study) if m in found.get("mm", {})]
        if solid:
            skin = study.face().regions["skin"] > 0
            shown = {m: np.where(skin, found["per_vertex"][m], np.nan) for m in solid}
            pictures.keep(study, "error_maps", plots.heat_maps(shown, study.face()))
            pictures.keep(study, "reconstructions", pictures.reconstructions(study, solid))
    for name, table in power.items():
        label = notes.POWER[name].label
        pictures.keep(study, notes.POWER[name].figure, pictures.power(table, label))
    maps = results.maps(study, ("photo", "visible", *texture_power.MODELS))
    if "visible" in maps:
        pictures.keep(study, "textures", pictures.textures(study, maps))
