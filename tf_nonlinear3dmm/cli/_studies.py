"""The flags that the studies `ablate` and `reproduce` share."""

from tf_nonlinear3dmm.core import command_line


def parser(about: str, quick: str, tiny: str, minutes: float | None = None) -> command_line.Parser:
    """A parser of `scale` (full, or `quick` or `tiny` as told), `minutes`, `out` and `data`."""
    made = command_line.Parser(about)
    scale = made.add_mutually_exclusive_group()
    for name, what in (("quick", quick), ("tiny", tiny)):
        scale.add_argument(f"--{name}", dest="scale", action="store_const", const=name, help=what)
    made.set_defaults(scale="full")
    made.add_argument(
        "--minutes",
        type=command_line.number(float, 0),
        default=minutes,
        help=f"time budget: no part begins after so long [{minutes or 'none'}]",
    )
    made.add_path("--out", "folder [runs/ablation-<scale> or results-<scale>]", "FOLDER")
    made.add_argument("--data", default="data", help="folder of data sets [%(default)s]")
    return made
