"""Speed and memory: tables that scripts/maintenance/benchmark.py makes again on any machine.

for table in benchmark.run(["rasterizer"], benchmark.Setting()):
    print(benchmark.markdown(table))

A section is a file with `measure(setting)`, which yields `Table`s.
"""

from tf_nonlinear3dmm.maintenance.benchmark.sections import SECTIONS, run
from tf_nonlinear3dmm.maintenance.benchmark.setting import Setting
from tf_nonlinear3dmm.maintenance.benchmark.tables import Table, as_dict, device, markdown

__all__ = ["SECTIONS", "Setting", "Table", "as_dict", "device", "markdown", "run"]
