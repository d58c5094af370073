"""Makes one page and report of a study whose parts were done in several folders, or machines.

python scripts/maintenance/merge_reports.py first/report.json second/report.json --out docs/results

A method that was trained with other seeds in each folder has the mean over all its trainings.
Figures but the curves of representation power are those that lie in `--out` already, or are copied
from the folder of the first report.
"""

import pathlib
import shutil

from tf_nonlinear3dmm.core import command_line, json_files


def main() -> None:
    parser = command_line.Parser(__doc__)
    parser.add_argument("reports", nargs="+", type=pathlib.Path, help="report.json files")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder to write")
    flags = parser.parse_args()

    with command_line.quiet_imports():
        from tf_nonlinear3dmm.studies.paper import merging, report

    with command_line.one_line(parser):
        numbers = merging.merge([json_files.loads(path.read_text()) for path in flags.reports])
        drawn = flags.reports[0].parent / "figures"
        if drawn.exists() and not (flags.out / "figures").exists():
            shutil.copytree(drawn, flags.out / "figures")
        report.render(flags.out, numbers)


if __name__ == "__main__":
    main()
