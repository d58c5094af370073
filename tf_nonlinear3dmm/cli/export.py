"""Exports a trained model.

nonlinear3dmm export --run runs/small                      SavedModel for TensorFlow Serving
nonlinear3dmm export --run runs/small --format weights     one small file for `load`
nonlinear3dmm export --run runs/small --format onnx        encoder and decoders
nonlinear3dmm export --run runs/small --format litert      likewise
"""

import pathlib

from tf_nonlinear3dmm.core import command_line

FORMATS = ("saved_model", "weights", "onnx", "litert")


def main() -> None:
    parser = command_line.Parser(__doc__)
    parser.add_path("--run", "folder of a run or file of weights [the shipped ones]")
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0], help="%(choices)s")
    parser.add_path("--out", "folder; what is there stays [RUN/export]", "FOLDER")
    parser.add_count("--version", "of the SavedModel", 1, low=0)
    flags = parser.parse_args()
    folder = pathlib.Path(flags.out or pathlib.Path(flags.run or ".") / "export")
    with command_line.quiet_imports():
        from tf_nonlinear3dmm import serving

    with command_line.one_line(parser):
        model = serving.load(flags.run)
        for path in serving.write(model, flags.format, folder, flags.version):
            print(f"wrote {path}")
