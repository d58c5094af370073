"""How well the textures of reconstructed faces are completed, on generated faces, as a table.

python scripts/maintenance/benchmark_texture.py --run runs/small --faces 32
"""

from tf_nonlinear3dmm.core import command_line


def main():
    parser = command_line.Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", help="folder of a run, or file of weights [the package's]")
    parser.add_argument(
        "--records", help="folder of a prepared data set, such as .../s112/2.0.0 [the run's]"
    )
    number = command_line.number(int, 1)
    parser.add_argument("--faces", type=number, default=32, help="so many [%(default)s]")
    flags = parser.parse_args()
    with command_line.quiet_imports():
        import tensorflow_datasets as tfds

        from tf_nonlinear3dmm import evaluation, weights
        from tf_nonlinear3dmm.data import splits
        from tf_nonlinear3dmm.evaluation import subject
        from tf_nonlinear3dmm.maintenance.benchmark import texture

    try:
        if flags.records:
            model = weights.load(flags.run)
            split = splits.Split(tfds.builder_from_directory(flags.records), "test")
        else:
            opened = subject.open_subject(flags.run)
            model, split = opened.model, opened.split
    except (evaluation.EvaluationError, ValueError, OSError) as error:
        parser.error(str(error))
    print(texture.table(texture.measure(model, split, split.rows[: flags.faces])))


if __name__ == "__main__":
    main()
