"""The paper's experiments, all of them: trains every model, measures, draws, writes the report.

    nonlinear3dmm reproduce --quick              an hour and a half on two cores
    nonlinear3dmm reproduce --minutes 150        the full scale, with a time budget

The same command resumes where it stopped, and every call ends with a report of what there is. Exit
code 0: all is done; 1: more is to do, or a part has failed.
"""

import pathlib
import sys

from tf_nonlinear3dmm.core import command_line


def main() -> None:
    parser = command_line.Parser(__doc__)
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
    flags = parser.parse_args()

    with command_line.quiet_imports():  # and not before: --help need not wait for TensorFlow
        from tf_nonlinear3dmm import training
        from tf_nonlinear3dmm.data.builders.synthetic_faces import teacher
        from tf_nonlinear3dmm.studies import paper, study

    name = "quick" if flags.quick else "tiny" if flags.tiny else "full"
    folder = flags.out or pathlib.Path(f"runs/results-{name}")
    whole = getattr(study, name)(folder, teacher.scan_200, flags.data, aflw=flags.aflw)
    again = command_line.again("reproduce")
    with training.codes(parser.prog, again, ValueError):
        if flags.report_only:
            paper.write_report(whole)
        elif not paper.reproduce(whole, flags.minutes):
            print(f"to resume: {again}")
            sys.exit(1)
