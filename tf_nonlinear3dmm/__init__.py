"""The Nonlinear 3D Face Morphable Model in TensorFlow 2.

    import tf_nonlinear3dmm as n3

    model = n3.load()                        # the weights that come with the package, or a path
    result = model.reconstruct(images)       # [B, S, S, 3] face crops -> `Reconstruction`
    fit = n3.fit(model, images)              # slower and closer: fit.reconstruction
    for face in n3.track(model, frames):     # a clip of one person, smooth in time

These are the public names; everything else may change.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tf_nonlinear3dmm.configs import preset
    from tf_nonlinear3dmm.face import FaceModel
    from tf_nonlinear3dmm.model import Nonlinear3DMM, Reconstruction
    from tf_nonlinear3dmm.serving import load

__version__ = "0.1.0"

_HOMES = {  # imported when they are first used: TensorFlow takes seconds to load
    "FaceModel": "face",
    "Nonlinear3DMM": "model",
    "Reconstruction": "model",
    "fit": "fitting",
    "load": "serving",
    "preset": "configs",
    "track": "fitting",
}

__all__ = [
    "FaceModel",
    "Nonlinear3DMM",
    "Reconstruction",
    "fit",
    "load",
    "preset",
    "track",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _HOMES[name] in ("fitting", "model", "serving"):  # which is told before anything needs Keras
        importlib.import_module(f"{__name__}.core.keras_state")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
