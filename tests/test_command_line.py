"""Flags that are numbers: every script refuses what is none, or out of range."""

import pathlib
import runpy
import sys

import pytest

from tf_nonlinear3dmm.core import command_line

SCRIPTS = pathlib.Path(__file__).parents[1] / "scripts"


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


@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.glob("*.py")))
def test_every_number_flag_has_a_range(script):
    text = (SCRIPTS / script).read_text()
    if "command_line" in text:
        assert "type=float" not in text and "type=int" not in text


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
