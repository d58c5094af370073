"""A split -> tables, figures and a report, beside two controls.

`measure` gives numbers per face, `summarise` their means with intervals, `evaluate` writes both
down for a run, for a file of weights or for those of the package.
"""

from tf_nonlinear3dmm.evaluation.errors import BEST_POSE, MODEL, PREDICTED_POSE
from tf_nonlinear3dmm.evaluation.measures import OFF_MODEL, measure
from tf_nonlinear3dmm.evaluation.report import evaluate
from tf_nonlinear3dmm.evaluation.statistics import summarise
from tf_nonlinear3dmm.evaluation.subject import EvaluationError

__all__ = [
    "BEST_POSE",
    "MODEL",
    "OFF_MODEL",
    "PREDICTED_POSE",
    "EvaluationError",
    "evaluate",
    "measure",
    "summarise",
]
