"""Data set examples to training batches.

`schema` says what an example is, `sources` finds data sets, `splits` reads their records by row,
`batches` makes the batch of any step from them, which `augment` and `degrade` change. Points leave
here in pixels of the crop, colours in [0, 1].
"""

from tf_nonlinear3dmm.data.batches import Batches
from tf_nonlinear3dmm.data.evaluation import OFF, in_order
from tf_nonlinear3dmm.data.sources import (
    Request,
    is_prepared,
    open_first,
    open_split,
    open_training,
    prepare,
    request,
    requests,
)
from tf_nonlinear3dmm.data.splits import NoSplitError, Source, Split

__all__ = [
    "Batches",
    "Source",
    "NoSplitError",
    "OFF",
    "Request",
    "Split",
    "in_order",
    "is_prepared",
    "open_first",
    "open_split",
    "open_training",
    "prepare",
    "request",
    "requests",
]
