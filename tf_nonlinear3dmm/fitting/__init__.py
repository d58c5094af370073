"""Analysis by synthesis: the face of a photo, or of several of one person, through the renderer."""

from tf_nonlinear3dmm.fitting.photo import fit
from tf_nonlinear3dmm.fitting.solver import FITTED, Fit

__all__ = ["FITTED", "Fit", "fit"]
