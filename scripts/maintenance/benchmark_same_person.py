"""How well one knows a generated person's shape from one photo and from more, as a table.

python scripts/maintenance/benchmark_same_person.py --people 16
"""

from tf_nonlinear3dmm.core import command_line

COUNTS = (1, 2, 5)


def main():
    parser = command_line.Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", help="folder of a run, or file of weights [the package's]")
    number = command_line.number(int, 1)
    parser.add_argument("--people", type=number, default=16, help="so many [%(default)s]")
    parser.add_argument(
        "--steps", type=command_line.number(int, 0), default=0, help="on the pixels [%(default)s]"
    )
    flags = parser.parse_args()
    with command_line.quiet_imports():
        from tf_nonlinear3dmm import weights
        from tf_nonlinear3dmm.maintenance import people

    with command_line.one_line(parser):
        numbers = people.measure(weights.load(flags.run), flags.people, COUNTS, flags.steps)
    print("| photos | " + " | ".join(map(str, COUNTS)) + " |")
    print("| --- " * (1 + len(COUNTS)) + "|")
    for name, errors in numbers.items():
        print(f"| {name} | " + " | ".join(f"{error:.2f}" for error in errors) + " |")


if __name__ == "__main__":
    main()
