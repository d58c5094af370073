"""SIGKILL at any moment of a study: the same command resumes and ends in the same report."""

import json

import numpy as np
import programs
import pytest

TIMES = ("seconds", "speed_ms", "machine")  # what no two runs share
MOMENTS = {  # script and flags -> the lines after which it is killed
    ("ablate.py", "--rows", "no symmetry"): ("part 2 of", "finetune 5/8", "part 4 of"),
    ("reproduce.py",): ("part 2 of", "part 3 of", "part 9 of", "3ddfa step", "part 20 of"),
}


def command(script, out, data, *flags):
    return programs.start(script, "--tiny", "--out", out, "--data", data, *flags)


def numbers(folder):
    """Dotted name -> value of a report.json, without times."""
    values = {}

    def walk(value, name):
        if isinstance(value, dict | list):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for key, part in items:
                if key not in TIMES:
                    walk(part, f"{name}.{key}")
        else:
            values[name] = value

    walk(json.loads((folder / "report.json").read_text()), "")
    return values


@pytest.mark.slow
@pytest.mark.parametrize("words", MOMENTS, ids=lambda words: words[0])
def test_a_study_that_is_killed_ends_in_the_same_report(words, tmp_path, faces):
    script, *flags = words
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    code, said = programs.end(command(script, whole, faces, *flags), timeout=3600)
    assert code == 0, said[-2000:]
    for moment in MOMENTS[words]:
        process = command(script, broken, faces, *flags)
        programs.follow(process, moment)
        process.kill()
        programs.end(process)
    code, said = programs.end(command(script, broken, faces, *flags), timeout=3600)
    assert code == 0, said[-2000:]
    expected, actual = numbers(whole), numbers(broken)
    assert {*actual} == {*expected}
    for name, value in expected.items():
        if isinstance(value, float):  # sums over threads round in another order
            np.testing.assert_allclose(actual[name], value, rtol=1e-3, atol=1e-4, err_msg=name)
        else:
            assert actual[name] == value, name
    assert not [*broken.rglob("*.part")]
