"""The rasterizer's growth curves as a picture."""

import pathlib
from collections.abc import Iterable

import numpy as np

from tf_nonlinear3dmm.evaluation import plots
from tf_nonlinear3dmm.maintenance.benchmark import rasterizer
from tf_nonlinear3dmm.maintenance.benchmark.tables import Table
from tf_nonlinear3dmm.rendering import visualize


def write(path: pathlib.Path, tables: Iterable[Table]) -> None:
    """Writes the curves of the rasterizer's `Table`, which is one of `tables`, as a PNG."""
    (table,) = (table for table in tables if table.title == rasterizer.TITLE)
    visualize.save(path, draw(table))


def draw(table: Table) -> np.ndarray:
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
