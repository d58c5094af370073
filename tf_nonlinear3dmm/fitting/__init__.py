"""Analysis by synthesis: photos of a face, of one person, or a mesh -> its codes."""

from tf_nonlinear3dmm.fitting.photo import DETECTED, fit
from tf_nonlinear3dmm.fitting.scan import MeshFit, fit_mesh
from tf_nonlinear3dmm.fitting.solver import FITTED, Fit

__all__ = ["DETECTED", "FITTED", "Fit", "MeshFit", "fit", "fit_mesh"]
