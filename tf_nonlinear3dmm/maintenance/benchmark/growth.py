"""The rasterizer's growth curves as a picture."""

from tf_nonlinear3dmm.evaluation import plots
from tf_nonlinear3dmm.maintenance.benchmark import rasterizer
from tf_nonlinear3dmm.rendering import visualize


def write(path, tables):
    """Writes the curves of the rasterizer's `Table`, which is one of `tables`, as a PNG."""
    (table,) = (table for table in tables if table.title == rasterizer.TITLE)
    visualize.save(path, draw(table))


def draw(table):
    """Curves of the `Table` of `rasterizer.measure`, uint8 `[H, W, 3]`; linear growth is dotted."""
    panels = {
        axis: {
            f"{kind}, p = {rasterizer.exponent(table.rows, axis, kind):.2f}": rasterizer.along(
                table.rows, axis, kind
            )
            for kind in rasterizer.KINDS
        }
        for axis in rasterizer.AXES
    }
    return plots.growth(panels, "ms")
