"""The documentation: its commands are understood, its Python runs, its links lead somewhere.

Commands are parsed by the scripts that they name, every flag and value; they are not run here.
"""

import argparse
import importlib
import pathlib
import re
import runpy
import shlex

import numpy as np
import PIL.Image
import pytest

from tf_nonlinear3dmm import configs, serving
from tf_nonlinear3dmm.core import config_flags
from tf_nonlinear3dmm.model import Nonlinear3DMM

ROOT = pathlib.Path(__file__).parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("datasets/*/README.md")]
    + [*ROOT.glob("tf_nonlinear3dmm/assets/**/*.md"), *ROOT.glob("examples/*.md")]
)
TASKS = sorted((ROOT / "tf_nonlinear3dmm" / "cli").glob("[a-z]*.py"))
SCRIPTS = sorted(ROOT.glob("scripts/**/*.py"))
COMMAND = re.compile(
    r"(?:python (?=scripts)|python -m tf_nonlinear3dmm |(?<![\w/])nonlinear3dmm )"
    r"(scripts/[\w/]+\.py|\w+)((?:[^\n`]|\\\n)*)"
)


def commands(path):
    """(script or task, rest of the line) of every command; of a page, inside code."""
    text = path.read_text()
    if path.suffix == ".md":
        text = "\n".join(re.findall(r"(?m)^ {4,}.*$|`[^`\n]+`|^```[^`]*^```", text))
    return [(m[1], m[2].replace("\\\n", " ")) for m in COMMAND.finditer(text)]


ALL = [
    pytest.param(*command, id=f"{path.relative_to(ROOT)}: {''.join(command).strip()}"[:90])
    for path in [*PAGES, *TASKS, *SCRIPTS, ROOT / "tf_nonlinear3dmm" / "configs.py"]
    for command in commands(path)
]


def words(rest):
    """Flags of a command as a shell would split them; text after two spaces is a remark."""
    rest = re.split(r"\s{2,}|[;|]", rest.rstrip())[0]
    try:
        split = shlex.split(rest, comments=True)
    except ValueError:  # the end of a quotation around the whole command
        split = shlex.split(rest.rstrip("\"'"), comments=True)
    return [word for word in split if word != "..."]


class Parsed(Exception):
    """A script's parser, the flags it read, and the words that it does not know."""


def parse(script, rest, monkeypatch):
    original = argparse.ArgumentParser.parse_known_args

    def stop(parser, args=None, namespace=None):
        raise Parsed(parser, *original(parser, words(rest)))

    monkeypatch.setattr(argparse.ArgumentParser, "parse_known_args", stop)
    with pytest.raises(Parsed) as parsed:
        if script.endswith(".py"):
            runpy.run_path(str(ROOT / script), run_name="__main__")
        else:
            importlib.import_module(f"tf_nonlinear3dmm.cli.{script}").main()
    monkeypatch.undo()
    return parsed.value.args


@pytest.mark.parametrize("script, rest", ALL)
def test_a_script_understands_the_command(script, rest, monkeypatch, capsys):
    try:
        parser, options, unknown = parse(script, rest, monkeypatch)
        if "kill_and_resume" in script:  # the rest goes to the training
            parser, options, unknown = parse("train", shlex.join(unknown), monkeypatch)
        if unknown:
            parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        if hasattr(options, "preset") and hasattr(options, "config"):
            options.config = None  # of another computer
            config_flags.config(parser, options)
    except SystemExit as end:
        if end.code != 0:  # --help ends with 0
            pytest.fail(capsys.readouterr().err)


def test_commands_are_found():
    scripts = {p.values[0] for p in ALL}
    assert scripts >= {f"scripts/{name}.py" for name in ("train", "evaluate", "export", "explore")}
    assert len(ALL) > 40


def test_a_wrong_flag_would_be_seen(monkeypatch, capsys):
    with pytest.raises(pytest.fail.Exception, match="there is no flag --rnu"):
        test_a_script_understands_the_command(
            "scripts/export.py", " --rnu runs/small", monkeypatch, capsys
        )


@pytest.mark.parametrize("path", [*TASKS, *SCRIPTS], ids=lambda p: str(p.relative_to(ROOT)))
def test_every_script_begins_with_its_own_command(path):
    name = path.stem if path in TASKS else str(path.relative_to(ROOT))
    assert name in {command for command, _ in commands(path)}


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_targets_of_make_exist(path):
    targets = set(re.findall(r"(?m)^(\w+):", (ROOT / "Makefile").read_text()))
    for name in re.findall(r"(?m)(?:^ {4}|`)make (\w+)", path.read_text()):
        assert name in targets


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_and_pictures_exist(path):
    text = re.sub(r"(?m)^```[^`]*^```", "", path.read_text())
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert target.startswith("https://") or (path.parent / target).exists(), target


def blocks(path):
    return re.findall(r"(?m)^```python\n(.*?)^```", path.read_text(), re.DOTALL)


def test_all_python_is_run_by_a_test():
    pages = {str(path.relative_to(ROOT)) for path in PAGES if blocks(path)}
    here = {"README.md", "datasets/synthetic_faces/README.md"}
    assert pages == here | {"docs/serving.md"}  # the last one in test_serving.py
    assert '"serving.md"' in (ROOT / "tests" / "test_serving.py").read_text()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*FeatureConnector.*")
def test_the_python_of_the_data_set_runs(tmp_path, monkeypatch):
    [code] = blocks(ROOT / "datasets" / "synthetic_faces" / "README.md")
    code = re.sub(r"_examples=\d+", "_examples=2", code).replace('"s112"', '"s32"')
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)
    assert names["example"]["image"].shape == (44, 44, 3)


@pytest.mark.slow
def test_the_python_of_the_readme_runs_and_gives_what_it_says(tmp_path, monkeypatch):
    config = configs.preset("small").model
    model = Nonlinear3DMM(config, np.float32([48, 0, 0, 56, 0, -48, 0, 56]), np.ones(8, np.float32))
    serving.save(tmp_path / serving.FILE, model)
    monkeypatch.setattr("tf_nonlinear3dmm.weights.SHIPPED", tmp_path)
    picture = np.random.default_rng(0).integers(0, 256, [130, 130, 3], np.uint8)
    PIL.Image.fromarray(picture).save(tmp_path / "face.png")
    monkeypatch.chdir(tmp_path)
    [code] = blocks(ROOT / "README.md")
    names = {}
    exec(code, names)
    promised = re.findall(r"(?m)^(result\.\w+)  # \[([\d, ]+)\]", code)
    assert len(promised) >= 5
    for name, shape in promised:
        assert eval(name, names).shape == [int(n) for n in shape.split(", ")], name
