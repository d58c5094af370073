"""Evaluates trained weights on a test set: report.md, report.json and figures in a folder.

nonlinear3dmm evaluate
nonlinear3dmm evaluate --source aflw2000_3d:/data/AFLW2000-3D.zip
nonlinear3dmm evaluate --run runs/small --source photo_folder:/home/me/photos --out mine
"""

from tf_nonlinear3dmm.core import command_line


def main() -> None:
    parser = command_line.Parser(__doc__)
    parser.add_path("--run", "folder of a run, or file of weights [the package's]")
    parser.add_argument(
        "--source",
        help="test set, `name` or `name:PATH`: synthetic_faces, aflw2000_3d, w300_lp, photo_folder "
        "[the run's first, or generated faces]",
    )
    parser.add_argument(
        "--split",
        help="of the data set, or all [test; all of a folder of photos; else validation]",
    )
    parser.add_count("--faces", "evaluate the first so many [all]")
    parser.add_count("--batch", "faces at a time", 32)
    about = "folder for the report [the run's; with another test set reports/NAME]"
    parser.add_path("--out", about, "FOLDER")
    flags = parser.parse_args()
    with command_line.quiet_imports():  # and not before: --help need not wait for TensorFlow
        from tf_nonlinear3dmm import evaluation

    with command_line.one_line(parser):
        evaluation.evaluate(
            flags.run, flags.source, flags.split, flags.faces, flags.out, flags.batch
        )
