"""Numbers and words as figures: error maps, cumulative errors, curves, as uint8 RGB arrays.

Drawn without a display and without global state.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import matplotlib.backends.backend_agg
import matplotlib.cm
import matplotlib.colors
import matplotlib.figure
import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont

from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import visualize


def error_figures(
    nme: Mapping[str, np.ndarray],
    per_vertex: Mapping[str, np.ndarray],
    face: FaceModel,
    styles: Mapping[str, dict] | None = None,
) -> dict[str, np.ndarray]:
    """The two figures of errors that every report has, where there are numbers.

    Args:
        nme: method -> `[B]`, finite.
        per_vertex: method -> `[V]` mean errors in mm.
        face: `FaceModel`.
        styles: see `cumulative`.

    Returns:
        dict of uint8 pictures.
    """
    pictures = {}
    if nme:
        pictures["cumulative"] = cumulative(nme, styles=styles)
    if per_vertex:
        skin = face.regions["skin"] > 0
        shown = {method: np.where(skin, v, np.nan) for method, v in per_vertex.items()}
        pictures["error_maps"] = heat_maps(shown, face)
    return pictures


def heat_maps(
    errors: Mapping[str, np.ndarray],
    face: FaceModel,
    unit: str = "mm",
    limit: float | None = None,
    tile: int = 320,
) -> np.ndarray:
    """Errors per vertex as colours on the mean face, from the front and from the side; two a row.

    Args:
        errors: dict from a title to `[V]` errors; NaN is drawn in grey.
        face: `FaceModel`.
        unit: of the errors.
        limit: end of the colour scale; the 99th percentile of all where None.
        tile: side of one view in pixels.
    """
    if limit is None:
        limit = np.nanpercentile(np.concatenate(list(errors.values())), 99)
    vertices = tf.constant(face.mean_vertices, tf.float32)[tf.newaxis]
    palette = matplotlib.colormaps["viridis"]
    columns = min(len(errors), 2)
    rows = -(-len(errors) // columns)
    figure = _figure(2.3 * 2 * columns + 0.8, 2.7 * rows)
    axes = figure.subplots(rows, 2 * columns, squeeze=False).ravel()
    for i, (title, values) in enumerate(errors.items()):
        values = np.asarray(values)
        colours = palette(np.clip(values / limit, 0, 1))[:, :3]
        colours[np.isnan(values)] = 0.75
        for j, yaw in enumerate((0, -60)):
            view = visualize.frontal(vertices, tile, yaw)
            axes[2 * i + j].imshow(visualize.mesh(vertices, view, face, tile, colours[None])[0])
        axes[2 * i].set_title(title, loc="left", fontsize=11)
    for spot in axes:
        spot.axis("off")
    scale = matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(0, limit), palette)
    figure.colorbar(scale, ax=list(axes), label=unit, shrink=0.8, pad=0.01)
    return _pixels(figure)


def cumulative(
    errors: Mapping[str, np.ndarray],
    label: str = "NME (%)",
    limit: float | None = None,
    styles: Mapping[str, dict] | None = None,
) -> np.ndarray:
    """Cumulative error curves: the share of faces (percent) below an error.

    Args:
        errors: dict from a method's name to its `[B]` errors.
        label: of the horizontal axis.
        limit: its end; the 98th percentile of the second-worst method where None.
        styles: method -> dict of how its line looks, for matplotlib.
    """
    if limit is None:
        limit = sorted(np.percentile(values, 98) for values in errors.values())[-2:][0]
    figure = _figure(5.6, 3.8)
    axes = figure.subplots()
    for name, values in errors.items():
        values = np.sort(np.asarray(values))
        share = 100 * np.arange(1, len(values) + 1) / len(values)
        look = {"label": name, "linewidth": 1.8, **(styles or {}).get(name, {})}
        axes.step([0, *values, 1e9], [0, *share, 100], where="post", **look)
    axes.set(xlim=(0, limit), ylim=(0, 100), xlabel=label, ylabel="faces (%)")
    axes.legend(frameon=False, fontsize=9)
    return _pixels(figure)


def curves(records: Sequence[dict[str, Any]], columns: int = 4) -> np.ndarray:
    """Training curves: one small plot for every number in the log.

    Args:
        records: list of dicts, the lines of metrics.jsonl: each with `step` and other numbers, and
            maybe `kind`: numbers of one name and different kinds share a plot.
        columns: plots beside each other.
    """
    plots: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for record in records:
        kind = record.get("kind", "training")
        for name, value in record.items():
            if name != "step" and isinstance(value, int | float) and not isinstance(value, bool):
                points = plots.setdefault(name, {}).setdefault(kind, [])
                points.append((record["step"], value))
    rows = -(-len(plots) // columns) or 1
    figure = _figure(3.0 * columns, 2.1 * rows)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for spot, (title, kinds) in zip(axes, plots.items(), strict=False):
        for kind, points in kinds.items():
            steps, values = np.array(points, np.float64).T
            spot.plot(steps, values, linewidth=1.2, label=kind)
        if values.min() > 0 and values.max() > 30 * values.min():
            spot.set_yscale("log")
        if len(kinds) > 1:
            spot.legend(frameon=False, fontsize=7)
        spot.set_title(title, fontsize=9)
        spot.tick_params(labelsize=7)
    for spot in axes[len(plots) :]:
        spot.axis("off")
    return _pixels(figure)


def growth(
    panels: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]], unit: str
) -> np.ndarray:
    """How something grows with sizes, on logarithmic axes; dotted: linear growth.

    Args:
        panels: dict from a size's name to a dict from a curve's name to its [(size, value)].
        unit: of the values.
    """
    figure = _figure(3.6 * len(panels), 3.2)
    axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for spot, (size, lines) in zip(axes, panels.items(), strict=True):
        for name, points in lines.items():
            x, y = np.array(points, np.float64).T
            (line,) = spot.loglog(x, y, marker="o", linewidth=1.8, label=name)
            spot.loglog(x, y[0] * x / x[0], linestyle=":", linewidth=1, color=line.get_color())
        spot.set_xticks(x, labels=[f"{value:,.0f}" for value in x])
        spot.minorticks_off()
        spot.set(xlabel=size, ylabel=unit if spot is axes[0] else None)
        spot.legend(frameon=False, fontsize=9)
    return _pixels(figure)


def caption(text: str, width: int, height: int | None = None) -> np.ndarray:
    """A white uint8 tile with a few words in its middle."""
    height = height or width
    canvas = Image.new("RGB", (width, height), "white")
    font = ImageFont.load_default(13)
    lines = "\n".join(textwrap.wrap(text, width // 8))
    pen = ImageDraw.Draw(canvas)
    pen.multiline_text((width / 2, height / 2), lines, (40, 40, 40), font, "mm", align="center")
    return np.asarray(canvas)


def _figure(width, height):
    figure = matplotlib.figure.Figure((width, height), dpi=110, layout="constrained")
    matplotlib.backends.backend_agg.FigureCanvasAgg(figure)
    return figure


def _pixels(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
