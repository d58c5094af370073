"""Flags of the scripts: every field of a `Config` can be set, a wrong name gets the nearest one.

parser = command_line.parser("Trains a model.")
options = parser.parse_args(["--preset", "tiny", "--model.width", "8"])
config = command_line.config(parser, options)
"""

import argparse
import contextlib
import dataclasses
import difflib
import importlib
import json
import logging
import math
import os
import pathlib
import re
import sys
import typing

from tf_nonlinear3dmm import configs

SHORT = {  # flag -> field
    "--data": "data.sources",
    "--mix": "data.mix",
    "--labels": "data.labels",
    "--strict": "data.strict",
}


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line with the nearest flag; exit code 2."""

    def parse_known_args(self, args=None, namespace=None):
        """As argparse; and expands ~, which a shell does not in --out=~/faces."""
        flags, rest = super().parse_known_args(args, namespace)
        for name, value in vars(flags).items():
            if isinstance(value, list):
                setattr(flags, name, [_at_home(part) for part in value])
            else:
                setattr(flags, name, _at_home(value))
        return flags, rest

    def error(self, message):
        unknown = re.match(r"unrecognized arguments: (-\S*)", message)
        if unknown:
            word = unknown[1].split("=")[0]
            flags = [flag for action in self._actions for flag in action.option_strings]
            near = _nearest(word, flags)
            message = f"there is no flag {word}" + (f"; did you mean {near}?" if near else "")
        print(f"{self.prog}: {message}", file=sys.stderr)
        raise SystemExit(2)


def _at_home(value):
    """A text or path with ~ expanded; anything else as it is."""
    if isinstance(value, str | pathlib.Path):
        return type(value)(os.path.expanduser(value))
    return value


def number(kind, low, high=math.inf):
    """A type of flags: `kind`, int or float, from `low` to `high`; NaN and infinity are refused."""

    def parse(text):
        try:
            value = kind(text)
            configs.check_number("it", value, low, high)
        except ValueError:
            what = "a whole number" if kind is int else "a number"
            message = f"must be {what} {configs.span(low, high)}, got {text!r}"
            raise argparse.ArgumentTypeError(message) from None
        return value

    return parse


def parser(description):
    """A `Parser` with --preset, --config, the short flags and one flag for each field."""
    made = Parser(
        description=description,
        epilog="Values in brackets are those of the preset `small`.",
        usage="%(prog)s [--preset NAME | --config FILE] [--FIELD VALUE ...] [other flags]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    presets = ", ".join(configs.PRESETS)
    made.add_argument("--preset", metavar="NAME", help=f"{presets} (default small)")
    made.add_argument("--config", metavar="FILE", help="a run's config.json instead of a preset")
    hints = _hints()
    for flag, name in SHORT.items():
        _add(made, flag, name, hints[name], f"the same as --{name}")
    default = configs.to_dict(configs.preset("small"))
    for title, kind, fields in _groups(configs.Config):
        group = made.add_argument_group(title, _summary(kind))
        for name, hint, text in fields:
            text = f"{text} [{_show(_look_up(default, name))}]".lstrip()
            _add(group, f"--{name}", name, hint, text)
    return made


def config(parser, options):
    """The `Config` that parsed `options` describe; a wrong one ends the program with code 2."""
    try:
        if options.config and options.preset:
            raise ValueError("give --preset or --config, not both")
        if options.config:
            base = configs.from_dict(json.loads(pathlib.Path(options.config).read_text()))
        else:
            base = configs.preset(options.preset or "small")
        values = configs.to_dict(base)
        hints = _hints()
        for name, text in vars(options).items():
            if name in hints:
                parent, _, last = name.rpartition(".")
                _look_up(values, parent)[last] = _parse(name, hints[name], text)
        return configs.from_dict(values)
    except FileNotFoundError:
        parser.error(f"there is no file {options.config}")
    except (ValueError, TypeError) as error:  # JSONDecodeError is a ValueError
        parser.error(str(error))


def words(config):
    """The flags that `config` reads as this `Config`: its preset, and what differs from that."""
    made, own = (configs.to_dict(c) for c in (configs.preset(config.preset), config))
    found = [] if config.preset == configs.Config().preset else ["--preset", config.preset]
    for _, _, fields in _groups(configs.Config):
        for name, _, _ in fields:
            if _look_up(own, name) != _look_up(made, name):
                found += [f"--{name}", _show(_look_up(own, name))]
    return found


@contextlib.contextmanager
def quiet_imports():
    """Hides what TensorFlow's libraries print while they load, so that an error is one line.

    They write to file descriptor 2 before any setting of theirs is read. Exceptions pass. Warnings
    of absl's log, which tfds writes about its own code, are turned off. TensorFlow is told to keep
    freed memory, which it would else fetch again page by page in every step. A script is a program
    of its own, so that Keras runs on TensorFlow whatever other programs have it set to.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        logging.getLogger("absl").setLevel(logging.ERROR)


def call(module, name, *arguments):
    """What a function of a module returns, which a new process imports quietly first."""
    if module not in sys.modules:
        with quiet_imports():
            importlib.import_module(module)
    return getattr(sys.modules[module], name)(*arguments)


@contextlib.contextmanager
def one_line(parser):
    """Ends the program with one line and code 2 where what was asked for cannot be done.

    Those are errors of values, of files (TensorFlow's are of no common kind), of packages that are
    not installed and all that this package names itself. Any other is a fault of ours: it passes.
    """
    try:
        yield
    except Exception as error:
        kinds = {kind.__name__ for kind in type(error).__mro__}
        ours = type(error).__module__.startswith("tf_nonlinear3dmm")
        if not ours and not kinds & {"ValueError", "OSError", "ImportError", *_OF_FILES}:
            raise
        parser.error(" ".join(str(error).split()))


_OF_FILES = (  # in `tf.errors`, which is not imported for a flag
    "AlreadyExistsError",
    "FailedPreconditionError",
    "NotFoundError",
    "PermissionDeniedError",
    "ResourceExhaustedError",
)
_NONE = argparse.SUPPRESS


def _add(group, flag, name, hint, text):
    """Adds a flag of a field; one that is true or false needs no value to be true."""
    alone = {"nargs": "?", "const": "true"} if hint is bool else {}
    group.add_argument(flag, dest=name, metavar=_metavar(hint), help=text, default=_NONE, **alone)


def _hints():
    """Dotted name of a field -> its type."""
    return {name: hint for _, _, fields in _groups(configs.Config) for name, hint, _ in fields}


def _groups(kind, prefix=""):
    """[(title, dataclass, [(dotted name, type, help)])] of a dataclass and those inside it."""
    hints, texts = typing.get_type_hints(kind), _documentation(kind)
    own, groups = [], []
    for field in dataclasses.fields(kind):
        name, hint = prefix + field.name, hints[field.name]
        if dataclasses.is_dataclass(hint):
            groups += _groups(hint, f"{name}.")
        elif name != "preset":
            own.append((name, hint, texts.get(field.name, "")))
    return ([(prefix.rstrip("."), kind, own)] if own else []) + groups


def _documentation(kind):
    """Field -> its text under `Attributes:` in the docstring."""
    _, _, attributes = (kind.__doc__ or "").partition("Attributes:\n")
    texts = {}
    for block in re.split(r"\n(?=        \S)", attributes.rstrip()):
        names, _, text = block.strip().partition(":")
        for name in names.split(","):
            texts[name.strip()] = " ".join(text.split()).replace("%", "%%")
    return texts


def _summary(kind):
    return (kind.__doc__ or "").strip().split("\n")[0]


def _metavar(hint):
    return {int: "N", float: "X", bool: "true|false", str: "TEXT"}.get(hint, "H,W")


def _parse(name, hint, text):
    try:
        if hint is bool:
            return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        if hint in (int, float, str):
            return hint(text)
        return tuple(int(part) for part in re.split("[,x]", text))
    except (ValueError, KeyError):
        raise ValueError(f"--{name} must be {_metavar(hint)}, got {text!r}") from None


def _look_up(values, name):
    """The value of a dotted name in nested dicts; all of them for an empty name."""
    for part in name.split(".") if name else []:
        values = values[part]
    return values


def _show(value):
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _nearest(word, flags):
    """The flag most like `word`; a field's last part alone counts as well."""
    by_end = {flag.rsplit(".", 1)[-1].lstrip("-"): flag for flag in reversed(flags)}
    near = difflib.get_close_matches(word, flags, n=1, cutoff=0.7)
    ends = difflib.get_close_matches(word.rsplit(".", 1)[-1].lstrip("-"), by_end, n=1, cutoff=0.7)
    return near[0] if near else by_end[ends[0]] if ends else None
