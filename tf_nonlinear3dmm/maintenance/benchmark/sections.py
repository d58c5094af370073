"""The sections by name, in the order in which they are printed."""

from collections.abc import Iterator, Sequence

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.maintenance.benchmark import (
    data,
    memory,
    rasterizer,
    reconstruct,
    renderer,
    step,
)
from tf_nonlinear3dmm.maintenance.benchmark.setting import Setting
from tf_nonlinear3dmm.maintenance.benchmark.tables import Table

SECTIONS = {
    "rasterizer": rasterizer.measure,
    "renderer": renderer.measure,
    "step": step.measure,
    "data": data.measure,
    "reconstruct": reconstruct.measure,
    "memory": memory.measure,
}


def run(names: Sequence[str], setting: Setting) -> Iterator[Table]:
    """Yields the `Table`s of sections.

    Args:
        names: of `SECTIONS`.
        setting: `Setting`.

    Raises:
        ValueError: a name is no section; nothing is measured then.
    """
    for name in names:
        configs.check_choice("section", name, tuple(SECTIONS))
    for name in names:
        yield from SECTIONS[name](setting)
