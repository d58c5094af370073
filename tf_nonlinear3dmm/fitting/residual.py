"""What the codes leave of the pixels: a map of offsets and one of colours, beside the decoders'.

The numbers that are sought lie on grids coarser than the maps, which makes these smooth, and are
N(0, 1) like those of `parameters`; what differs between the sides of a face is held more.
"""

import functools

import tensorflow as tf

from tf_nonlinear3dmm.fitting import descent, refinement
from tf_nonlinear3dmm.model import Nonlinear3DMM, Reconstruction
from tf_nonlinear3dmm.networks.encoder import Codes
from tf_nonlinear3dmm.rendering import uv_layout

STEPS = 30
SHAPE, ALBEDO = 1.0, 0.1  # deviations: mm, and of colours
SHAPE_GRID, ALBEDO_GRID = 8, 2  # texels from number to number
ONE_SIDED = 0.5  # deviation of what differs between the sides, of that of what they share
MIRROR = (-1.0, 1.0, 1.0)  # offsets on the other side


def add(model: Nonlinear3DMM, codes: Codes, images: tf.Tensor) -> Reconstruction:
    """The `Reconstruction` of `Codes` with the most probable residual on `images` `[B, S, S, 3]`.

    Its codes, camera and light are those given; maps, vertices and image hold the residual.
    """
    return _graph(model)(codes, images)


@functools.lru_cache(maxsize=8)
def _graph(model):
    height, width = model.config.uv_size

    @tf.function(reduce_retracing=True)
    def run(codes, images):
        (shape_map, vertices), albedo_map = (
            model.decode_shape(codes.shape_code),
            model.decode_albedo(codes.albedo_code),
        )

        def face(parts):
            offsets, colours = _maps(parts, model)
            moved = vertices + uv_layout.to_vertices(offsets, model.uv_layout)
            return (shape_map + offsets, moved), tf.clip_by_value(albedo_map + colours, 0, 1)

        def draw(parts):
            (_, moved), albedo = face(parts)
            return model.render(moved, albedo, codes.projection, codes.illumination)

        batch = tf.shape(images)[0]
        start = [
            tf.zeros([batch, height // grid, width // grid, 3])
            for grid in (SHAPE_GRID, ALBEDO_GRID)
        ]
        drawn = draw(start)
        counts = refinement.skin(model, drawn.fragments)
        colour = tf.maximum(refinement.COLOUR, refinement.off(drawn, counts, images))

        def energy(parts):
            squares = sum(tf.reduce_mean(tf.reduce_sum(p**2, -1), axis=[1, 2]) for p in parts)
            apart = refinement.pixels(draw(parts), counts, images, colour)
            return apart + refinement.PIXELS * squares

        parts = descent.descend(energy, start, STEPS)
        return model.assemble(codes, *face(parts))

    return run


def _maps(parts, model):
    """Offsets in the face's units and colours, `[B, Hu, Wu, 3]` each."""
    shape, albedo = parts
    offsets = SHAPE / model.face.units * _even(shape, tf.constant(MIRROR))
    colours = ALBEDO * _even(albedo, tf.ones([3]))
    return [
        tf.image.resize(numbers, model.config.uv_size, "bicubic") for numbers in (offsets, colours)
    ]


def _even(numbers, signs):
    """Numbers on a grid, what differs between its sides made smaller."""
    mirrored = signs * tf.reverse(numbers, [2])
    return ((1 + ONE_SIDED) * numbers + (1 - ONE_SIDED) * mirrored) / 2
