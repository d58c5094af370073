"""Which data sets a run reads, and where they lie.

A source is `name`, `name/config` or `name:PATH`. `name` is a folder of tfds builder code under
`datasets/`, or a data set that was prepared before in the data folder; its config is `s<side>` for
images of that side unless one is given.
"""

import difflib
import importlib.util
import math
import os
import pathlib
import shutil
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from tf_nonlinear3dmm.configs import Config
from tf_nonlinear3dmm.core import filenames, locks
from tf_nonlinear3dmm.data import batches, camera_statistics, freshness, schema, splits
from tf_nonlinear3dmm.face import FaceModel

BUILDERS = "tf_nonlinear3dmm.data.builders"


class Request(NamedTuple):
    """One source as asked for: `name`, builder `config`, `path` of the user's files or None."""

    name: str
    config: str
    path: str | None


def requests(config: Config) -> tuple[list[Request], list[float]]:
    """The `Request`s of a `Config`, and their weights."""
    names = [name.strip() for name in config.data.sources.split(",") if name.strip()]
    try:
        weights = [float(weight) for weight in str(config.data.mix).split(",")]
    except ValueError:
        weights = []
    if len(weights) != len(names) or not names or not all(0 < w < math.inf for w in weights):
        raise ValueError(
            f"`mix` must be {len(names)} positive numbers, one for each of the sources "
            f"{names}, got {config.data.mix!r}"
        )
    return [request(name, config.model.image_size) for name in names], weights


def request(source: str, image_size: int) -> Request:
    """The `Request` of one source: `name`, `name/config` or `name:PATH`."""
    name, _, path = source.strip().partition(":")
    name, _, config = name.partition("/")
    return Request(name, config or f"s{image_size}", os.path.expanduser(path) or None)


def prepare(config: Config, say: Callable[[str], None] = print) -> None:
    """Generates or converts every data set of a run that is missing, reporting progress.

    Args:
        config: `Config`.
        say: called with a line of progress now and then.
    """
    for request in requests(config)[0]:
        builder(request, config, say)


def open_split(request: Request, config: Config, split: str) -> splits.Split:
    """The `splits.Split` of a source, prepared first where it is not."""
    return splits.Split(builder(request, config), split, config.data.strict)


def open_first(config: Config, split: str) -> splits.Split:
    """The `splits.Split` of a run's first source, which it is validated and tested on."""
    return open_split(requests(config)[0][0], config, split)


def open_training(
    config: Config, face: FaceModel
) -> tuple[batches.Batches, tuple[np.ndarray, np.ndarray]]:
    """`Batches` of the training split of every source, and the projections' mean and deviation."""
    listed, weights = requests(config)
    layout = schema.training(config.model, face)
    sources = [
        splits.Source(open_split(request, config, "train"), layout, config.data.labels, face)
        for request in listed
    ]
    statistics = camera_statistics.of_projections(
        sources, config.model.image_size, config.data.mirror, face, config.data.rotation_deg
    )
    return batches.Batches(sources, weights, config, face), statistics


def builder(
    request: Request, config: Config, say: Callable[[str], None] = print
) -> tfds.core.DatasetBuilder:
    """The prepared tfds builder of a source; `say` as in `prepare`."""
    folder = pathlib.Path(config.data.folder)
    code_builder = _builder_from_code(request, config, folder)
    if code_builder is None:
        versions = sorted((folder / request.name / request.config).glob("*/dataset_info.json"))
        if not versions:
            raise ValueError(_unknown_source(request, folder))
        return tfds.builder_from_directory(str(versions[-1].parent))
    source, place = _source(request, code_builder, folder), pathlib.Path(code_builder.data_path)
    digests = freshness.fingerprint(source, config.model.face_model)
    if place.exists() and not freshness.changes(place, digests):
        return code_builder
    if not place.exists():
        _check_files(request, code_builder, folder / "downloads" / "manual")
    with locks.alone(folder):  # of the processes that want it, one makes it
        if place.exists() and not (differs := freshness.changes(place, digests)):
            return _builder_from_code(request, config, folder)  # which reads what is there now
        if place.exists():
            say(f"{place}: {' and '.join(differs)} changed since it was made; making it again")
            shutil.rmtree(place)
            code_builder = _builder_from_code(request, config, folder)
        _remove_unfinished(place)
        tfds.disable_progress_bar()
        code_builder.progress = _Counter(code_builder, say)
        code_builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(
                manual_dir=request.path, try_download_gcs=False
            )
        )
        freshness.keep(place, digests)
    return code_builder


def _source(request, code_builder, folder):
    """The user's folder or zip that a builder reads, or None."""
    if not code_builder.MANUAL_DOWNLOAD_INSTRUCTIONS:
        return None
    return request.path or folder / "downloads" / "manual"


def is_prepared(request: Request, config: Config) -> bool:
    """Whether the data set of a source exists, so that `builder` need not prepare it."""
    folder = pathlib.Path(config.data.folder)
    code_builder = _builder_from_code(request, config, folder)
    if code_builder is None:
        return any((folder / request.name / request.config).glob("*/dataset_info.json"))
    return pathlib.Path(code_builder.data_path).exists()


def _check_files(request, code_builder, place):
    """Refuses a data set of the user's own files that are not where they are named or expected."""
    instructions = code_builder.MANUAL_DOWNLOAD_INSTRUCTIONS
    if instructions and request.path and not pathlib.Path(request.path).exists():
        raise ValueError(f"{request.path}: no such folder or zip file")
    if instructions and not request.path and not (place.is_dir() and filenames.glob(place, "*")):
        raise ValueError(
            f"data set `{request.name}` reads files of yours; give `{request.name}:PATH`. "
            + " ".join(instructions.split())
        )


def _remove_unfinished(place):
    """Removes what interrupted runs left beside `place`; whoever makes it now is alone."""
    for left in place.parent.glob(f"incomplete*_{place.name}"):
        shutil.rmtree(left)


class _Counter:
    """What a builder calls with (split, index) before each record; says a line every 10 s."""

    def __init__(self, builder, say):
        self.say, self.what = say, f"{builder.name}/{builder.builder_config.name}"
        self.said, self.count, self.start = 0.0, 0, time.monotonic()
        say(f"{self.what}: making it in {builder.data_path}")

    def __call__(self, split, index):
        self.count += 1
        now = time.monotonic()
        if now - self.said > 10:
            speed = self.count / max(now - self.start, 1e-9)
            self.say(f"{self.what}: {split} {index + 1}, {speed:.0f} records/s")
            self.said = now


def _builder_from_code(request, config, folder):
    """A builder made from `datasets/<name>`, or None where that cannot be imported."""
    package = f"{BUILDERS}.{request.name}"
    try:
        module = importlib.import_module(f"{package}.{request.name}_dataset_builder")
    except ModuleNotFoundError as error:
        if error.name and not package.startswith(error.name):
            raise
        return None
    kind = module.Builder
    known = [c.name for c in kind.BUILDER_CONFIGS]
    if request.config not in known:
        raise ValueError(
            f"data set `{request.name}` has the configurations {known}, not `{request.config}`"
        )
    configure = getattr(module, "configure", None)
    chosen = configure(request, config) if configure else request.config
    return kind(data_dir=str(folder), config=chosen)


def _unknown_source(request, folder):
    spec = importlib.util.find_spec(BUILDERS)
    places = [folder, *map(pathlib.Path, spec.submodule_search_locations)]
    known = {p.name for place in places for p in place.glob("*") if p.is_dir()} - {"__pycache__"}
    near = difflib.get_close_matches(request.name, known, n=1)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    return (
        f"data set `{request.name}/{request.config}` is neither prepared in {folder}/ nor known "
        f"to datasets/{hint}"
    )
