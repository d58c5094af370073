"""Decoders of TPAMI and CVPR 2019 at equal size, trained on 3D labels alone, as a table.

python scripts/maintenance/compare_decoders.py --out comparison.png
python scripts/maintenance/compare_decoders.py --decoders.steps 150 --rows "TPAMI 2019"
"""

import time

from tf_nonlinear3dmm.core import command_line, config_flags


def main() -> None:
    parser = config_flags.parser(__doc__)
    number = command_line.number(int, 1)
    parser.add_argument("--faces", type=number, default=256, help="of the test [%(default)s]")
    parser.add_argument("--rows", help="comma separated names of rows [all]")
    parser.add_argument("--out", default="comparison.png", help="picture to write [%(default)s]")
    flags = parser.parse_args()
    if not (flags.preset or flags.config):
        flags.preset = "cvpr19"
    base = config_flags.config(parser, flags)

    with command_line.quiet_imports():
        from tf_nonlinear3dmm import data
        from tf_nonlinear3dmm.rendering import visualize
        from tf_nonlinear3dmm.studies import decoder_comparison as comparison

    rows = flags.rows.split(",") if flags.rows else [*comparison.ROWS]
    with command_line.one_line(parser):
        first, numbers, counts = None, {}, {}
        data.prepare(base)
        batches = comparison.read(data.open_first(base, "test"), flags.faces)
        faces = {"label": [part[-4:] for part in (batches[-1]["vertices"], batches[-1]["albedo"])]}
        for name in rows:
            start = time.monotonic()
            model = comparison.train(comparison.config_of(name, base), first, say(name))
            counts[name] = comparison.weight_count(model)
            numbers[name], decoded = comparison.measure(model, batches)
            faces[name] = [part[-4:] for part in decoded]
            print(f"{time.monotonic() - start:.0f} s")
            print(comparison.table(numbers, counts), flush=True)
            visualize.save(flags.out, comparison.picture(model, faces))
            first = first or model
        comparison.linear_alone(first)
        numbers[comparison.LINEAR], counts[comparison.LINEAR] = (
            comparison.measure(first, batches)[0],
            0,
        )
    print(comparison.table(numbers, counts))


def say(name):
    """Prints the losses of every 50th step."""

    def progress(step, terms):
        if step % 50 == 0:
            print(name, step, {term: round(value, 5) for term, value in terms.items()}, flush=True)

    return progress


if __name__ == "__main__":
    main()
