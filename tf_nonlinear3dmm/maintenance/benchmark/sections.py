"""The sections by name, in the order in which they are printed."""

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.maintenance.benchmark import (
    data,
    memory,
    rasterizer,
    reconstruct,
    renderer,
    step,
)

SECTIONS = {
    "rasterizer": rasterizer.measure,
    "renderer": renderer.measure,
    "step": step.measure,
    "data": data.measure,
    "reconstruct": reconstruct.measure,
    "memory": memory.measure,
}


def run(names, setting):
    """Yields the `Table`s of sections.

    Args:
        names: of `SECTIONS`.
        setting: `Setting`.

    Raises:
        ValueError: there is no section of a name; nothing is measured then.
    """
    for name in names:
        configs.check_choice("section", name, tuple(SECTIONS))
    for name in names:
        yield from SECTIONS[name](setting)
