"""Turns someone else's face model into one .npz for --model.face_model.

    nonlinear3dmm convert 01_MorphableModel.mat faces/bfm2009.npz
    nonlinear3dmm convert ICT-FaceKit/FaceXModel faces/ict.npz --uv relaxed

Reads BFM 2009 (also as 300W-LP and face3d pass it on), BFM 2017 and 2019, ICT-FaceKit, eos models
such as the Surrey Face Model, and the paper's 3DMM_definition folder; see `face.formats`.
"""

import pathlib

from tf_nonlinear3dmm.core import command_line


def main() -> None:
    with command_line.quiet_imports():  # takes seconds: a list of tasks need not wait
        from tf_nonlinear3dmm.face import formats

    parser = command_line.Parser(__doc__)
    parser.add_path("source", "file or folder of the face model", None)
    parser.add_path("output", "the .npz to write", None)
    parser.add_argument("--uv", choices=formats.UV_MAPS, default="source")
    parser.add_argument(
        "--units", type=command_line.number(float, 0), help="millimetres per unit, if not the usual"
    )
    parser.add_argument("--name", help="what reports call it")
    flags = parser.parse_args()
    output = pathlib.Path(flags.output)
    if output.suffix != ".npz":
        parser.error(f"{output}: must end in .npz")
    with command_line.one_line(parser):
        face, notes = formats.convert(flags.source, flags.uv, flags.units, flags.name)
        output.parent.mkdir(parents=True, exist_ok=True)
        face.save(output)
    print(
        f"{output}: {face.name}, {len(face.mean_vertices)} vertices, "
        f"{len(face.triangles)} triangles, {len(face.shape_basis)} shape and "
        f"{len(face.expression_basis)} expression modes; {face.licence}"
    )
    for note in notes:
        print(f"note: {note}")
