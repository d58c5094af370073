"""Measures speed and memory, and prints tables.

    python scripts/maintenance/benchmark.py            every section, about half an hour
    python scripts/maintenance/benchmark.py rasterizer --plot growth.png
    python scripts/maintenance/benchmark.py step data --json numbers.json
    python scripts/maintenance/benchmark.py --quick --preset tiny  does it run?

Sections: rasterizer, renderer, step, data, reconstruct, memory.
"""

import contextlib
import json
import pathlib
import sys

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.core import command_line, filenames


def main() -> None:
    parser = command_line.Parser(__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="which [all]")
    parser.add_argument("--preset", default="small", help="what is measured [%(default)s]")
    parser.add_count("--runs", "to take the median of [15; with --quick 2]")
    parser.add_argument("--quick", action="store_true", help="smaller work, few runs")
    parser.add_argument("--data", default="data", help="folder of data sets [%(default)s]")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write the tables here")
    parser.add_argument("--plot", type=pathlib.Path, metavar="FILE", help="growth curves, a PNG")
    flags = parser.parse_args()
    with command_line.quiet_imports():
        from tf_nonlinear3dmm.core import array_files
        from tf_nonlinear3dmm.maintenance import benchmark
        from tf_nonlinear3dmm.maintenance.benchmark import growth

    setting = benchmark.Setting(
        flags.preset, flags.data, flags.runs or (2 if flags.quick else 15), flags.quick, progress
    )
    sections = flags.sections or [*benchmark.SECTIONS]
    tables, device = [], benchmark.device()
    with command_line.one_line(parser):
        configs.preset(flags.preset)
        if flags.plot and "rasterizer" not in sections:
            raise ValueError("--plot needs the section `rasterizer`")
        for path in filter(None, (flags.json, flags.plot)):
            filenames.check_writable(path.parent)
        print(f"Measured on: {device}.\n", flush=True)
        output = sys.stdout
        with contextlib.redirect_stdout(sys.stderr):  # for what libraries print
            for table in benchmark.run(sections, setting):
                tables.append(table)
                print(benchmark.markdown(table) + "\n", file=output, flush=True)
        if flags.json:
            measured = {"device": device, "tables": [benchmark.as_dict(table) for table in tables]}
            array_files.write_text(flags.json, json.dumps(measured, indent=2) + "\n")
        if flags.plot:
            growth.write(flags.plot, tables)


def progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
