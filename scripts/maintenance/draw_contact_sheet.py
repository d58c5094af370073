"""Draws samples of the generated faces side by side.

python scripts/maintenance/draw_contact_sheet.py --output sheet.png
python scripts/maintenance/draw_contact_sheet.py --config s224 --count 16 --labels --output a.png
"""

import numpy as np

from tf_nonlinear3dmm.core import command_line


def main() -> None:
    parser = command_line.Parser(__doc__)
    parser.add_argument("--output", default="sheet.png", help="picture to write [%(default)s]")
    parser.add_argument("--config", default="s112", choices=("s32", "s112", "s224"))
    parser.add_argument("--face-model", default="makehuman", help="whose people [%(default)s]")
    parser.add_argument("--split", default="test", choices=("train", "validation", "test"))
    parser.add_count("--count", "records", 64)
    parser.add_count("--columns", "records in a row", 8)
    parser.add_count("--first", "first block of 16", 0, low=0)
    parser.add_count("--seed", "of people and pictures", 0, low=0)
    parser.add_argument("--labels", action="store_true", help="each record's labels beside it")
    flags = parser.parse_args()
    with command_line.quiet_imports():
        from tf_nonlinear3dmm.data.builders.synthetic_faces import contact_sheet, contexts
        from tf_nonlinear3dmm.data.builders.synthetic_faces.synthetic_faces_dataset_builder import (
            SIZES,
        )
        from tf_nonlinear3dmm.rendering import visualize

    with command_line.one_line(parser):
        context = contexts.open_context(*SIZES[flags.config], flags.seed, flags.face_model)
        sheet = contact_sheet.draw(
            context, flags.split, flags.count, flags.columns, flags.first, flags.labels
        )
        visualize.save(flags.output, np.asarray(sheet))
    print(flags.output)


if __name__ == "__main__":
    main()
