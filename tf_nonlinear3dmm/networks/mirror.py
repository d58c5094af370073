"""An image and its mirror image show one face: what the encoder says of both, as one answer.

The two answers err each in its own way, the camera above all: their mean errs less.
"""

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.networks.encoder import Codes
from tf_nonlinear3dmm.networks.uv_decoder import UVDecoder
from tf_nonlinear3dmm.rendering import camera, lighting


def halves(codes: Codes) -> tuple[Codes, Codes]:
    """Codes of 2 B images as those of the first B and of the last B."""
    pairs = [(None, None) if part is None else tf.split(part, 2) for part in codes]
    first, last = zip(*pairs, strict=True)
    return Codes(*first), Codes(*last)


def mirror(
    codes: Codes, image_size: int, shape_decoder: UVDecoder, albedo_decoder: UVDecoder
) -> Codes:
    """The `Codes` of the mirror images of S x S images, whose decoders have a linear part."""
    light = codes.illumination
    return Codes(
        camera.mirror(codes.projection, image_size),
        None if light is None else lighting.mirror(light),
        shape_decoder.mirror(codes.shape_code),
        albedo_decoder.mirror(codes.albedo_code),
    )


def mean(one: Codes, other: Codes, centre: np.ndarray) -> Codes:
    """The mean of two answers, its camera the nearest scaled rotation about a `centre` `[3]`."""
    half = [None if a is None else (a + b) / 2 for a, b in zip(one, other, strict=True)]
    codes = Codes(*half)
    projection = camera.from_rotation(
        camera.rotation(codes.projection),
        (camera.scale(one.projection) + camera.scale(other.projection)) / 2,
        camera.seen(codes.projection, centre),
        centre,
    )
    return codes._replace(projection=projection)
