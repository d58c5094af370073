"""Analysis by synthesis: photos of a face, of one person, a clip, a mesh or a scan -> its codes."""

from tf_nonlinear3dmm.fitting.choice import ALIGNED, FITTED
from tf_nonlinear3dmm.fitting.mesh import MeshFit, fit_mesh
from tf_nonlinear3dmm.fitting.photo import DETECTED, fit
from tf_nonlinear3dmm.fitting.residual import Residual
from tf_nonlinear3dmm.fitting.scan import ScanFit, fit_scan
from tf_nonlinear3dmm.fitting.solver import Fit
from tf_nonlinear3dmm.fitting.tracking import Track, TrackedFace, track

__all__ = [
    "ALIGNED",
    "DETECTED",
    "FITTED",
    "Fit",
    "MeshFit",
    "Residual",
    "ScanFit",
    "Track",
    "TrackedFace",
    "fit",
    "fit_mesh",
    "fit_scan",
    "track",
]
