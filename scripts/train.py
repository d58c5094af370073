"""Trains the model: data, pretraining, finetuning, evaluation, export, all in one command.

    python scripts/train.py                          the preset `small`
    python scripts/train.py --preset tiny --out runs/try
    python scripts/train.py --strategy mirrored      every GPU of this machine
    python scripts/train.py --finetune.loss.symmetry 0 --out runs/no_symmetry

The same command goes on with a run that was stopped. Ctrl-C or SIGTERM stops after the step.
"""

import os
import pathlib
import shlex
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tf_nonlinear3dmm.core import command_line  # noqa: E402


def main():
    parser = command_line.parser(__doc__)
    parser.add_argument("--out", metavar="FOLDER", help="of the run [runs/<preset>]")
    strategies = "one_device, mirrored, multi_worker or tpu [one_device]"
    parser.add_argument("--strategy", metavar="NAME", default="one_device", help=strategies)
    options = parser.parse_args()
    config = command_line.config(parser, options)
    folder = pathlib.Path(options.out or f"runs/{config.preset}")
    again = shlex.join(["python", *sys.argv])

    with command_line.quiet_imports():  # takes seconds: --help need not wait
        from tf_nonlinear3dmm import evaluation, serving, training

    wrong = (evaluation.EvaluationError, serving.ExportError)
    with training.codes(parser.prog, again, *wrong):
        outcome = training.train(config, folder, options.strategy)
        if not outcome.finished:
            print(f"stopped after step {outcome.step} of {outcome.total}. To resume: {again}")
        elif outcome.chief:
            if not (folder / "report.md").exists():
                evaluation.evaluate(folder)
            if not (folder / "export" / "1").exists():
                serving.export(serving.load(folder), folder / "export")
            print(f"{folder} is finished after {outcome.total} steps: report.md, export/1")


if __name__ == "__main__":
    main()
