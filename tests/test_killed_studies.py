"""Whole studies end in a report; killed at any moment, the same command resumes to the same one."""

import json
import signal

import numpy as np
import programs
import pytest

from tf_nonlinear3dmm.evaluation import errors
from tf_nonlinear3dmm.studies import ablation, paper, schedule, study
from tf_nonlinear3dmm.studies.paper import claims, trained_models

TIMES = ("seconds", "speed_ms", "machine")  # what no two runs share


def interrupt(script, folder, data, moment, signum=signal.SIGKILL, flags=()):
    """Runs a study's script and sends it a signal after the line `moment`; (code, what it says)."""
    process = programs.start(script, "--tiny", "--out", folder, "--data", data, *flags)
    programs.follow(process, moment)
    process.send_signal(signum)
    return programs.end(process)


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


def assert_same_report(broken, whole):
    expected, actual = numbers(whole), numbers(broken)
    assert {*actual} == {*expected}
    for name, value in expected.items():
        if isinstance(value, float):  # sums over threads round in another order
            np.testing.assert_allclose(actual[name], value, rtol=1e-3, atol=1e-4, err_msg=name)
        else:
            assert actual[name] == value, name
    assert not [*broken.rglob("*.part")]


def worked(lines):
    """The parts that a study began."""
    return [line.split(": ", 1)[1] for line in lines if line.startswith("part")]


@pytest.mark.slow
def test_an_ablation(tmp_path, faces):
    rows, lines = ["no symmetry"], []
    whole, broken = (ablation.tiny(tmp_path / name, str(faces)) for name in ("whole", "broken"))
    assert ablation.ablate(whole, "it", only=rows)
    report = json.loads((whole.folder / "report.json").read_text())
    assert [*report["rows"]] == ["full model", "no symmetry"]
    for row in report["rows"].values():
        assert len(row) == 6
        assert all(np.isfinite(cell["mean"]).all() for cell in row.values())
    assert report["rows"]["no symmetry"]["albedo x 100"]["difference"][0] != 0
    text = (whole.folder / "report.md").read_text()
    assert "| no symmetry |" in text and (whole.folder / "figures" / "albedo.png").exists()

    place = ("ablate.py", broken.folder, faces)
    flags = ("--rows", ",".join(rows))
    interrupt(*place, "part 2 of", flags=flags)
    code, said = interrupt(*place, "finetune 5/8", signal.SIGTERM, flags)  # `train full model`
    assert code == 1 and "to resume: nonlinear3dmm ablate" in said
    pretraining = schedule.records(broken)["train pretraining"]
    interrupt(*place, "part 4 of", flags=flags)
    assert ablation.ablate(broken, "it", only=rows, say=lines.append)
    assert worked(lines) == ["measure full model", "train no symmetry", "measure no symmetry"]
    assert schedule.records(broken)["train pretraining"] == pretraining
    assert_same_report(broken.folder, whole.folder)


@pytest.mark.slow
def test_the_experiments_of_the_paper(tmp_path, faces):
    from tf_nonlinear3dmm.data.builders.synthetic_faces import teacher

    whole, broken = (
        study.tiny(tmp_path / name, teacher.scan_200, str(faces)) for name in ("whole", "broken")
    )
    lines = []
    paper.write_report(whole, lines.append)
    assert lines == ["nothing is measured yet: no report"]
    assert paper.reproduce(whole, say=lines.append)
    assert worked(lines) == [part.name for part in paper.parts(whole)]
    report = json.loads((whole.folder / "report.json").read_text())
    methods = [*trained_models.runs_of(whole), claims.TEACHER]
    methods += [errors.PREDICTED_POSE, errors.BEST_POSE]
    assert list(report["alignment"]) == methods
    assert all(np.isfinite(row["mean"]).all() for row in report["alignment"].values())
    shape, photo = (report["power"][kind] for kind in (claims.SHAPE, claims.PHOTO))
    assert shape["mean face"]["0"][0] > shape["Linear oracle"]["6"][0]
    assert {"Linear in the wild", "Nonlinear, by the encoder"} <= {*photo}
    assert len(report["claims"]) == len(claims.CLAIMS) and not report["missing"]
    text = (whole.folder / "report.md").read_text()
    page = (whole.folder / "report.html").read_text()
    drawn = list((whole.folder / "figures").glob("*.png"))
    assert len(drawn) == text.count("](figures/") == page.count("data:image/png;base64,") == 12
    before = len(lines)
    assert paper.reproduce(whole, say=lines.append) and len(lines) == before + 1

    for moment in ("part 3 of", "3ddfa step", "part 20 of"):
        interrupt("reproduce.py", broken.folder, faces, moment)
    assert paper.reproduce(broken)
    assert_same_report(broken.folder, whole.folder)

    assert report["networks"]["3DDFA, network 2"]["images"] == 24
    assert len(report["seeds"]["Nonlinear, ground truth"]) == whole.seeds == 2
    runs = trained_models.runs_of(whole)
    for run in (*runs["SDM"], *runs["Nonlinear, ground truth"]):  # and one of whatever there is
        (whole.folder / f"predictions/test/{run}.npz").unlink()
    for path in (whole.folder / "results/photo").iterdir():
        path.unlink()
    paper.write_report(whole, lines.append)
    report = json.loads((whole.folder / "report.json").read_text())
    assert "SDM" not in report["alignment"] and claims.PHOTO not in report["power"]
    assert errors.PREDICTED_POSE not in report["alignment"]
