"""Takes MediaPipe's face networks from its wheel, or compares the package's with them.

python scripts/maintenance/build_detector.py           # download, write the assets
python scripts/maintenance/build_detector.py --check   # download, compare with the assets
"""

import argparse
import pathlib
import sys
import tempfile

from tf_nonlinear3dmm.core import command_line
from tf_nonlinear3dmm.data.photos import litert
from tf_nonlinear3dmm.face.build import mediapipe_wheel


def main() -> None:
    parser = command_line.Parser(__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, compare instead")
    parser.add_argument("--wheel", type=pathlib.Path, help=f"a copy of {mediapipe_wheel.WHEEL}")
    parser.add_argument("--output", type=pathlib.Path, default=litert.FOLDER)
    flags = parser.parse_args()
    with command_line.one_line(parser):
        build(flags)


def build(flags: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = mediapipe_wheel.read(flags.wheel or mediapipe_wheel.download(folder))
    if not flags.check:
        mediapipe_wheel.write(files, flags.output)
        print(f"{flags.output}: {sum(map(len, files.values())) / 1e6:.2f} MB")
        return
    different = mediapipe_wheel.differences(files, flags.output)
    for name in different:
        print(f"{flags.output / name}: differs from the wheel's, or is missing", file=sys.stderr)
    if different:
        sys.exit(1)
    print(f"{flags.output}: all {len(files)} files are the wheel's")


if __name__ == "__main__":
    main()
