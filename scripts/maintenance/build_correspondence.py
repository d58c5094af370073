"""Finds the places of the face mesh's 468 points on the embedded face, or draws those in use.

python scripts/maintenance/build_correspondence.py --records data/synthetic_faces/s112/2.2.0
python scripts/maintenance/build_correspondence.py --picture points.png  # draws the asset
"""

import pathlib

from tf_nonlinear3dmm.core import command_line


def main():
    parser = command_line.Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", help="folder of prepared generated faces on `makehuman`")
    parser.add_count("--faces", "of its training split", 1500)
    parser.add_argument("--output", type=pathlib.Path, help="[the asset]")
    parser.add_argument("--picture", type=pathlib.Path, help="draws the places, too")
    flags = parser.parse_args()
    import numpy as np
    import tensorflow_datasets as tfds

    from tf_nonlinear3dmm.core import array_files
    from tf_nonlinear3dmm.data import splits
    from tf_nonlinear3dmm.fitting import correspondence, places

    output = flags.output or places.ASSET
    if flags.records:
        split = splits.Split(tfds.builder_from_directory(flags.records), "train")
        arrays = correspondence.build(split, flags.faces)
        with array_files.replacing(output) as file:
            np.savez_compressed(file, **arrays)
    if flags.picture:
        with np.load(output) as asset:
            correspondence.picture(asset, flags.picture)


if __name__ == "__main__":
    main()
