"""The flags that the studies `ablate` and `reproduce` share."""

from collections.abc import Mapping

from tf_nonlinear3dmm.core import command_line


def parser(
    about: str, scales: Mapping[str, str], default: str, minutes: float | None = None
) -> command_line.Parser:
    """A parser of `scale`, `minutes`, `out` and `data`.

    Args:
        about: help of the command.
        scales: name of a scale -> help of its flag.
        default: scale that has no flag.
        minutes: default.
    """
    made = command_line.Parser(about)
    scale = made.add_mutually_exclusive_group()
    for name, what in scales.items():
        scale.add_argument(f"--{name}", dest="scale", action="store_const", const=name, help=what)
    made.set_defaults(scale=default)
    made.add_argument(
        "--minutes",
        type=command_line.number(float, 0),
        default=minutes,
        help=f"time budget: no part begins after so long [{minutes or 'none'}]",
    )
    made.add_path("--out", "folder [runs/ablation-<scale> or results-<scale>]", "FOLDER")
    made.add_argument("--data", default="data", help="folder of data sets [%(default)s]")
    return made
