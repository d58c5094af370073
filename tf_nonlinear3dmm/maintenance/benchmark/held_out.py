"""The model and the held-out generated faces that a benchmark measures, by flags of its script."""

import argparse

import tensorflow_datasets as tfds

from tf_nonlinear3dmm import data, evaluation, weights
from tf_nonlinear3dmm.evaluation import subject
from tf_nonlinear3dmm.model import Nonlinear3DMM


def open_test(
    parser: argparse.ArgumentParser, run: str | None, records: str | None
) -> tuple[Nonlinear3DMM, data.Split]:
    """The model of `run` and the split "test" of its data set, or of the folder `records`.

    What cannot be opened ends the program with one line of `parser`.
    """
    try:
        if records:
            builder = tfds.builder_from_directory(records)
            return weights.load(run), data.Split(builder, "test")
        opened = subject.open_subject(run)
    except (evaluation.EvaluationError, ValueError, OSError) as error:
        parser.error(str(error))
    return opened.model, opened.split
