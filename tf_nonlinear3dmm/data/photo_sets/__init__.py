"""Real photographs to stored examples: what the builders of real data sets share.

A `PhotoSetBuilder` reads files, calls `Fitted.labels` or `cut`, and writes dicts of `features`.
Labels that a data set lacks are left out; `has_<label>` says so. Bad records are skipped and named.
"""

from tf_nonlinear3dmm.data.photo_sets.builder import PhotoSetBuilder
from tf_nonlinear3dmm.data.photo_sets.fitted import (
    Fitted,
    check_landmarks,
    cut,
    parameter_features,
    read_parameters,
    textures,
)
from tf_nonlinear3dmm.data.photo_sets.layout import Config, configs, configured, example, features
from tf_nonlinear3dmm.data.photo_sets.reading import (
    Skipped,
    each,
    held_out,
    number,
    read,
    read_photo,
)

__all__ = [
    "Config",
    "Fitted",
    "PhotoSetBuilder",
    "Skipped",
    "check_landmarks",
    "configs",
    "configured",
    "cut",
    "each",
    "example",
    "features",
    "held_out",
    "number",
    "parameter_features",
    "read",
    "read_parameters",
    "read_photo",
    "textures",
]
