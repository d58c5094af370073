"""The command line: a module for each task that turns flags into one call into the package.

nonlinear3dmm TASK and python -m tf_nonlinear3dmm TASK are the same as scripts/TASK.py.
"""

import importlib
import sys

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.core import command_line

TASKS = (
    "reconstruct",
    "fit_scan",
    "explore",
    "train",
    "evaluate",
    "export",
    "convert",
    "reproduce",
    "ablate",
    "recover_pose",
)


def main() -> None:
    """Runs the task that the first word names; the other words are its flags."""
    parser = command_line.Parser(
        "\n".join(f"{task:13} {(_module(task).__doc__ or ' ').splitlines()[0]}" for task in TASKS),
        prog="nonlinear3dmm",
        usage="%(prog)s TASK [FLAG ...]",
        epilog="%(prog)s TASK --help tells the flags of a task.",
    )
    parser.add_argument("task", metavar="TASK", help="one of these")
    task = parser.parse_args(sys.argv[1:2] or ["--help"]).task
    with command_line.one_line(parser):
        configs.check_choice("TASK", task, TASKS)
    sys.argv[:2] = [f"{parser.prog} {task}"]
    _module(task).main()


def _module(task):
    return importlib.import_module(f"{__name__}.{task}")
