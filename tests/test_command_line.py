"""The commands: one for each task, whose flags refuse what they cannot mean in one line."""

import io
import pathlib
import re
import runpy
import subprocess
import sys

import pytest

from tf_nonlinear3dmm import cli
from tf_nonlinear3dmm.core import command_line

SCRIPTS = pathlib.Path(__file__).parents[1] / "scripts"
COMMANDS = sorted([*pathlib.Path(cli.__file__).parent.glob("[a-z]*.py"), *SCRIPTS.rglob("*.py")])


def run(script, words, monkeypatch):
    """The exit code of one of the project's scripts."""
    monkeypatch.setattr(sys, "argv", [script, *words.split()])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(SCRIPTS / script), run_name="__main__")
    return end.value.code


@pytest.mark.parametrize(
    "script, words",
    [
        ("reconstruct.py", "photo.jpg --out faces --confidence nan"),
        ("reconstruct.py", "photo.jpg --out faces --confidence 1.5"),
        ("convert.py", "from.mat to.npz --units nan"),
        ("ablate.py", "--minutes nan"),
        ("reproduce.py", "--minutes inf"),
        ("explore.py", "--port 99999"),
        ("export.py", "--version -1"),
        ("evaluate.py", "--faces 0"),
        ("recover_pose.py", "--steps many"),
    ],
)
def test_a_flag_that_is_no_number_in_range_is_one_line(script, words, monkeypatch, capsys):
    assert run(script, words, monkeypatch) == 2
    flag, value = words.split()[-2:]
    said = capsys.readouterr().err
    assert said.startswith(f"{script}: argument {flag}: must be a ") and said.count("\n") == 1
    assert said.endswith(f"got '{value}'\n")


def test_a_number_in_range_is_read():
    assert command_line.number(float, 0, 1)("0.25") == 0.25
    assert command_line.number(int, 1)("7") == 7


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_number_flag_has_a_range(path):
    text = path.read_text()
    assert "type=float" not in text and "type=int" not in text


def test_every_task_has_a_script():
    assert sorted(cli.TASKS) == sorted(path.stem for path in SCRIPTS.glob("*.py"))


def entry(words, monkeypatch):
    """The exit code of `nonlinear3dmm`."""
    monkeypatch.setattr(sys, "argv", ["nonlinear3dmm", *words.split()])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code


@pytest.mark.parametrize(
    "words, line",
    [
        ("trian", "nonlinear3dmm: `TASK` must be one of .*; did you mean `train`\\? got 'trian'."),
        ("train --preset smal", "nonlinear3dmm train: .*; did you mean `small`\\? got 'smal'."),
        ("export --rnu a", "nonlinear3dmm export: there is no flag --rnu; did you mean --run\\?"),
    ],
)
def test_one_command_runs_the_tasks_and_refuses_in_one_line(words, line, monkeypatch, capsys):
    assert entry(words, monkeypatch) == 2
    assert re.fullmatch(line + "\n", capsys.readouterr().err)


@pytest.mark.parametrize("words", ["", "--help"])
def test_the_one_command_lists_the_tasks(words, monkeypatch, capsys):
    assert entry(words, monkeypatch) == 0
    listed = capsys.readouterr().out
    for task in cli.TASKS:
        assert re.search(rf"(?m)^{task} +[A-Z].*[.:]", listed), task


def test_the_module_is_the_one_command_and_does_not_wait_for_tensorflow():
    code = "import runpy, sys; sys.argv = ['', 'train', '--help']; sys.modules['tensorflow'] = None"
    code += "; runpy.run_module('tf_nonlinear3dmm', run_name='__main__')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 0 and "nonlinear3dmm train --preset tiny" in ended.stdout


@pytest.mark.parametrize("words", ["--help", "train --help"])
def test_help_needs_no_documentation_strings(words):
    words = [sys.executable, "-OO", "-m", "tf_nonlinear3dmm", *words.split()]
    assert b"--help" in subprocess.run(words, capture_output=True, check=True).stdout


def test_a_name_of_letters_that_the_terminal_lacks_is_said(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    command_line.Parser()
    sys.stdout.write("caf\u00e9 \U0001f600.jpg: 1 face")
    sys.stdout.flush()
    assert written.getvalue() == b"caf\\xe9 \\U0001f600.jpg: 1 face"


def test_a_program_without_standard_error_runs(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    command_line.Parser()
    with command_line.quiet_imports():
        pass


def test_a_command_is_said_as_a_shell_reads_it(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["train.py", "--out", "my runs"])
    assert command_line.again("train") == "nonlinear3dmm train --out 'my runs'"


@pytest.mark.parametrize("words", [["--out=~/faces"], ["--out", "~/faces"]])
def test_home_is_expanded(words, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    parser = command_line.Parser()
    parser.add_argument("--out")
    parser.add_argument("--source", type=pathlib.Path)
    parser.add_argument("photos", nargs="*")
    flags = parser.parse_args([*words, "--source=~/s", "~/a.jpg", "b.jpg"])
    assert flags.out == "/home/me/faces" and flags.source == pathlib.Path("/home/me/s")
    assert flags.photos == ["/home/me/a.jpg", "b.jpg"]
