"""Data set examples to training batches.

`sources` finds data sets, `arrays` reads their records by row, `batches` makes the batch of any
step from them, `augment` cuts, mirrors and colours it. Points leave here in pixels of the crop,
colours in [0, 1].
"""

from tf_nonlinear3dmm.data.arrays import NoSplitError, Split
from tf_nonlinear3dmm.data.batches import Batches, Source
from tf_nonlinear3dmm.data.evaluation import OFF, in_order
from tf_nonlinear3dmm.data.sources import (
    Request,
    is_prepared,
    open_split,
    open_training,
    prepare,
    request,
    requests,
)

__all__ = [
    "Batches",
    "Source",
    "NoSplitError",
    "OFF",
    "Request",
    "Split",
    "in_order",
    "is_prepared",
    "open_split",
    "open_training",
    "prepare",
    "request",
    "requests",
]
