"""What a fit brings on generated faces that no training saw: encoder beside fits, as a table.

python scripts/maintenance/benchmark_fit.py --run runs/small --faces 64
"""

from tf_nonlinear3dmm.core import command_line


def main():
    parser = command_line.Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", help="folder of a run, or file of weights [the package's]")
    parser.add_argument(
        "--records", help="folder of a prepared data set, such as .../s112/2.2.0 [the run's]"
    )
    parser.add_count("--faces", "how many", 64)
    parser.add_count("--steps", "on the pixels", 60, low=0)
    parser.add_argument("--residual", action="store_true", help="with what the codes leave")
    flags = parser.parse_args()
    with command_line.quiet_imports():
        from tf_nonlinear3dmm import data
        from tf_nonlinear3dmm.fitting import benchmark
        from tf_nonlinear3dmm.maintenance.benchmark import held_out

    model, split = held_out.open_test(parser, flags.run, flags.records)
    batches = data.in_order(
        split, model.config.image_size, 16, ["vertices", "albedo"], split.rows[: flags.faces]
    )
    print(benchmark.table(benchmark.measure(model, batches, flags.steps, flags.residual)))


if __name__ == "__main__":
    main()
