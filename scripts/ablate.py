"""What each part of the method does: trains the model without it and compares, a row per part.

    python scripts/ablate.py --quick          about 30 minutes on two cores: width 8, 450 steps
    python scripts/ablate.py                  width 16, 1800 steps; about five hours

Every row has the same steps, seed and faces. The same command resumes where it stopped. Exit
code 0: all is done; 1: more is to do. Every call writes the report of what there is.
"""

import argparse
import os
import pathlib
import shlex
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tf_nonlinear3dmm.core import command_line  # noqa: E402


def main():
    parser = command_line.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    scale = parser.add_mutually_exclusive_group()
    scale.add_argument("--quick", action="store_true", help="short trainings of a smaller network")
    scale.add_argument("--tiny", action="store_true", help="every part in seconds; means nothing")
    parser.add_argument(
        "--minutes",
        type=command_line.number(float, 0),
        default=150,
        help="time budget: no part begins after so long [%(default)s]",
    )
    parser.add_argument("--rows", help="comma separated, beside the full model [all]")
    parser.add_argument("--out", type=pathlib.Path, help="folder [runs/ablation-<scale>]")
    parser.add_argument("--data", default="data", help="folder of data sets [%(default)s]")
    options = parser.parse_args()

    with command_line.quiet_imports():  # takes seconds: --help need not wait
        from tf_nonlinear3dmm import training
        from tf_nonlinear3dmm.studies import ablation

    name = "quick" if options.quick else "tiny" if options.tiny else "full"
    folder = options.out or pathlib.Path(f"runs/ablation-{name}")
    study = getattr(ablation, name)(folder, options.data)
    only = options.rows and [row.strip() for row in options.rows.split(",")]
    again = shlex.join(["python", *sys.argv])
    with training.codes(parser.prog, again, ValueError):
        if not ablation.ablate(study, again, options.minutes, only):
            print(f"to resume: {again}")
            sys.exit(1)


if __name__ == "__main__":
    main()
