"""Copies a trained run into the package."""

import json
import pathlib
from collections.abc import Sequence

import numpy as np

from tf_nonlinear3dmm import serving, training
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.demo import labelled, samples
from tf_nonlinear3dmm.evaluation import directions
from tf_nonlinear3dmm.maintenance.release import card

LARGEST = 18 * 2**20  # bytes of the weights


class ShipError(Exception):
    """What a run lacks, and how to make it."""


def ship(
    run: Path,
    crops: Sequence[np.ndarray],
    folder: Path = serving.SHIPPED,
    faces: int = 5000,
    note: str = "",
) -> list[pathlib.Path]:
    """Writes weights, directions, samples and the card of a run to a folder, over those in it.

    Args:
        run: folder of a trained and evaluated run on `synthetic_faces`.
        crops: list of `[S, S, 3]` uint8 sample faces.
        folder: created if it does not exist.
        faces: training faces to regress the directions on.
        note: one sentence for the card, such as how long the training took on what.

    Returns:
        list of paths.

    Raises:
        ShipError: the run is not finished, or its weights are too large.
    """
    run, folder = pathlib.Path(run), pathlib.Path(folder)
    try:
        model, config = training.load(run)
        report = json.loads((run / "report.json").read_text())
    except (training.RunError, training.LoadError) as error:
        raise ShipError(str(error)) from None
    except FileNotFoundError:
        raise ShipError(f"{run} has no report: nonlinear3dmm evaluate --run {run}") from None
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / serving.FILE
    serving.save(weights, model)
    if weights.stat().st_size > LARGEST:
        weights.unlink()
        raise ShipError(f"the weights of {run} are larger than {LARGEST >> 20} MiB in float16")
    directions.save(folder / labelled.FILE, labelled.find_directions(model, config, faces))
    shipped_model = serving.load(weights)
    samples.write_samples(folder, crops)
    samples.write_overview(folder, crops, shipped_model)
    rounding = labelled.difference(model, shipped_model, config)
    pictures = card.write(folder, run, config, report, weights.stat().st_size, rounding, note)
    others = [folder / name for name in (labelled.FILE, samples.FILE, samples.OVERVIEW)]
    return [weights, *others, *pictures]
