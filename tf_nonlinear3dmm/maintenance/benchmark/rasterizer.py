"""The rasterizer alone, by mesh size, image size and batch."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import tensorflow as tf

from tf_nonlinear3dmm.core import graphs
from tf_nonlinear3dmm.maintenance.benchmark import scenes, tables, timing
from tf_nonlinear3dmm.maintenance.benchmark.setting import Setting
from tf_nonlinear3dmm.rendering import rasterizer

TITLE = "Rasterizer"
COLUMNS = ["varied", "vertices", "triangles", "pixels", "batch"]
COLUMNS += ["forward ms", "minimum", "step ms", "minimum"]
AXES = ("vertices", "pixels", "batch")  # that are varied; also names of columns
KINDS = ("forward", "step")
WORK = (
    "The embedded face at random poses, yaw to +-90 degrees, {filled:.0%} of the image high. "
    "forward: rasterize. step: rasterize, interpolate three colours, L1 to random images, and the "
    "gradients of image points and colours. One is varied at a time around the {mesh} mesh, "
    "{size} px, batch {batch}. Median of {runs} runs, all cases in turn."
)


class Case(NamedTuple):
    """A mesh of `scenes.MESHES`, a square image's side, and a batch."""

    mesh: str
    size: int
    batch: int


def cases(quick: bool) -> tuple[Case, dict[str, list[Case]]]:
    """The middle `Case`, and the cases of each of `AXES`, rising."""
    middle = Case("3k", 56, 4) if quick else Case("12k", 224, 16)
    meshes = scenes.MESHES[: 2 if quick else 3]
    sizes, batches = ((28, 56), (2, 4)) if quick else ((112, 224, 448), (4, 16, 64))
    return middle, {
        "vertices": [middle._replace(mesh=mesh) for mesh in meshes],
        "pixels": [middle._replace(size=size) for size in sizes],
        "batch": [middle._replace(batch=batch) for batch in batches],
    }


def measure(setting: Setting) -> Iterator[tables.Table]:
    """Yields one `Table`: a row for each case, those of an axis together and rising."""
    middle, axes = cases(setting.quick)
    distinct = dict.fromkeys(case for axis in AXES for case in axes[axis])
    meshes = {case.mesh: scenes.mesh(case.mesh) for case in distinct}
    functions = {
        (kind, case): function
        for case in distinct
        for kind, function in zip(KINDS, _functions(case, *meshes[case.mesh]), strict=True)
    }
    times = timing.take_turns(functions, setting.runs, setting.say)
    rows = []
    for axis in AXES:
        for case in axes[axis]:
            vertices, triangles = meshes[case.mesh]
            sizes = [len(vertices), len(triangles), case.size**2, case.batch]
            rows.append([axis, *sizes, *times.ms(("forward", case)), *times.ms(("step", case))])
    work = WORK.format(filled=scenes.FILLED, runs=setting.runs, **middle._asdict())
    notes = [
        f"Time grows as {axis}^p (goal: p at most 1): "
        + ", ".join(f"p = {exponent(rows, axis, kind):.2f} {kind}" for kind in KINDS)
        for axis in AXES
    ]
    yield tables.Table(TITLE, work, COLUMNS, rows, notes)


def exponent(rows: Sequence[list], axis: str, kind: str) -> float:
    """How the median time of one of `KINDS` grows along one of `AXES`, see `timing.growth`."""
    points = along(rows, axis, kind)
    return timing.growth(*zip(*points, strict=True))


def along(rows: Sequence[list], axis: str, kind: str) -> list[tuple[int, float]]:
    """[(size, median ms)] of the rows of an axis."""
    x, y = COLUMNS.index(axis), COLUMNS.index(f"{kind} ms")
    return [(row[x], row[y]) for row in rows if row[0] == axis]


def _functions(case, vertices, triangles):
    """(forward, step), functions without arguments."""
    image_size = (case.size, case.size)
    points = scenes.poses(case.batch, case.size, vertices)
    triangles = tf.constant(triangles)
    colours = tf.random.stateless_uniform(points.shape, [0, 0])
    target = tf.random.stateless_uniform([case.batch, *image_size, 3], [0, 1])

    @graphs.function
    def forward(points):
        return tuple(rasterizer.rasterize(points, triangles, image_size))

    @graphs.function
    def step(points, colours):
        fragments = rasterizer.rasterize(points, triangles, image_size)
        image = rasterizer.interpolate(colours, triangles, fragments)
        loss = tf.reduce_mean(tf.abs(image - target))
        return tf.gradients(loss, [points, colours])

    return lambda: forward(points), lambda: step(points, colours)
