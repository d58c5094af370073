"""How well the textures of reconstructed faces are completed, on generated faces, as a table.

python scripts/maintenance/benchmark_texture.py --run runs/small --faces 32
"""

from tf_nonlinear3dmm.core import command_line


def main():
    parser = command_line.Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", help="folder of a run, or file of weights [the package's]")
    parser.add_argument(
        "--records", help="folder of a prepared data set, such as .../s112/2.2.0 [the run's]"
    )
    parser.add_count("--faces", "how many", 32)
    flags = parser.parse_args()
    with command_line.quiet_imports():
        from tf_nonlinear3dmm.maintenance.benchmark import held_out, texture

    model, split = held_out.open_test(parser, flags.run, flags.records)
    print(texture.table(texture.measure(model, split, split.rows[: flags.faces])))


if __name__ == "__main__":
    main()
