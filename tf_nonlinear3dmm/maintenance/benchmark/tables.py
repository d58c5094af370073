"""Tables of measurements, as markdown and for JSON, and what they were measured on."""

import os
import pathlib
import platform
import re
from typing import Any, NamedTuple

import tensorflow as tf


class Table(NamedTuple):
    """Measurements.

    Attributes:
        title: one line.
        work: what exactly was done, one paragraph.
        columns: names with units.
        rows: lists of texts and numbers, one for each column.
        notes: lines about the whole.
    """

    title: str
    work: str
    columns: list[str]
    rows: list[list]
    notes: list[str] = []


def device() -> str:
    """One line: processor, cores that may be used, TensorFlow, and how busy the machine is."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = os.getloadavg()[0]
    devices = [d.name for d in tf.config.list_logical_devices() if d.device_type != "CPU"]
    return ", ".join(
        [f"{_processor()}, {cores} cores", *devices]
        + [f"TensorFlow {tf.__version__}, Python {platform.python_version()}"]
        + [f"load {load:.1f} when this line was written"]
    )


def markdown(table: Table) -> str:
    """A `Table` as markdown."""
    rows = [[_text(value) for value in row] for row in table.rows]
    widths = [max(map(len, column)) for column in zip(table.columns, *rows, strict=True)]

    def line(cells):
        return "| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)) + " |"

    body = [line(table.columns), line(["-" * w for w in widths]), *map(line, rows)]
    return "\n\n".join([f"### {table.title}", table.work, "\n".join(body), *table.notes])


def as_dict(table: Table) -> dict[str, Any]:
    """A `Table` for JSON."""
    return table._asdict()


def _text(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)


def _processor():
    path = pathlib.Path("/proc/cpuinfo")
    match = re.search(r"model name\s*: (.*)", path.read_text()) if path.exists() else None
    return match[1] if match else platform.processor() or platform.machine()
