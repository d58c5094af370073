"""How close fits come to scans of generated people that no training saw, as a table.

python scripts/maintenance/benchmark_scan.py --people 24
"""

from tf_nonlinear3dmm.core import command_line


def main():
    parser = command_line.Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", help="folder of a run, or file of weights [the package's]")
    parser.add_count("--people", "so many", 24)
    flags = parser.parse_args()
    with command_line.quiet_imports():
        from tf_nonlinear3dmm import weights
        from tf_nonlinear3dmm.maintenance import scans

    with command_line.one_line(parser):
        print(scans.table(scans.measure(weights.load(flags.run), flags.people)))


if __name__ == "__main__":
    main()
