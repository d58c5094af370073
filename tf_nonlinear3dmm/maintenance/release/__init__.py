"""A trained run becomes what comes with the package: weights, directions, samples and a card."""

from tf_nonlinear3dmm.maintenance.release.making import LARGEST, ShipError, ship

__all__ = ["LARGEST", "ShipError", "ship"]
