"""A run: a folder with config.json, checkpoints, metrics.jsonl, panels and weights.npz."""

import contextlib
import json
import pathlib
from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm import configs, weights
from tf_nonlinear3dmm.core import array_files, json_files, locks
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.training import assembly, checkpoints, log, strategies
from tf_nonlinear3dmm.training.errors import NonFiniteError, RunError
from tf_nonlinear3dmm.training.loop import Loop, Observer, Position, Silent

# What may differ when a run resumes: where things are and how often it looks, not what it learns.
FREE = {
    *("data.folder", "train.init", "train.trunk"),
    *("train.checkpoint_minutes", "train.keep_checkpoints"),
}


class Outcome(NamedTuple):
    """How `train` ended.

    Attributes:
        finished: all steps are done.
        step, total: steps done, of how many.
        chief: this process writes the run's files; False for the other workers.
    """

    finished: bool
    step: int
    total: int
    chief: bool = True


def train(
    config: configs.Config,
    folder: Path,
    strategy_name: str = "one_device",
    bases: dict[str, dict[str, np.ndarray]] | None = None,
) -> Outcome:
    """Trains `config` in `folder`, from the start or from the last checkpoint there.

    Args:
        config: `Config`.
        folder: of the run; made where it does not exist.
        strategy_name: for `strategies.create`.
        bases: dict of `linear_shape` and `linear_albedo` for `Nonlinear3DMM`, where the
            configuration asks for linear decoders.

    Returns:
        `Outcome`. A finished run returns at once.

    Raises:
        RunError: `folder` holds a run of another configuration, or is in use.
        NonFiniteError: see nonfinite.json in the folder.
        array_files.SaveError: a file could not be written; the last checkpoint is whole.
    """
    folder = pathlib.Path(folder)
    check(config, folder)
    total = config.total_steps
    try:
        chief = strategies.is_chief(strategy_name)
        if finished(config, folder):
            return Outcome(True, total, total, chief)
        strategy = strategies.create(strategy_name)
    except ValueError as error:
        raise RunError(str(error)) from None
    for size in _batch_sizes(config).values():
        if size % strategy.num_replicas_in_sync:
            raise RunError(
                "`batch_size` must be a multiple of the "
                f"{strategy.num_replicas_in_sync} replicas, got {size}"
            )
    parts = assembly.assemble(config, strategy, bases)
    with contextlib.ExitStack() as stack:
        if chief:
            try:
                stack.enter_context(locks.alone(folder, wait=False))
            except locks.BusyError as error:
                raise RunError(str(error)) from None
            _write_config(config, folder)
        position = _train(config, folder, chief, *parts)
    return Outcome(position.step == total, position.step, total, chief)


def _batch_sizes(config):
    return {name: config.batch_size(stage) for name, stage in config.stages() if stage.steps}


def check(config: configs.Config, folder: pathlib.Path) -> None:
    """Raises `RunError` where `folder` holds a run of another configuration."""
    try:
        stored = _read_config(folder)
    except FileNotFoundError:
        if any(folder.glob("checkpoints/*.npz")):
            raise RunError(f"{folder} has checkpoints but no config.json") from None
        return
    differences = [
        f"{name} {old!r} there, {new!r} asked for"
        for name, old, new in _differences(configs.to_dict(stored), configs.to_dict(config))
        if name not in FREE
    ]
    if differences:
        raise RunError(
            f"{folder} holds a run of another configuration ({'; '.join(differences[:4])}); "
            "give another --out"
        )


def finished(config: configs.Config, folder: pathlib.Path) -> bool:
    """Whether the run in `folder` has done all steps of `config`."""
    steps = checkpoints.Checkpoints(folder / "checkpoints", 1).steps()
    return bool(steps) and steps[-1] >= config.total_steps


def load(folder: Path) -> tuple[Nonlinear3DMM, configs.Config]:
    """(model with the best averaged weights, `Config`) of a run."""
    folder = pathlib.Path(folder)
    try:
        config = _read_config(folder)
    except FileNotFoundError:
        raise RunError(f"{folder} is not a run: it has no config.json") from None
    path = folder / weights.FILE
    if not path.exists():
        raise RunError(f"{folder} has no {path.name} yet: train until the first validation")
    try:
        return weights.load(path), config
    except ValueError as error:
        raise array_files.LoadError(str(error)) from None


def _train(config, folder, chief, batches, updates, validation):
    """Trains; returns the `loop.Position` that was reached."""
    store = checkpoints.Checkpoints(folder / "checkpoints", config.train.keep_checkpoints)
    position, checkpoint = Position(), store.load_latest()
    if checkpoint:
        arrays, state = checkpoint
        updates.restore(arrays, f"the checkpoint of step {state['step']}")
        position = Position(**state)
    else:
        assembly.set_first_weights(config, updates, batches)
    if not strategies.agree(updates.strategy, position.step):
        raise RunError(
            f"the workers see different checkpoints in {folder}, here that of step "
            f"{position.step}; they must share the folder"
        )
    total = config.total_steps
    with contextlib.ExitStack() as stack:
        observer = Silent()
        if chief:
            terminal = log.Terminal(total, position.step, _batch_sizes(config))
            files = log.Files(folder, position.step)
            stack.callback(files.close)
            stack.callback(terminal.close)
            observer = Observer(config.train, updates, validation, terminal, files, store)
            if checkpoint:
                terminal.say(f"{folder}: resuming after step {position.step} of {total}")
        try:
            return Loop(config, updates, batches, observer).run(position)
        except NonFiniteError as error:
            if chief:
                error.where = folder / "nonfinite.json"
                _name_records(error)
            raise


def _name_records(error):
    """Writes what is known about a step whose numbers are not finite."""
    report = {"step": error.step, "terms": error.terms, "records": error.records}
    array_files.write_text(error.where, json.dumps(report, indent=2))


def _read_config(folder):
    path = folder / "config.json"
    try:
        return configs.from_dict(json_files.loads(path.read_bytes()))
    except (ValueError, TypeError) as error:
        raise RunError(f"{path} cannot be read: {error}") from None


def _write_config(config, folder):
    text = json.dumps(configs.to_dict(config), indent=2) + "\n"
    array_files.write_text(folder / "config.json", text)


def _differences(stored, asked, prefix=""):
    """(name, old, new) of every field that differs."""
    for name in {**stored, **asked}:
        old, new = stored.get(name), asked.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differences(old, new, f"{prefix}{name}.")
        elif old != new:
            yield f"{prefix}{name}", old, new
