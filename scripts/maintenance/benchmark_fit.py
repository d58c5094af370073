"""What a fit brings on generated faces that no training saw: encoder beside fits, as a table.

python scripts/maintenance/benchmark_fit.py --run runs/small --faces 64
"""

from tf_nonlinear3dmm.core import command_line


def main():
    parser = command_line.Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", help="folder of a run, or file of weights [the package's]")
    parser.add_argument(
        "--records", help="folder of a prepared data set, such as .../s112/2.1.0 [the run's]"
    )
    parser.add_count("--faces", "how many", 64)
    parser.add_count("--steps", "on the pixels", 60, low=0)
    flags = parser.parse_args()
    with command_line.quiet_imports():
        import tensorflow_datasets as tfds

        from tf_nonlinear3dmm import data, evaluation, weights
        from tf_nonlinear3dmm.data import splits
        from tf_nonlinear3dmm.evaluation import subject
        from tf_nonlinear3dmm.fitting import benchmark

    try:
        if flags.records:
            model = weights.load(flags.run)
            split = splits.Split(tfds.builder_from_directory(flags.records), "test")
        else:
            opened = subject.open_subject(flags.run)
            model, split = opened.model, opened.split
    except (evaluation.EvaluationError, ValueError, OSError) as error:
        parser.error(str(error))
    batches = data.in_order(
        split, model.config.image_size, 16, ["vertices", "albedo"], split.rows[: flags.faces]
    )
    print(benchmark.table(benchmark.measure(model, batches, flags.steps)))


if __name__ == "__main__":
    main()
