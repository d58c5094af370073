"""Trains the model: data, pretraining, finetuning, evaluation, export, all in one command.

    nonlinear3dmm train                          the preset `small`
    nonlinear3dmm train --preset tiny --out runs/try
    nonlinear3dmm train --strategy mirrored      every GPU of this machine
    nonlinear3dmm train --finetune.loss.symmetry 0 --out runs/no_symmetry

The same command resumes a run that was stopped. Ctrl-C or SIGTERM stops after the step.
"""

import pathlib

from tf_nonlinear3dmm.core import command_line, config_flags


def main() -> None:
    parser = config_flags.parser(__doc__)
    parser.add_path("--out", "of the run [runs/<preset>]", "FOLDER")
    strategies = "one_device, mirrored, multi_worker or tpu [one_device]"
    parser.add_argument("--strategy", metavar="NAME", default="one_device", help=strategies)
    flags = parser.parse_args()
    config = config_flags.config(parser, flags)
    folder = pathlib.Path(flags.out or f"runs/{config.preset}")
    again = command_line.again("train")

    with command_line.quiet_imports():  # takes seconds: --help need not wait
        from tf_nonlinear3dmm import evaluation, serving, training

    refusals = evaluation.EvaluationError, serving.ExportError
    with training.codes(parser.prog, again, *refusals):
        outcome = training.train(config, folder, flags.strategy)
        if not outcome.finished:
            print(f"stopped after step {outcome.step} of {outcome.total}. To resume: {again}")
        elif outcome.chief:
            if not (folder / "report.md").exists():
                evaluation.evaluate(folder)
            if not (folder / "export" / "1").exists():
                serving.export(serving.load(folder), folder / "export")
            print(f"{folder} is finished after {outcome.total} steps: report.md, export/1")
