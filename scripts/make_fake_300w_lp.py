"""Writes a small 300W-LP and AFLW2000-3D tree in the exact on-disk layout, of synthetic faces.

python scripts/make_fake_300w_lp.py fake
python scripts/train.py --preset tiny --data w300_lp:fake
"""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from datasets.w300_lp import fake  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--photographs", type=int, default=8, help="of 300W-LP; 8 records each")
    parser.add_argument("--images", type=int, default=8, help="of AFLW2000-3D")
    parser.add_argument("--image-size", type=int, default=224, help="pixels before enlarging")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    fake.write_300w_lp(
        arguments.folder, arguments.photographs, arguments.image_size, arguments.seed
    )
    fake.write_aflw2000_3d(arguments.folder, arguments.images, arguments.image_size, arguments.seed)


if __name__ == "__main__":
    main()
