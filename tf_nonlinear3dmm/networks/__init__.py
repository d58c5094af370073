"""Image to codes (encoder), codes to maps and vertices (decoders), and the networks of the losses.

A decoder of your own: a Keras layer beside those in `decoders`, and its name in
`decoders.shape_decoder` or `decoders.albedo_decoder`.
"""

from tf_nonlinear3dmm.networks import decoders, layers, linear
from tf_nonlinear3dmm.networks.discriminator import Discriminator, History
from tf_nonlinear3dmm.networks.encoder import Codes, Encoder
from tf_nonlinear3dmm.networks.perceptual import Features

__all__ = [
    "Codes",
    "Discriminator",
    "Encoder",
    "Features",
    "History",
    "decoders",
    "layers",
    "linear",
]
