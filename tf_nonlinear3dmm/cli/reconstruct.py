"""Photos to 3D faces: textured meshes, landmarks, camera and a picture for every face.

    nonlinear3dmm reconstruct photo.jpg more/photos --out faces
    nonlinear3dmm reconstruct me1.jpg me2.jpg me3.jpg --same-person --out me
    nonlinear3dmm reconstruct --video clip.mp4 --out clip

NAME.pts or NAME.json beside a photo, with 68 points or a box, is taken instead of the detector.
Exit code 0: every photo or frame gave a face; 1: some did not; 2: a wrong flag or file.
"""

import sys

from tf_nonlinear3dmm.core import command_line


def main() -> None:
    parser = command_line.Parser(__doc__)
    parser.add_path("photos", "JPEG, PNG, WebP, or a folder", nargs="*", metavar="PHOTO")
    parser.add_path("--video", "track one person: a video file, or a folder of frames", "CLIP")
    parser.add_argument(
        "--frame-meshes", action="store_true", help="with --video: a .glb for every frame, too"
    )
    parser.add_argument(
        "--same-person", action="store_true", help="all photos show one person: fit them together"
    )
    parser.add_path("--out", "for the files", "FOLDER", required=True)
    parser.add_path("--run", "run or file of weights [the shipped ones]")
    parser.add_argument(
        "--texture",
        choices=("photo", "delit", "albedo", "lit"),
        default="photo",
        help="the photo's colours where it shows the face, the same without its light, the model's "
        "albedo, or albedo x light [photo]",
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
        "--fit",
        action="store_true",
        help="fit each face to its photo: closer, seconds for each; --same-person and --video do",
    )
    flags = parser.parse_args()
    if bool(flags.photos) == bool(flags.video):
        parser.error("give photos, or --video and a clip")
    if flags.video and (flags.same_person or flags.crops or flags.morph_targets):
        parser.error("--same-person, --crops and --morph-targets are of photos, not of --video")
    if flags.frame_meshes and not flags.video:
        parser.error("--frame-meshes is of --video, not of photos")
    with command_line.quiet_imports():
        from tf_nonlinear3dmm import serving

    with command_line.one_line(parser):
        model = serving.load(flags.run)
        if flags.video:
            what, none = "frames with a face", "frames without one"
            shown, failed = serving.clips.reconstruct(
                *(flags.video, model, flags.out, flags.texture), meshes=flags.frame_meshes
            )
        else:
            what, none = "faces", "photos without one"
            arguments = (flags.photos, model, flags.out, flags.texture, flags.confidence)
            options = {"crops": flags.crops, "morph_targets": flags.morph_targets}
            if flags.same_person:
                shown, failed = serving.person.reconstruct(*arguments, **options)
            else:
                shown, failed = serving.reconstruct(*arguments, **options, fit=flags.fit)
    print(f"{what} in {flags.out}: {shown}" + (f"; {none}: {failed}" if failed else ""))
    sys.exit(1 if failed else 0 if shown else 2)
