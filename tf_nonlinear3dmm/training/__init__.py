"""Training, from a configuration to weights.

`run` starts and resumes a run's folder, `assembly` makes its parts, `loop` goes through its stages,
`step` updates the weights by what `objective` minimises, `log` says and writes how it goes.

outcome = training.train(configs.preset("tiny"), "runs/tiny")
model, config = training.load("runs/tiny")
"""

from tf_nonlinear3dmm.core.array_files import LoadError, SaveError
from tf_nonlinear3dmm.training.errors import NonFiniteError, RunError, codes
from tf_nonlinear3dmm.training.run import Outcome, load, train

__all__ = [
    "LoadError",
    "NonFiniteError",
    "Outcome",
    "RunError",
    "SaveError",
    "codes",
    "load",
    "train",
]
