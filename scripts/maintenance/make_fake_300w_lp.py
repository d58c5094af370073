"""Writes a small 300W-LP and AFLW2000-3D tree in the exact on-disk layout, of synthetic faces.

python scripts/maintenance/make_fake_300w_lp.py fake
nonlinear3dmm train --preset tiny --data w300_lp:fake
"""

import pathlib

from tf_nonlinear3dmm.core import command_line


def main() -> None:
    parser = command_line.Parser(__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_count("--photographs", "of 300W-LP; 8 records each", 8)
    parser.add_count("--images", "of AFLW2000-3D", 8)
    parser.add_count("--image-size", "pixels before enlarging", 224, low=16)
    parser.add_count("--seed", "of the faces", 0, low=0)
    flags = parser.parse_args()
    with command_line.quiet_imports():
        from tf_nonlinear3dmm.data.builders.w300_lp import fake

    with command_line.one_line(parser):
        fake.write_300w_lp(flags.folder, flags.photographs, flags.image_size, flags.seed)
        fake.write_aflw2000_3d(flags.folder, flags.images, flags.image_size, flags.seed)
    print(f"wrote {flags.folder / '300W_LP'} and {flags.folder / 'AFLW2000'}")


if __name__ == "__main__":
    main()
