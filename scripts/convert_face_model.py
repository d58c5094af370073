"""Turns someone else's face model into one .npz for --model.face_model.

    python scripts/convert_face_model.py 01_MorphableModel.mat faces/bfm2009.npz
    python scripts/convert_face_model.py ICT-FaceKit/FaceXModel faces/ict.npz --uv relaxed

Reads BFM 2009 (also as 300W-LP and face3d pass it on), BFM 2017 and 2019, ICT-FaceKit, eos models
such as the Surrey Face Model, and the paper's 3DMM_definition folder; see `face.formats`.
"""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from tf_nonlinear3dmm.core import command_line  # noqa: E402
from tf_nonlinear3dmm.face import formats  # noqa: E402


def main():
    parser = command_line.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=pathlib.Path, help="file or folder of the face model")
    parser.add_argument("output", type=pathlib.Path, help="the .npz to write")
    parser.add_argument("--uv", choices=formats.UV_MAPS, default="source")
    parser.add_argument(
        "--units", type=command_line.number(float, 0), help="millimetres per unit, if not the usual"
    )
    parser.add_argument("--name", help="what reports call it")
    flags = parser.parse_args()
    if flags.output.suffix != ".npz":
        parser.error(f"{flags.output}: must end in .npz")
    face, notes = formats.convert(flags.source, flags.uv, flags.units, flags.name)
    flags.output.parent.mkdir(parents=True, exist_ok=True)
    face.save(flags.output)
    print(
        f"{flags.output}: {face.name}, {len(face.mean_vertices)} vertices, "
        f"{len(face.triangles)} triangles, {len(face.shape_basis)} shape and "
        f"{len(face.expression_basis)} expression modes; {face.licence}"
    )
    for note in notes:
        print(f"note: {note}")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
