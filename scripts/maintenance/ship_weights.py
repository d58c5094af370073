"""Puts a trained run into the package: weights, named directions, sample faces and a card.

python scripts/maintenance/ship_weights.py --run runs/small
python scripts/maintenance/ship_weights.py --run runs/small --out elsewhere --note "On two cores."
"""

from tf_nonlinear3dmm.core import command_line


def main() -> None:
    parser = command_line.Parser(__doc__)
    parser.add_argument("--run", default="runs/small", help="folder of the run [%(default)s]")
    parser.add_argument("--out", help="folder; what is there is replaced [in the package]")
    parser.add_count("--faces", "for the directions", 5000)
    parser.add_argument("--samples", default="s224", choices=("s32", "s112", "s224"), help="size")
    parser.add_argument("--note", default="", help="a sentence for the card: how long, on what")
    flags = parser.parse_args()
    with command_line.quiet_imports():
        from tf_nonlinear3dmm import serving
        from tf_nonlinear3dmm.data.builders.synthetic_faces import contact_sheet, contexts
        from tf_nonlinear3dmm.data.builders.synthetic_faces.synthetic_faces_dataset_builder import (
            SIZES,
        )
        from tf_nonlinear3dmm.demo.samples import NAMES
        from tf_nonlinear3dmm.maintenance import release

    with command_line.one_line(parser):
        folder = flags.out or serving.SHIPPED
        context = contexts.open_context(*SIZES[flags.samples])
        crops = contact_sheet.portraits(context, len(NAMES))
        for path in release.ship(flags.run, crops, folder, flags.faces, flags.note):
            print(f"wrote {path}")


if __name__ == "__main__":
    main()
