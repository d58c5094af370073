"""What a trained model needs to be shown: named directions, sample faces and a card.

`ship` makes them from a run, once; they lie in one folder beside the weights.
"""

from tf_nonlinear3dmm.shipped.labelled import directions_of
from tf_nonlinear3dmm.shipped.making import LARGEST, ShipError, ship
from tf_nonlinear3dmm.shipped.samples import NAMES, read_samples

__all__ = ["LARGEST", "NAMES", "ShipError", "directions_of", "read_samples", "ship"]
