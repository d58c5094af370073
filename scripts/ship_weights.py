"""Puts a trained run into the package: weights, named directions and sample faces.

python scripts/ship_weights.py --run runs/small
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from tf_nonlinear3dmm import command_line  # noqa: E402


def main():
    parser = command_line.Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="runs/small", help="folder of the run [%(default)s]")
    parser.add_argument("--faces", type=int, default=2000, help="for the directions [%(default)s]")
    flags = parser.parse_args()
    with command_line.quiet_imports():
        from tf_nonlinear3dmm import serving, training
        from tf_nonlinear3dmm.page import samples

    try:
        model, config = training.load(flags.run)
    except (training.RunError, training.LoadError) as error:
        parser.error(str(error))
    serving.save(serving.weights.SHIPPED, model)
    samples.find_directions(model, config, samples.ASSETS / samples.DIRECTIONS, flags.faces)
    samples.draw_faces(config, samples.ASSETS / samples.SAMPLES)
    print(f"wrote {serving.weights.SHIPPED}, {samples.DIRECTIONS} and {samples.SAMPLES}")


if __name__ == "__main__":
    main()
