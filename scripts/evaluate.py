"""Evaluates a trained run: report.md, report.json and figures in its folder.

python scripts/evaluate.py --run runs/small
python scripts/evaluate.py --run runs/small --source aflw2000_3d:/data/AFLW2000 --out aflw
"""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="runs/small", help="folder of the run (%(default)s)")
    parser.add_argument("--source", help="data set, such as `name` or `name:PATH`; the run's own")
    parser.add_argument("--split", default="test", help="of the data set (%(default)s)")
    parser.add_argument("--faces", type=int, help="evaluate the first so many only")
    parser.add_argument("--batch", type=int, default=32, help="faces at a time (%(default)s)")
    parser.add_argument("--out", help="folder for the report; the run's where absent")
    flags = parser.parse_args()
    from tf_nonlinear3dmm import evaluation

    try:
        evaluation.evaluate(
            flags.run, flags.source, flags.split, flags.faces, flags.out, flags.batch
        )
    except evaluation.EvaluationError as error:
        print(f"evaluate.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
