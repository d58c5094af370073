"""What the codes leave of the pixels: a map of offsets and one of colours, beside the decoders'.

The numbers that are sought lie on grids coarser than the maps, which makes these smooth, and are
N(0, 1) like those of `parameters`; what differs between the sides of a face is held more.
"""

import functools
from typing import NamedTuple

import tensorflow as tf

from tf_nonlinear3dmm.core import graphs
from tf_nonlinear3dmm.fitting import descent, refinement
from tf_nonlinear3dmm.model import Nonlinear3DMM, Reconstruction
from tf_nonlinear3dmm.networks.encoder import Codes
from tf_nonlinear3dmm.rendering import uv_layout

STEPS = 30
SHAPE = 1.0  # deviation of offsets, mm
# Deviations of colours: of their brightness, and of what differs between their channels, which is
# little on skin, while a hat has any colour.
BRIGHTNESS, CHROMA = 0.1, 0.03
SHAPE_GRID, ALBEDO_GRID = 8, 2  # texels from number to number
ONE_SIDED = 0.5  # deviation of what differs between the sides, of that of what they share


class Residual(NamedTuple):
    """The numbers that `maps` spreads; 0 adds nothing.

    Attributes:
        shape: `[B, Hu / SHAPE_GRID, Wu / SHAPE_GRID, 3]`.
        albedo: `[B, Hu / ALBEDO_GRID, Wu / ALBEDO_GRID, 3]`.
    """

    shape: tf.Tensor
    albedo: tf.Tensor


def none(model: Nonlinear3DMM, batch: int | tf.Tensor) -> Residual:
    """The `Residual` of `batch` faces that adds nothing."""
    height, width = model.config.uv_size
    grids = SHAPE_GRID, ALBEDO_GRID
    return Residual(*(tf.zeros([batch, height // grid, width // grid, 3]) for grid in grids))


def add(
    model: Nonlinear3DMM, codes: Codes, images: tf.Tensor, wanted: tf.Tensor
) -> tuple[Reconstruction, Residual]:
    """The `Reconstruction` of codes with the most probable `Residual`, and that one.

    Args:
        model: `Nonlinear3DMM`.
        codes: `Codes`, which stay.
        images: `[B, S, S, 3]` in [0, 1].
        wanted: `[B]` bool; the others are what their codes decode to.
    """
    return _graph(model)(codes, images, wanted)


@functools.lru_cache(maxsize=8)
def _graph(model):
    @graphs.function(reduce_retracing=True)
    def run(codes, images, wanted):
        shape_map, vertices = model.decode_shape(codes.shape_code)
        albedo_map = model.decode_albedo(codes.albedo_code)

        def draw(parts):
            _, moved, albedo = applied(Residual(*parts), vertices, albedo_map, model)
            return model.render(moved, albedo, codes.projection, codes.illumination)

        start = none(model, tf.shape(images)[0])
        pixels = _pixels(model, draw(start), images, wanted)
        parts = descent.descend(lambda p: pixels(draw(p)) + _unlikely(p), [*start], STEPS)
        best = Residual(*map(_finite, parts))
        offsets, moved, albedo = applied(best, vertices, albedo_map, model)
        return model.assemble(codes, (shape_map + offsets, moved), albedo), best

    return run


def applied(
    residual: Residual, vertices: tf.Tensor, albedo_map: tf.Tensor, model: Nonlinear3DMM
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """A decoded face with a residual.

    Args:
        residual: `Residual`.
        vertices: `[B, V, 3]`.
        albedo_map: `[B, Hu, Wu, 3]`.
        model: `Nonlinear3DMM`.

    Returns:
        offsets `[B, Hu, Wu, 3]` to add to the shape map; vertices; albedo map in [0, 1].
    """
    offsets, colours = maps(residual, model)
    moved = vertices + uv_layout.to_vertices(offsets, model.uv_layout)
    return offsets, moved, tf.clip_by_value(albedo_map + colours, 0, 1)


def _unlikely(parts):
    """`[B]`: minus twice the log-probability of the numbers; a map counts as much as the pixels."""
    squares = [tf.reduce_mean(tf.reduce_sum(tf.square(p), axis=-1), axis=[1, 2]) for p in parts]
    return refinement.PIXELS * tf.add_n(squares)


def _pixels(model, drawn, images, wanted):
    """Rendering -> `[B]`, see `refinement.pixels`, about what is drawn without a residual."""
    counts = refinement.skin(model, drawn.fragments)
    colour = tf.maximum(refinement.COLOUR, refinement.off(drawn, counts, images))
    counts *= tf.reshape(tf.cast(wanted, counts.dtype), [-1, 1, 1, 1])
    return lambda drawn: refinement.pixels(drawn, counts, images, colour)


def _finite(numbers):
    return tf.where(tf.math.is_finite(numbers), numbers, 0)


def maps(residual: Residual, model: Nonlinear3DMM) -> list[tf.Tensor]:
    """Offsets in the face's units and colours, `[B, Hu, Wu, 3]` each, of a `Residual`."""
    offsets = SHAPE / model.face.units * _even(residual.shape, uv_layout.OFFSETS)
    grey = tf.reduce_mean(residual.albedo, axis=-1, keepdims=True)
    colours = BRIGHTNESS * grey + CHROMA * (residual.albedo - grey)
    colours = _even(colours, uv_layout.COLOURS)
    return [tf.image.resize(some, model.config.uv_size, "bicubic") for some in (offsets, colours)]


def _even(numbers, signs):
    """Numbers on a grid, what differs between its sides made smaller."""
    other = uv_layout.mirror(numbers, signs)
    return ((1 + ONE_SIDED) * numbers + (1 - ONE_SIDED) * other) / 2
