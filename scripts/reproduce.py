"""The paper's experiments, all of them: trains every model, measures, draws, writes the report.

    python scripts/reproduce.py --quick              an hour and a half on two cores
    python scripts/reproduce.py --minutes 150        the full scale, with a time budget

The same command resumes where it stopped, and every call ends with a report of what there is. Exit
code 0: all is done; 1: more is to do, or a part has failed.
"""

import argparse
import pathlib
import shlex
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tf_nonlinear3dmm.core import command_line  # noqa: E402


def main():
    parser = command_line.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    scale = parser.add_mutually_exclusive_group()
    scale.add_argument("--quick", action="store_true", help="short trainings, two code sizes")
    scale.add_argument("--tiny", action="store_true", help="every part in minutes; means nothing")
    parser.add_argument(
        "--minutes",
        type=command_line.number(float, 0),
        help="time budget: no part begins after so long; the next call resumes",
    )
    parser.add_argument("--report-only", action="store_true", help="of what is done so far")
    parser.add_argument("--out", type=pathlib.Path, help="folder (default runs/results-<scale>)")
    parser.add_argument("--data", default="data", help="folder of data sets (default data)")
    parser.add_argument("--aflw", help="folder of AFLW2000-3D, to align its faces too")
    choice = parser.parse_args()

    with command_line.quiet_imports():  # and not before: --help need not wait for TensorFlow
        from tf_nonlinear3dmm import training
        from tf_nonlinear3dmm.data.builders.synthetic_faces import teacher
        from tf_nonlinear3dmm.studies import paper, study

    name = "quick" if choice.quick else "tiny" if choice.tiny else "full"
    folder = choice.out or pathlib.Path(f"runs/results-{name}")
    whole = getattr(study, name)(folder, teacher.scan_200, choice.data, aflw=choice.aflw)
    again = shlex.join(["python", *sys.argv])
    with training.codes(parser.prog, again, ValueError):
        if choice.report_only:
            paper.write_report(whole)
        elif not paper.reproduce(whole, choice.minutes):
            print(f"to resume: {again}")
            sys.exit(1)


if __name__ == "__main__":
    main()
