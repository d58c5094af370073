"""A split -> tables, figures and a report, beside two controls.

`measure` gives numbers per face, `summarise` their means with intervals, `evaluate` writes both
down for a trained run.
"""

from tf_nonlinear3dmm.evaluation.measures import BEST_POSE, MODEL, PREDICTED_POSE, measure
from tf_nonlinear3dmm.evaluation.report import EvaluationError, evaluate
from tf_nonlinear3dmm.evaluation.tables import summarise

__all__ = [
    "BEST_POSE",
    "MODEL",
    "PREDICTED_POSE",
    "EvaluationError",
    "evaluate",
    "measure",
    "summarise",
]
