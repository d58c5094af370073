"""Flags from dataclasses: every field of a `Config` is a flag, and a `Config` is flags.

parser = config_flags.parser("Trains a model.")
options = parser.parse_args(["--preset", "tiny", "--model.width", "8"])
config = config_flags.config(parser, options)
"""

import argparse
import dataclasses
import functools
import inspect
import pathlib
import re

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.core import command_line, json_files

_SHORT = {  # flag -> field
    "--data": "data.sources",
    "--mix": "data.mix",
    "--labels": "data.labels",
    "--strict": "data.strict",
}


def parser(description: str | None) -> command_line.Parser:
    """A `command_line.Parser` of --preset, --config, the short flags and every field."""
    parser = command_line.Parser(
        description,
        epilog="Values in brackets are those of the preset `small`.",
        usage="%(prog)s [--preset NAME | --config FILE] [--FIELD VALUE ...] [other flags]",
        allow_abbrev=False,
    )
    presets = ", ".join(configs.PRESETS)
    parser.add_argument("--preset", metavar="NAME", help=f"{presets} (default small)")
    parser.add_argument("--config", metavar="FILE", help="a run's config.json instead of a preset")
    small = configs.preset("small")
    default = _flat(small)
    for flag, name in _SHORT.items():
        _add_field(parser, flag, name, type(default[name]), f"the same as --{name}")
    for section, settings in _sections(small):
        group = parser.add_argument_group(section, (settings.__doc__ or "").strip().split("\n")[0])
        texts = _documentation(settings)
        for field in dataclasses.fields(settings):
            name = f"{section}.{field.name}"
            if name in default:
                text = f"{texts.get(field.name, '')} [{_show(default[name])}]".lstrip()
                _add_field(group, f"--{name}", name, field.type, text)
    return parser


def config(parser: command_line.Parser, options: argparse.Namespace) -> configs.Config:
    """The `Config` that parsed `options` describe; a wrong one ends the program with code 2."""
    try:
        if options.config and options.preset:
            raise ValueError("give --preset or --config, not both")
        if options.config:
            contents = pathlib.Path(options.config).read_bytes()
            base: configs.Config = configs.from_dict(json_files.loads(contents))
        else:
            base = configs.preset(options.preset or "small")
        values = configs.to_dict(base)
        for name, value in vars(options).items():
            *sections, field = name.split(".")
            if sections:
                functools.reduce(dict.__getitem__, sections, values)[field] = value
        return configs.from_dict(values)
    except FileNotFoundError:
        parser.error(f"there is no file {options.config}")
    except OSError as error:
        parser.error(f"cannot read {options.config}: {error.strerror or error}")
    except (ValueError, TypeError) as error:  # JSONDecodeError is a ValueError
        parser.error(f"{options.config}: {error}" if options.config else str(error))


def words(config: configs.Config) -> list[str]:
    """The flags that `config` reads as this `Config`: its preset, and what differs from that."""
    preset, own = (_flat(c) for c in (configs.preset(config.preset), config))
    flags = {} if config.preset == configs.Config().preset else {"preset": config.preset}
    flags |= {name: _show(value) for name, value in own.items() if value != preset[name]}
    return [word for name, value in flags.items() for word in (f"--{name}", value)]


def _add_field(group, flag, name, kind, text):
    """Adds a flag of a field; one that is true or false needs no value to be true."""
    alone = {"nargs": "?", "const": True} if kind is bool else {}
    metavar = {int: "N", float: "X", bool: "true|false", str: "TEXT"}.get(kind, "H,W")

    def parse(value):
        try:
            return _parse(kind, value)
        except (ValueError, KeyError):
            raise argparse.ArgumentTypeError(f"must be {metavar}, got {value!r}") from None

    group.add_argument(
        flag, dest=name, type=parse, metavar=metavar, help=text, default=argparse.SUPPRESS, **alone
    )


def _parse(kind, text):
    if kind is bool:
        return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
    if kind in (int, float, str):
        return kind(text)
    return tuple(int(part) for part in re.split("[,x]", text))


def _sections(config, prefix=""):
    """(dotted name, dataclass) of the dataclasses inside one, from the outside in."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield prefix + field.name, value
            yield from _sections(value, f"{prefix}{field.name}.")


def _flat(config):
    """Dotted name -> value of the fields in the sections of a `Config`."""
    fields = {}
    for section, settings in _sections(config):
        fields |= {f"{section}.{name}": value for name, value in vars(settings).items()}
    return {name: value for name, value in fields.items() if not dataclasses.is_dataclass(value)}


def _documentation(settings):
    """Field -> its text under `Attributes:` in the docstring of its dataclass."""
    _, _, attributes = inspect.cleandoc(settings.__doc__ or "").partition("Attributes:\n")
    texts = {}
    for block in re.split(r"\n(?=    \S)", attributes.rstrip()):
        names, _, text = block.strip().partition(":")
        for name in names.split(","):
            texts[name.strip()] = " ".join(text.split()).replace("%", "%%")
    return texts


def _show(value):
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
