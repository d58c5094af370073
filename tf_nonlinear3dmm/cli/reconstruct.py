"""Photos to 3D faces: textured meshes, landmarks, camera and a picture for every face.

    nonlinear3dmm reconstruct photo.jpg more/photos --out faces

NAME.pts or NAME.json beside a photo, with 68 points or a box, is taken instead of the detector.
Exit code 0: every photo gave a face; 1: some did not, which are named; 2: a wrong flag or file.
"""

import sys

from tf_nonlinear3dmm.core import command_line


def main() -> None:
    parser = command_line.Parser(__doc__)
    parser.add_argument("photos", nargs="+", metavar="PHOTO", help="JPEG, PNG, WebP, or a folder")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="for the files")
    parser.add_argument("--run", metavar="PATH", help="run or file of weights [the shipped ones]")
    parser.add_argument(
        "--texture",
        choices=("photo", "albedo", "lit"),
        default="photo",
        help="the photo's colours where it shows the face, the albedo, or albedo x light [photo]",
    )
    parser.add_argument(
        "--confidence",
        type=command_line.number(float, 0, 1),
        default=0.5,
        help="of a detected face, at least [%(default)s]",
    )
    parser.add_argument(
        "--crops", action="store_true", help="the photos are square crops, taken as they are"
    )
    parser.add_argument(
        "--morph-targets",
        action="store_true",
        help="the .glb carry 51 of ARKit's expressions, at the photo's weights",
    )
    parser.add_argument(
        "--fit", action="store_true", help="fit each face to its photo: closer, seconds for each"
    )
    flags = parser.parse_args()
    with command_line.quiet_imports():
        from tf_nonlinear3dmm import serving

    with command_line.one_line(parser):
        model = serving.load(flags.run)
        faces, failed = serving.reconstruct(
            *(flags.photos, model, flags.out, flags.texture, flags.confidence),
            crops=flags.crops,
            morph_targets=flags.morph_targets,
            fit=flags.fit,
        )
    print(f"faces in {flags.out}: {faces}" + (f"; photos without one: {failed}" if failed else ""))
    sys.exit(1 if failed else 0 if faces else 2)
