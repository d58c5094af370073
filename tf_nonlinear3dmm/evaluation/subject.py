"""What is evaluated on what: opens the weights and the test set."""

import dataclasses
import pathlib
from typing import NamedTuple

from tf_nonlinear3dmm import configs, data, training, weights
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.model import Nonlinear3DMM

_GENERATED, _PHOTOS = "synthetic_faces", "photo_folder"
_TRAINING_FACES = 1000  # generated for the latent traversals where no training set is at hand


class EvaluationError(Exception):
    """What was asked for cannot be evaluated; nothing was written."""


class Subject(NamedTuple):
    """A model and its test set.

    Attributes:
        run: folder of a run, file of weights or its folder; None: the weights of the package.
        model: `Nonlinear3DMM`.
        config: the run's `Config`, or the default one with the model's configuration.
        of_run: whether `config` is a run's.
        request: `data.Request` of the test set.
        source: the test set as asked for.
        split: `data.Split` of the test set.
        train: `data.Split` of generated training faces, whose labels tell directions; or None.
        out: folder for the report.
    """

    run: str | None
    model: Nonlinear3DMM
    config: configs.Config
    of_run: bool
    request: data.Request
    source: str
    split: data.Split
    train: data.Split | None
    out: pathlib.Path


def open_subject(
    run: Path | None = None,
    source: str | None = None,
    split: str | None = None,
    out: Path | None = None,
) -> Subject:
    """Finds and opens what `report.evaluate` asks for, with the same arguments.

    Returns:
        `Subject`.

    Raises:
        EvaluationError: no such weights, data set or split; one line.
    """
    try:
        model, config, of_run = _open_model(run)
        first = config.data.sources.split(",")[0].strip()
        own = [r for r in data.requests(config)[0]] if of_run else []
        request = data.request(source or first, config.model.image_size)
        config = _with_few_training_faces(request, config)
        records = _open_split(request, config, split, trained_on=request in own)
        train = data.open_split(request, config, "train") if "attributes" in records else None
    except (training.RunError, training.LoadError, ValueError, OSError, ImportError) as error:
        raise EvaluationError(" ".join(str(error).split())) from None
    if out is None:
        own_folder = of_run and (not source or source == first)
        reports = pathlib.Path("reports") / _report_name(run, request)
        out = run if own_folder and run is not None else reports
    run = None if run is None else str(run)
    return Subject(
        run, model, config, of_run, request, source or first, records, train, pathlib.Path(out)
    )


def _open_model(run):
    """(model, `Config`, whether that is a run's)."""
    if run is not None and (pathlib.Path(run) / "config.json").is_file():
        return *training.load(run), True
    model = weights.load(run)
    return model, dataclasses.replace(configs.Config(), model=model.config), False


def _with_few_training_faces(request, config):
    """`config`; where its generated faces are not there yet, with no more of them than needed.

    A generated face depends on seed, split and number alone: the test faces stay the same.
    """
    if request.name != _GENERATED or data.is_prepared(request, config):
        return config
    count = min(_TRAINING_FACES, config.data.train_examples)
    few = dataclasses.replace(config.data, train_examples=count, validation_examples=1)
    return dataclasses.replace(config, data=few)


def _open_split(request, config, name, trained_on):
    """The split of this name; by default test, or all photos of a folder, or validation."""
    if name:
        return data.open_split(request, config, name)
    return open_test(request, config, trained_on)


def open_test(
    request: data.Request, config: configs.Config, trained_on: bool = False
) -> data.Split:
    """What a data set is tested on: all photos of a folder, or its test split, or validation.

    Args:
        request: `data.Request`.
        config: `Config`.
        trained_on: models have learned from its other splits: not all photos are new to them.
    """
    if request.name == _PHOTOS and not trained_on:
        return data.open_split(request, config, "all")
    try:
        return data.open_split(request, config, "test")
    except data.NoSplitError:
        return data.open_split(request, config, "validation")


def _report_name(run, request):
    """Name of the report of weights on a test set, such as `shipped-aflw2000_3d`."""
    path = None if run is None else pathlib.Path(run)
    parts = ["shipped" if path is None else path.parent.name if path.is_file() else path.name]
    parts.append(request.name)
    if request.name == _PHOTOS and request.path:
        parts.append(pathlib.Path(request.path).stem)
    return "-".join(part for part in parts if part)
