"""What each part of the method does: trains the model without it and compares, a row per part.

    nonlinear3dmm ablate --quick          about 30 minutes on two cores: width 8, 450 steps
    nonlinear3dmm ablate                  width 16, 1800 steps; about five hours

Every row has the same steps, seed and faces. The same command resumes where it stopped. Exit code
0: all is done; 1: more is to do. Every call writes the report of what there is.
"""

import pathlib
import sys

from tf_nonlinear3dmm.cli import _studies
from tf_nonlinear3dmm.core import command_line


def main() -> None:
    parser = _studies.parser(
        __doc__,
        dict(
            quick="short trainings of a smaller network",
            tiny="every part in seconds; means nothing",
        ),
        default="full",
        minutes=150,
    )
    parser.add_argument("--rows", help="comma separated, beside the full model [all]")
    flags = parser.parse_args()

    with command_line.quiet_imports():  # takes seconds: --help need not wait
        from tf_nonlinear3dmm import training
        from tf_nonlinear3dmm.studies import ablation

    folder = pathlib.Path(flags.out or f"runs/ablation-{flags.scale}")
    study = getattr(ablation, flags.scale)(folder, flags.data)
    only = flags.rows and [row.strip() for row in flags.rows.split(",")]
    again = command_line.again("ablate")
    with training.codes(parser.prog, again, ValueError):
        if not ablation.ablate(study, again, flags.minutes, only):
            print(f"to resume: {again}")
            sys.exit(1)
