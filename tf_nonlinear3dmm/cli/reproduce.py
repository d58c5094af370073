"""The paper's experiments, all of them: trains every model, measures, draws, writes the report.

    nonlinear3dmm reproduce                      under eight hours on two cores
    nonlinear3dmm reproduce --minutes 110        the same in parts of two hours
    nonlinear3dmm reproduce --quick              an hour and a half
    nonlinear3dmm reproduce --aflw AFLW2000-3D.zip   also aligns your copy of AFLW2000-3D

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
        dict(
            full="the paper's order of stages, long trainings",
            quick="short trainings, two code sizes",
            tiny="every part in minutes; means nothing",
        ),
        default="middle",
    )
    parser.add_argument("--report-only", action="store_true", help="of what is done so far")
    second = parser.add_mutually_exclusive_group()
    second.add_argument(
        "--source", help="a second test set to align, `name:PATH`, as `evaluate` takes it"
    )
    second.add_argument("--aflw", help="the same as --source aflw2000_3d:AFLW; zip or folder")
    flags = parser.parse_args()
    source = f"aflw2000_3d:{flags.aflw}" if flags.aflw else flags.source

    with command_line.quiet_imports():  # and not before: --help need not wait for TensorFlow
        from tf_nonlinear3dmm import training
        from tf_nonlinear3dmm.data.builders.synthetic_faces import teacher
        from tf_nonlinear3dmm.studies import paper, study

    folder = pathlib.Path(flags.out or f"runs/results-{flags.scale}")
    scale = getattr(study, flags.scale)
    whole = scale(folder, teacher.scan_200, flags.data, source=source)
    again = command_line.again("reproduce")
    with training.codes(parser.prog, again, ValueError):
        if flags.report_only:
            paper.write_report(whole)
        elif not paper.reproduce(whole, flags.minutes):
            print(f"to resume: {again}")
            sys.exit(1)
