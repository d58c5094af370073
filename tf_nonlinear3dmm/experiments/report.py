"""Results -> report.md, report.html (one file, opens offline) and report.json, with figures."""

import json

import numpy as np

from tf_nonlinear3dmm import configs, data, plots, visualize
from tf_nonlinear3dmm.evaluation import tables
from tf_nonlinear3dmm.experiments import alignment, claims, document, pictures
from tf_nonlinear3dmm.experiments.document import Block
from tf_nonlinear3dmm.experiments.study import change

MAPPED = ("Linear 3DMM, scan-200", "3DDFA", "Nonlinear, teacher, finetuned", "Nonlinear, truth")
FIGURES = {
    "shape_walks": "Shape along directions found from labelled training faces.",
    "albedo_walks": "Albedo along directions found from labelled training faces.",
    "interpolation": "Both codes from one person to another.",
    "swaps": "Shape of the row's person, albedo of the column's.",
    "relighting": "One face under its own light and under a lamp that moves.",
}


def keep(study, name, table):
    """Keeps the errors per face that a part has measured, for the report."""
    path = study.file(f"results/{name}.json")
    path.write_text(json.dumps(table) + "\n")


def result(study, name):
    return json.loads(study.file(f"results/{name}.json").read_text())


def means(table):
    """Model -> code size -> errors `[N]` to model -> code size -> (mean, low, high)."""
    return {
        model: {
            size: alignment.mean(np.array(errors)[np.isfinite(errors)])
            for size, errors in by_size.items()
        }
        for model, by_size in table.items()
    }


def keep_figure(study, name, picture):
    visualize.save(study.file(f"figures/{name}.png"), picture)


def aflw_split(study):
    """The test split of AFLW2000-3D in the user's folder."""
    config = change(study.config, "data", sources=f"aflw2000_3d:{study.aflw}", mix="1")
    return data.open_split(data.requests(config)[0][0], config, "test")


def write(study, methods, seconds):
    """Makes all tables and figures, and writes the three forms of the report."""
    anchor = "Nonlinear, truth"
    found = alignment.errors(study, methods, anchor)
    table, others = alignment.tables(found, study.config.train.seed)
    _alignment_figures(study, found, [m for m in methods if m in found["mm"]])
    faces = result(study, "shape"), result(study, "texture")
    shape, texture = means(faces[0]), {name: means(table) for name, table in faces[1].items()}
    label = "mean vertex error (% of the eye distance)"
    keep_figure(study, "shape_power", pictures.power(shape, label))
    for target in texture:
        picture = pictures.power(texture[target], "mean absolute colour difference")
        keep_figure(study, f"texture_power_{target}", picture)
    numbers = {
        "alignment": table,
        "reconstruction": others,
        "shape": shape,
        "texture": texture,
        "claims": claims.judge(found, *faces),
        "seconds": seconds,
        "speed_ms": {m: 1000 * float(alignment.read(study, m)["seconds"]) for m in methods},
        "config": configs.to_dict(study.config),
    }
    if study.aflw:
        split = aflw_split(study)
        real = alignment.errors(study, methods, anchor, split, "aflw2000_3d")
        numbers["aflw2000_3d"] = alignment.tables(real, study.config.train.seed)[0]
    blocks = _blocks(study, numbers)
    study.file("report.json").write_text(json.dumps(_finite(numbers), indent=1) + "\n")
    study.file("report.md").write_text(document.to_markdown(blocks))
    study.file("report.html").write_text(document.to_html(blocks, study.folder))


def _alignment_figures(study, found, solid):
    keep_figure(study, "cumulative", plots.cumulative(found["nme"]))
    skin = study.face().regions["skin"] > 0
    chosen = [m for m in solid if m in MAPPED]
    shown = {m: np.where(skin, found["per_vertex"][m], np.nan) for m in chosen}
    keep_figure(study, "error_maps", plots.heat_maps(shown, study.face()))
    keep_figure(study, "reconstructions", pictures.reconstructions(study, solid))


def _blocks(study, numbers):
    config = study.config
    blocks = [
        Block("heading", "The paper's experiments on generated faces"),
        Block("text", _setting(study)),
        Block("heading", "What agrees with the paper and what does not"),
        Block("table", [["claim", "here", "verdict"], *numbers["claims"]]),
        Block("heading", "Face alignment"),
        Block("text", ALIGNMENT_NOTE),
        Block("table", _alignment_rows(numbers["alignment"])),
        Block("figure", ("cumulative", "Share of test faces below an error.")),
        Block("heading", "3D reconstruction"),
        Block("text", RECONSTRUCTION_NOTE),
        Block("table", _reconstruction_rows(numbers["reconstruction"])),
        Block("figure", ("error_maps", "Mean distance to the true vertex, after alignment.")),
        Block("figure", ("reconstructions", "Input, truth, and each method's shape.")),
        Block("heading", "Representation power: shape"),
        Block("text", SHAPE_NOTE.format(faces=study.fit_faces, steps=study.fit_steps)),
        Block("table", _power_rows(numbers["shape"])),
        Block("figure", ("shape_power", "Error against code size, 95 % intervals.")),
        Block("heading", "Representation power: texture"),
        Block("text", TEXTURE_NOTE.format(faces=study.fit_faces, steps=study.fit_steps)),
    ]
    for target, table in numbers["texture"].items():
        blocks.append(Block("text", f"Target: {target}."))
        blocks.append(Block("table", _power_rows(table, "x 100")))
        name = f"texture_power_{target}"
        blocks.append(Block("figure", (name, f"Target {target}: error against code size.")))
    blocks.append(Block("figure", ("textures", "Photos unwrapped, and each model's texture.")))
    blocks.append(Block("heading", "Expressiveness"))
    blocks += [Block("figure", item) for item in FIGURES.items()]
    if "aflw2000_3d" in numbers:
        blocks.append(Block("heading", "Face alignment on AFLW2000-3D"))
        blocks.append(Block("table", _alignment_rows(numbers["aflw2000_3d"])))
    blocks.append(Block("heading", "What it cost"))
    blocks.append(Block("table", _cost_rows(numbers["seconds"])))
    blocks.append(Block("table", _speed_rows(numbers["speed_ms"])))
    blocks.append(Block("code", json.dumps(configs.to_dict(config), indent=1)))
    return blocks


ALIGNMENT_NOTE = (
    "Mean distance of the 68 points over the size of their box (NME, percent) by true yaw, with "
    "95 % bootstrap intervals over faces. The last column is the paper's own number, measured on "
    "AFLW2000-3D, not on these faces: compare the order of the methods, not the values. Mean faces "
    "are controls: what a method gains without knowing anything of the face."
)
RECONSTRUCTION_NOTE = (
    "Skin vertices after rigid alignment without scale: distance to the true vertex, the same over "
    "the distance of the eyes, and the angle between the normals."
)
SHAPE_NOTE = (
    "Mean vertex error (percent of the eye distance) on the true shapes of {faces} test faces; "
    "codes by least squares for linear models, by {steps} steps of Adam for nonlinear ones. "
    "`Trained in 3D` has seen the same shapes as `Linear oracle`, without images; `trained on "
    "images` is the whole model. Linear scan-200 is the paper's Linear: 200 similar people and 20 "
    "expressions."
)
TEXTURE_NOTE = (
    "Mean absolute colour difference of {faces} test faces, colours in [0, 1], times 100. Albedo: "
    "the true unlit colours of all texels, for the encoder after the best gain per channel. Photo: "
    "the image unwrapped with the true geometry, texels in sight; light is fitted too, except by "
    "`Linear in the wild`, which learned it. Linear scan-200 has 40 modes, as the paper's. "
    "Gradient: {steps} steps of Adam."
)
PAPER = {name: row[3] for name, row in tables.PUBLISHED.items()}
PAPER_NAMES = {
    "Linear 3DMM, scan-200": "Linear 3DMM, same framework",
    "SDM": "SDM",
    "3DDFA": "3DDFA",
    "Nonlinear, teacher, finetuned": "Nonlinear 3DMM",
}


def _setting(study):
    config = study.config
    return (
        f"Every model is trained here on the same {config.data.train_examples} generated faces, "
        f"with {config.pretrain.steps} + {config.finetune.steps} steps of batch "
        f"{config.train.batch_size} (3DDFA: all its networks together; SDM: regressions), seed "
        f"{config.train.seed}, {config.model.image_size} px, code size {study.code_size}, and "
        f"tested on {config.data.test_examples} faces of other people. Nothing was tuned for any "
        "one method. `truth`: trained on true labels. `teacher`: on fits of the linear model of "
        "200 scans, as in the paper. Command: `python scripts/reproduce.py`, with `--quick` for "
        "the short form; the configuration is at the end."
    )


def _alignment_rows(table):
    bins = [*alignment.metrics.YAW_BINS, "balanced mean", "mean", "std"]
    counts = next(iter(table.values()))["n"]
    heads = [f"{b} (n = {n})" for b, n in zip(bins[:3], counts[1:], strict=True)]
    heads += ["balanced mean", f"mean (n = {counts[0]})", "std of bins", "paper, AFLW2000-3D"]
    rows = [["method", *heads]]
    for method, row in table.items():
        published = PAPER.get(PAPER_NAMES.get(method), "")
        rows.append([method, *(tables.with_interval(row[b]) for b in bins), published])
    return rows


def _reconstruction_rows(others):
    heads = {"mm": "vertex error (mm)", "eye": "% of eye distance", "normal": "normals (degrees)"}
    rows = [["method", *(heads[m] for m in others)]]
    for method in next(iter(others.values())):
        rows.append([method, *(tables.with_interval(others[m][method]) for m in others)])
    return rows


def _power_rows(table, scale=""):
    sizes = sorted({size for by_size in table.values() for size in by_size}, key=int)
    factor = 100 if scale else 1
    rows = [["model", *(f"code size {s}" if s != "0" else "no code" for s in sizes)]]
    for model, by_size in table.items():
        cells = [
            tables.with_interval([factor * x for x in by_size[s]]) if s in by_size else ""
            for s in sizes
        ]
        rows.append([model, *cells])
    return rows


def _cost_rows(seconds):
    rows = [["part", "minutes"]]
    rows += [[name, f"{record['seconds'] / 60:.1f}"] for name, record in seconds.items()]
    return [*rows, ["all", f"{sum(r['seconds'] for r in seconds.values()) / 60:.1f}"]]


def _speed_rows(speed):
    return [["method", "ms per test face"], *([m, f"{ms:.1f}"] for m, ms in speed.items())]


def _finite(value):
    """NaN is not JSON: None takes its place."""
    if isinstance(value, dict):
        return {key: _finite(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
