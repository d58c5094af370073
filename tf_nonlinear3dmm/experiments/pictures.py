"""Figures that compare models: curves of representation power, textures, reconstructions."""

import textwrap

import matplotlib.backends.backend_agg
import matplotlib.figure
import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont

from tf_nonlinear3dmm import camera, data, metrics, renderer, visualize
from tf_nonlinear3dmm.experiments import alignment

TILE = 128


def caption(text, width, height=None):
    """A white uint8 tile with a few words in its middle."""
    height = height or width
    canvas = Image.new("RGB", (width, height), "white")
    font = ImageFont.load_default(13)
    lines = "\n".join(textwrap.wrap(text, width // 8))
    pen = ImageDraw.Draw(canvas)
    pen.multiline_text((width / 2, height / 2), lines, (40, 40, 40), font, "mm", align="center")
    return np.asarray(canvas)


def power(table, label):
    """Error against code size: one line with intervals per model, uint8 picture.

    Args:
        table: model -> code size (string) -> (mean, low, high).
        label: of the vertical axis.
    """
    figure = matplotlib.figure.Figure((8.4, 4.2), dpi=110, layout="constrained")
    canvas = matplotlib.backends.backend_agg.FigureCanvasAgg(figure)
    axes = figure.subplots()
    for model, by_size in table.items():
        sizes = sorted((int(size) for size in by_size), key=int)
        if sizes == [0]:
            axes.axhline(by_size["0"][0], color="0.6", linestyle=":", label=model)
            continue
        values = np.array([by_size[str(size)] for size in sizes])
        line = axes.plot(sizes, values[:, 0], marker="o", markersize=4, label=model)[0]
        axes.fill_between(sizes, values[:, 1], values[:, 2], alpha=0.15, color=line.get_color())
    axes.set(xscale="log", xlabel="code size", ylabel=label, ylim=(0, None))
    ticks = sorted({int(s) for by_size in table.values() for s in by_size} - {0})
    axes.set_xticks(ticks, [str(t) for t in ticks], minor=False)
    axes.minorticks_off()
    figure.legend(loc="outside right center", frameon=False, fontsize=8)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def textures(study, maps):
    """Reconstructed textures on the mean face, seen from the front; what is out of sight is grey.

    Args:
        study: `Study`.
        maps: name -> `[N, Hu, Wu, 3]`, with `visible` `[N, Hu, Wu, 1]` among them.
    """
    visible = maps["visible"]
    face = study.face()
    tensors = renderer.face_tensors(face, study.config.model.uv_size)
    count = len(visible)
    vertices = tf.tile(tf.constant(face.mean_vertices)[tf.newaxis], [count, 1, 1])
    projection = visualize.frontal(vertices, TILE)
    fragments = visualize.see(vertices, projection, tensors, TILE)
    rows, names = [], [name for name in maps if name != "visible"]
    for name in names:
        shown = maps[name] * visible + 0.75 * (1 - visible)
        painted = visualize.paint(tf.constant(shown, tf.float32), fragments, tensors)
        rows.append(np.concatenate([caption(name, TILE)[np.newaxis], visualize.to_uint8(painted)]))
    return visualize.grid(np.stack(rows), [])


def reconstructions(study, methods, count=5):
    """Input, the true shape and each method's, in the input's true pose, of evenly spread faces."""
    split, face = study.split("test"), study.face()
    size = study.config.model.image_size
    picked = np.linspace(0, len(split.rows) - 1, count).astype(int)
    batch = next(data.in_order(split, size, count, ["vertices"], split.rows[picked]))
    scale = TILE / size
    projection = camera.crop(batch["projection"], 0.0, 0.0, scale)
    true = batch["vertices"].numpy()
    columns = [visualize.to_uint8(visualize.enlarge(batch["image"], TILE))]
    columns.append(visualize.mesh(tf.constant(true), projection, face, TILE))
    for method in methods:
        solid = alignment.read(study, method)["vertices"][picked]
        turn, shift = metrics.kabsch(solid, true, face.regions["skin"])
        solid = solid @ turn.transpose(0, 2, 1) + shift[:, np.newaxis]
        columns.append(visualize.mesh(tf.constant(solid, tf.float32), projection, face, TILE))
    picture = visualize.grid(np.stack(columns, axis=1), [])
    titles = [caption(title, TILE, 56) for title in ("input", "truth", *methods)]
    head = visualize.grid(np.stack(titles)[np.newaxis], [])
    return np.concatenate([head, picture])
