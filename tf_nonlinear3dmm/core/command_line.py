"""What all commands share: quiet imports, and errors of one line that name the nearest flag."""

import argparse
import collections.abc
import contextlib
import difflib
import importlib
import io
import logging
import math
import os
import pathlib
import re
import shlex
import sys
from typing import Any, NoReturn

from tf_nonlinear3dmm import configs


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line with the nearest flag; exit code 2."""

    def __init__(self, description: str | None = None, **options: Any) -> None:
        for stream in (sys.stdout, sys.stderr):  # a name may have letters that it does not know
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        layout = argparse.RawDescriptionHelpFormatter
        super().__init__(description=description, formatter_class=layout, **options)

    def add_count(
        self,
        flag: str,
        about: str,
        default: int | None = None,
        low: int = 1,
        high: float = math.inf,
    ) -> None:
        """Adds a flag for a whole number from `low` to `high`; its help ends with `default`."""
        about = about if default is None else f"{about} [%(default)s]"
        self.add_argument(flag, type=number(int, low, high), default=default, help=about)

    def add_path(self, flag: str, about: str, metavar: str | None = "PATH", **options: Any) -> None:
        """Adds a flag for a path; an empty one would be the current folder, with all it holds."""
        self.add_argument(flag, type=_path, metavar=metavar, help=about, **options)

    def parse_known_args(  # type: ignore[override]
        self, args: collections.abc.Sequence[str] | None = None, namespace: Any | None = None
    ) -> tuple[Any, list[str]]:
        """Parses as argparse does, with ~ expanded, which a shell does not do in --out=~/faces."""
        words = sys.argv[1:] if args is None else args
        home = os.path.expanduser("~")
        words = [re.sub(r"^(-[^=]*=)?~(?=/|$)", lambda m: (m[1] or "") + home, w) for w in words]
        return super().parse_known_args(words, namespace)

    def error(self, message: str) -> NoReturn:
        """Ends the program with `message`; for an unknown flag, with the nearest one."""
        unknown = re.match(r"unrecognized arguments: (-[^\s=]*)", message)
        if unknown:
            flags = [flag for action in self._actions for flag in action.option_strings]
            near = _nearest(unknown[1], flags)
            message = f"there is no flag {unknown[1]}" + (f"; did you mean {near}?" if near else "")
        self.exit(2, f"{self.prog}: {message}\n")


def _path(text):
    if not text:
        raise argparse.ArgumentTypeError("must be a path, got ''")
    return text


def number(
    kind: type, low: float, high: float = math.inf
) -> collections.abc.Callable[[str], float]:
    """A type for flags: `kind`, int or float, from `low` to `high`; neither NaN nor infinity."""

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


def again(task: str) -> str:
    """The command that runs this task once more with the same flags."""
    return shlex.join(["nonlinear3dmm", task, *sys.argv[1:]])


@contextlib.contextmanager
def quiet_imports() -> collections.abc.Iterator[None]:
    """Hides what TensorFlow's libraries print while they load, so that an error is one line.

    They write to file descriptor 2 before any setting of theirs is read. Exceptions pass. Warnings
    of absl's log, which tfds writes about its own code, are turned off. TensorFlow is told to keep
    freed memory, which it would else fetch again page by page in every step, and to use oneDNN,
    which it leaves by itself to processors with AVX-512. A script is a program of its own, so that
    Keras runs on TensorFlow whatever other programs have it set to.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    try:
        with _silent_errors() if sys.stderr else contextlib.nullcontext():  # None: it is closed
            yield
    finally:
        logging.getLogger("absl").setLevel(logging.ERROR)


@contextlib.contextmanager
def _silent_errors():
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with pathlib.Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def call(module: str, name: str, *arguments: Any) -> Any:
    """Calls a function of a module, which is imported quietly first where it is not yet."""
    if module not in sys.modules:
        with quiet_imports():
            importlib.import_module(module)
    return getattr(sys.modules[module], name)(*arguments)


@contextlib.contextmanager
def one_line(parser: argparse.ArgumentParser) -> collections.abc.Iterator[None]:
    """Ends the program with one line and exit code 2 where a request cannot be met.

    Those are errors of values, of files (TensorFlow's are of no common kind), of packages that are
    not installed and all that this package names itself. Any other is a fault of ours: it passes.
    """
    try:
        yield
    except Exception as error:
        if not is_expected(error):
            raise
        parser.error(" ".join(str(error).split()))


def is_expected(error: BaseException) -> bool:
    """Whether an error says what is wrong with what was asked for, and is no fault of ours."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    ours = type(error).__module__.startswith("tf_nonlinear3dmm")
    return ours or bool(kinds & {"ValueError", "OSError", "ImportError", *_OF_FILES})


_OF_FILES = (  # in `tf.errors`, which is not imported for a flag
    "AlreadyExistsError",
    "FailedPreconditionError",
    "NotFoundError",
    "PermissionDeniedError",
    "ResourceExhaustedError",
)


def _nearest(word, flags):
    """The flag most like `word`; a field's last part alone counts as well."""
    by_end = {flag.rsplit(".", 1)[-1].lstrip("-"): flag for flag in reversed(flags)}
    near = difflib.get_close_matches(word, flags, n=1, cutoff=0.7)
    ends = difflib.get_close_matches(word.rsplit(".", 1)[-1].lstrip("-"), by_end, n=1, cutoff=0.7)
    return near[0] if near else by_end[ends[0]] if ends else None
