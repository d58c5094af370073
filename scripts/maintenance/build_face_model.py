"""Builds the embedded face, its skins and hair from CC0 sources, or compares them with the assets.

python scripts/maintenance/build_face_model.py           # download, build, write the assets
python scripts/maintenance/build_face_model.py --check   # download, build, compare with the assets
"""

import pathlib
import sys
import tempfile
from collections.abc import Callable

import numpy as np

from tf_nonlinear3dmm import face
from tf_nonlinear3dmm.core import command_line
from tf_nonlinear3dmm.face.build import assemble, assets_package, hair, skins, source


def main() -> None:
    parser = command_line.Parser(__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, compare instead")
    parser.add_argument("--wheel", type=pathlib.Path, help=f"a copy of {source.WHEEL}")
    parser.add_argument("--package", type=pathlib.Path, help=f"a copy of {assets_package.TARBALL}")
    parser.add_argument("--output", type=pathlib.Path, default=face.ASSET)
    parser.add_argument("--hair-output", type=pathlib.Path, default=face.hair.ASSET)
    parser.add_argument("--skins-output", type=pathlib.Path, default=face.skins.ASSET)
    flags = parser.parse_args()
    with command_line.one_line(parser), tempfile.TemporaryDirectory() as folder:
        wheel = flags.wheel or source.download(folder)
        package = flags.package or assets_package.download(folder)
        finish = compare if flags.check else write
        same = finish(flags.output, assemble.build(wheel), assemble.differences)
        same &= finish(flags.hair_output, hair.build(package, wheel), assemble.differences)
        # The skins use the UV map of the packaged face, which is written above if it changed.
        same &= finish(flags.skins_output, skins.build(wheel, package), skins.differences)
    if not same:
        sys.exit(1)


def write(path: pathlib.Path, arrays: dict[str, np.ndarray], differences: Callable) -> bool:
    del differences
    assemble.write(path, arrays)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
    return True


def compare(path: pathlib.Path, arrays: dict[str, np.ndarray], differences: Callable) -> bool:
    lines = differences(path, arrays)
    for line in lines:
        print(f"{path.name}: {line}", file=sys.stderr)
    if not lines:
        print(f"{path}: all {len(arrays)} arrays are the same after a rebuild")
    return not lines


if __name__ == "__main__":
    main()
