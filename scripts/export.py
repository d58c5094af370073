"""Exports a trained model.

python scripts/export.py --run runs/small                      SavedModel for TensorFlow Serving
python scripts/export.py --run runs/small --format weights     one small file for `load`
python scripts/export.py --run runs/small --format onnx        encoder and decoders
python scripts/export.py --run runs/small --format litert      likewise
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from tf_nonlinear3dmm.core import command_line  # noqa: E402

FORMATS = ("saved_model", "weights", "onnx", "litert")


def main():
    parser = command_line.Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", help="folder of a run or file of weights [the shipped ones]")
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0], help="%(choices)s")
    parser.add_argument("--out", help="folder; what is there stays [RUN/export]")
    parser.add_argument(
        "--version",
        type=command_line.number(int, 0),
        default=1,
        help="of the SavedModel [%(default)s]",
    )
    flags = parser.parse_args()
    folder = pathlib.Path(flags.out or pathlib.Path(flags.run or ".") / "export")
    with command_line.quiet_imports():
        from tf_nonlinear3dmm import serving

    with command_line.one_line(parser):
        model = serving.load(flags.run)
        for path in serving.write(model, flags.format, folder, flags.version):
            print(f"wrote {path}")


if __name__ == "__main__":
    main()
