"""The paper's experiments, all of them: trains every model, measures, draws, writes the report.

    nonlinear3dmm reproduce --quick              an hour and a half on two cores
    nonlinear3dmm reproduce --minutes 150        the full scale, with a time budget

The same command resumes where it stopped, and every call ends with a report of what there is. Exit
code 0: all is done; 1: more is to do, or a part has failed.
"""

import pathlib
import sys

from tf_nonlinear3dmm.cli import _studies
from tf_nonlinear3dmm.core import command_line


def main() -> None:
    parser = _studies.parser(
        __doc__,
        quick="short trainings, two code sizes",
        tiny="every part in minutes; means nothing",
    )
    parser.add_argument("--report-only", action="store_true", help="of what is done so far")
    parser.add_argument("--aflw", help="folder of AFLW2000-3D, to align its faces too")
    flags = parser.parse_args()

    with command_line.quiet_imports():  # and not before: --help need not wait for TensorFlow
        from tf_nonlinear3dmm import training
        from tf_nonlinear3dmm.data.builders.synthetic_faces import teacher
        from tf_nonlinear3dmm.studies import paper, study

    folder = pathlib.Path(flags.out or f"runs/results-{flags.scale}")
    scale = getattr(study, flags.scale)
    whole = scale(folder, teacher.scan_200, flags.data, aflw=flags.aflw)
    again = command_line.again("reproduce")
    with training.codes(parser.prog, again, ValueError):
        if flags.report_only:
            paper.write_report(whole)
        elif not paper.reproduce(whole, flags.minutes):
            print(f"to resume: {again}")
            sys.exit(1)
