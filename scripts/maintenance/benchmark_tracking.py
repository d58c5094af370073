"""How still and how prompt tracked faces are on generated clips, as a table.

python scripts/maintenance/benchmark_tracking.py --people 2 --frames 60
"""

from tf_nonlinear3dmm.core import command_line


def main():
    parser = command_line.Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", help="folder of a run, or file of weights [the package's]")
    number = command_line.number(int, 1)
    parser.add_argument("--people", type=number, default=2, help="so many [%(default)s]")
    frames = command_line.number(int, 8)
    parser.add_argument("--frames", type=frames, default=60, help="of a clip [%(default)s]")
    flags = parser.parse_args()
    with command_line.quiet_imports():
        import numpy as np

        from tf_nonlinear3dmm import weights
        from tf_nonlinear3dmm.maintenance import clips, tracking

    with command_line.one_line(parser):
        model = weights.load(flags.run)
        numbers = {}
        for kind in clips.KINDS:
            for person in range(flags.people):
                clip = clips.generate(kind, flags.frames, person, model.face.name)
                for method, values in tracking.measure(model, clip).items():
                    numbers.setdefault((kind, method), []).append(values)
        print(tracking.table({key: np.mean(values, axis=0) for key, values in numbers.items()}))


if __name__ == "__main__":
    main()
