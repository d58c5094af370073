"""Evaluates a trained run: report.md, report.json and figures in its folder.

python scripts/evaluate.py --run runs/small
python scripts/evaluate.py --run runs/small --source aflw2000_3d:/data/AFLW2000 --out aflw
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from tf_nonlinear3dmm import command_line  # noqa: E402


def main():
    parser = command_line.Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="runs/small", help="folder of the run [%(default)s]")
    parser.add_argument("--source", help="data set, `name` or `name:PATH` [the run's first]")
    parser.add_argument("--split", help="of the data set [test; validation where it has none]")
    parser.add_argument("--faces", type=int, help="evaluate the first so many [all]")
    parser.add_argument("--batch", type=int, default=32, help="faces at a time [%(default)s]")
    parser.add_argument("--out", help="folder for the report [the run's]")
    flags = parser.parse_args()
    if flags.batch < 1 or (flags.faces is not None and flags.faces < 1):
        parser.error("--faces and --batch must be at least 1")
    with command_line.quiet_imports():  # and not before: --help need not wait for TensorFlow
        from tf_nonlinear3dmm import evaluation

    try:
        evaluation.evaluate(
            flags.run, flags.source, flags.split, flags.faces, flags.out, flags.batch
        )
    except evaluation.EvaluationError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
