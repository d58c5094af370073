"""Builds what tells expressions from people, or compares it with the asset; or measures it.

python scripts/maintenance/build_expressions.py            # writes the asset, in a minute
python scripts/maintenance/build_expressions.py --check    # compares instead
python scripts/maintenance/build_expressions.py --measure  # errors in mm on held-out people
"""

import sys

from tf_nonlinear3dmm.core import command_line


def main():
    parser = command_line.Parser(__doc__)
    number = command_line.number(int, 1)
    parser.add_argument("--check", action="store_true", help="write nothing, compare instead")
    parser.add_argument("--measure", action="store_true", help="write nothing, measure instead")
    parser.add_argument("--run", help="to measure: run, or file of weights [the shipped ones]")
    parser.add_argument("--people", type=number, default=200, help="to measure [%(default)s]")
    parser.add_argument("--faces", type=number, default=16, help="of each expression [%(default)s]")
    flags = parser.parse_args()
    with command_line.quiet_imports():
        from tf_nonlinear3dmm import weights
        from tf_nonlinear3dmm.face import expression_prior
        from tf_nonlinear3dmm.face.build import assemble
        from tf_nonlinear3dmm.maintenance import expressions

    with command_line.one_line(parser):
        if flags.measure:
            model = weights.load(flags.run)
            faces = min(flags.faces, flags.people)
            print(expressions.table(expressions.measure(model, flags.people, faces)))
        elif flags.check:
            lines = assemble.differences(expression_prior.ASSET, expressions.build())
            print("\n".join(lines) or "the asset is what the generator gives")
            sys.exit(bool(lines))
        else:
            assemble.write(expression_prior.ASSET, expressions.build())
            print(f"{expression_prior.ASSET}: {expression_prior.ASSET.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
