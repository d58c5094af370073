"""The paper's experiments: many models on the same data, their tables, figures and report.

`experiments` lists the parts in their order; every other file is one experiment or one piece of the
report.
"""

from tf_nonlinear3dmm.studies.paper.experiments import parts, reproduce, write_report

__all__ = ["parts", "reproduce", "write_report"]
