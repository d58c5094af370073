"""A scan of a face to the model's mesh and shape code.

    nonlinear3dmm fit_scan scan.ply --landmarks points.json --out fitted

The scan is a mesh or a cloud of points, .obj, .ply, .stl or .glb, of any size and place; holes,
hair and neck may be. points.json lists its 68 landmarks, [x, y, z] each, null where missing.
"""

from tf_nonlinear3dmm.core import command_line


def main() -> None:
    parser = command_line.Parser(__doc__)
    parser.add_argument("scan", metavar="SCAN", help=".obj, .ply, .stl or .glb")
    parser.add_argument("--landmarks", required=True, metavar="JSON", help="68 points of the scan")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="for the files")
    parser.add_argument("--run", metavar="PATH", help="run or file of weights [the shipped ones]")
    flags = parser.parse_args()
    with command_line.quiet_imports():
        from tf_nonlinear3dmm import serving

    with command_line.one_line(parser):
        model = serving.load(flags.run)
        about = serving.scans.fit(flags.scan, flags.landmarks, model, flags.out)
    print(
        f"face in {flags.out}: {about['distance_mm']:.2f} mm from the scan on average, "
        f"which shows {about['covered']:.0%} of it"
    )
