"""Training: one step, the distributed loop, checkpoints, what a run says and writes.

outcome = training.train(configs.preset("tiny"), "runs/tiny")
model, config = training.load("runs/tiny")
"""

from tf_nonlinear3dmm.core.array_files import LoadError, SaveError
from tf_nonlinear3dmm.training.exits import codes
from tf_nonlinear3dmm.training.runs import Outcome, RunError, load, train
from tf_nonlinear3dmm.training.updates import NonFiniteError

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
