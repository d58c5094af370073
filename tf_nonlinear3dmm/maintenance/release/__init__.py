"""A trained run becomes part of the package: weights, directions, samples and a card."""

from tf_nonlinear3dmm.maintenance.release.shipping import LARGEST, ShipError, ship

__all__ = ["LARGEST", "ShipError", "ship"]
