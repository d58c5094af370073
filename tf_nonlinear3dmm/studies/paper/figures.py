"""Figures that compare models: curves of representation power, and reconstructions."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.backends.backend_agg
import matplotlib.figure
import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import data, metrics, training
from tf_nonlinear3dmm.evaluation import expressiveness, plots
from tf_nonlinear3dmm.rendering import camera, visualize
from tf_nonlinear3dmm.studies import pictures
from tf_nonlinear3dmm.studies.paper import alignment
from tf_nonlinear3dmm.studies.pictures import TILE
from tf_nonlinear3dmm.studies.study import Study

# The start of a model's name -> its colour and line: linear models dashed, controls dotted.
_STYLES = {
    "Linear scan-200, teacher": ("#74add1", "--"),
    "Linear scan-200": ("#2166ac", "--"),
    "Linear oracle": ("#08306b", "--"),
    "Linear in the wild": ("#1a9850", "--"),
    "Gaussian mixture": ("#7b3294", "--"),
    "SDM": ("#1a9850", "-"),
    "3DDFA": ("#7b3294", "-"),
    "Nonlinear, ground truth": ("#b2182b", "-"),
    "Nonlinear, teacher, pretrained": ("#fdae61", "-"),
    "Nonlinear, teacher, finetuned": ("#e8601c", "-"),
    "Nonlinear conv, trained on images": ("#b2182b", "-"),
    "Nonlinear mlp, trained on images": ("#e8601c", "-"),
    "Nonlinear conv, trained in 3D": ("#f4a582", "-"),
    "Nonlinear mlp, trained in 3D": ("#c7a76c", "-"),
    "Nonlinear, by gradient": ("#b2182b", "-"),
    "Nonlinear, by the encoder": ("#e8601c", "-"),
    "Nonlinear, trained in 3D": ("#f4a582", "-"),
    "CVPR 2019": ("#1a1a1a", "-"),
    "CVPR 2019, by the encoder": ("#878787", "-"),
    "labels of the teacher": ("0.4", "-."),
    "mean face, best pose": ("0.4", ":"),
    "mean face": ("0.65", ":"),
}


def style(model: str) -> dict[str, Any]:
    """Colour and line style of a model in every figure: arguments for matplotlib."""
    name = max((n for n in _STYLES if model.startswith(n)), key=len)
    return dict(zip(("color", "linestyle"), _STYLES[name], strict=True))


def power(
    table: Mapping[str, Mapping[str, Sequence[float]]], label: str, factor: float = 1
) -> np.ndarray:
    """Error against code size: one line with 95 % intervals per model, uint8 picture.

    Args:
        table: model -> code size (string) -> (mean, low, high).
        label: of the vertical axis.
        factor: of the errors.
    """
    figure = matplotlib.figure.Figure((8.4, 4.2), dpi=110, layout="constrained")
    canvas = matplotlib.backends.backend_agg.FigureCanvasAgg(figure)
    axes = figure.subplots()
    models = [model for model in table if [*table[model]] != ["0"]]
    for i, model in enumerate(models):
        sizes = sorted(table[model], key=int)
        mean, low, high = factor * np.array([table[model][size] for size in sizes]).T
        shift = 1.02 ** (i - (len(models) - 1) / 2)  # so that intervals do not hide each other
        positions = shift * np.array(sizes, float)
        lines: dict[str, Any] = dict(linewidth=1.6, elinewidth=1, **style(model))
        lines |= dict(label=model, marker="o", markersize=4, capsize=2)
        axes.errorbar(positions, mean, [mean - low, high - mean], **lines)
    for model in set(table) - set(models):
        axes.axhline(factor * table[model]["0"][0], label=model, **style(model))
    axes.set(xscale="log", xlabel="code size", ylabel=label, ylim=(0, None))
    ticks = sorted({int(size) for model in models for size in table[model]})
    axes.set_xticks(ticks, [str(t) for t in ticks], minor=False)
    axes.minorticks_off()
    axes.grid(axis="y", alpha=0.25)
    figure.legend(loc="outside right center", frameon=False, fontsize=8)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def reconstructions(study: Study, runs: Mapping[str, str], count: int = 5) -> np.ndarray:
    """Input, ground truth and each method's shape in the true pose, of evenly spaced faces.

    Args:
        study: `Study`.
        runs: title -> run that has predicted the test faces.
        count: faces.
    """
    split, face = study.split("test"), study.face()
    size = study.config.model.image_size
    chosen = np.linspace(0, len(split.rows) - 1, count).astype(int)
    batch = next(data.in_order(split, size, count, ["vertices"], split.rows[chosen]))
    scale = TILE / size
    projection = camera.crop(batch["projection"], 0.0, 0.0, scale)
    ground_truth = batch["vertices"].numpy()
    columns = [visualize.to_uint8(visualize.enlarge(batch["image"], TILE))]
    columns.append(visualize.mesh(tf.constant(ground_truth), projection, face, TILE))
    for run in runs.values():
        vertices = alignment.read(study, run)["vertices"][chosen]
        vertices = metrics.aligned(vertices, ground_truth, face.regions["skin"], scaled=True)
        columns.append(visualize.mesh(tf.constant(vertices, tf.float32), projection, face, TILE))
    faces = visualize.grid(np.stack(columns, axis=1), [])
    titles = [plots.caption(title, TILE, 56) for title in ("input", "ground truth", *runs)]
    head = visualize.grid(np.stack(titles)[np.newaxis], [])
    return np.concatenate([head, faces])


def express(study: Study) -> None:
    """Draws what the model trained on true labels can express."""
    model, _ = training.load(study.run(f"nonlinear-ground_truth-{study.code_size}"))
    figures = expressiveness.draw_all(model, study.split("train"), study.split("test"))
    for name, picture in figures.items():
        pictures.save(study, name, picture)
