"""scripts/evaluate.py on each kind of test set, with weights alone: from the files to a report."""

import dataclasses
import json
import runpy
import shutil
import sys
import zipfile

import numpy as np
import pytest
import scipy.io
import tensorflow as tf

from tf_nonlinear3dmm import configs, data, evaluation, weights
from tf_nonlinear3dmm.data.builders.aflw2000_3d import aflw2000_3d_dataset_builder as aflw2000_3d
from tf_nonlinear3dmm.evaluation import measures, subject
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.rendering import visualize

CONFIG = configs.preset("tiny")
FIGURES = {"best", "median", "worst", "cumulative"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with weights that were not trained."""
    folder = tmp_path_factory.mktemp("weights") / "mine"
    folder.mkdir()
    tf.keras.utils.set_random_seed(0)
    mean = np.float32([14, 0, 0, 16, 0, -14, 0, 17])
    weights.save(folder / weights.FILE, Nonlinear3DMM(CONFIG.model, mean, np.ones(8, np.float32)))
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder to work in; pictures are drawn quickly."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(visualize, "FINE", 1)
    monkeypatch.setattr(evaluation.report, "SHOWN", 1)
    return tmp_path


@pytest.fixture
def aflw(fake, tmp_path):
    """A folder with AFLW2000 and, beside it, the re-annotated landmarks: 3 pixels further right."""
    shutil.copytree(fake / "AFLW2000", tmp_path / "set" / "AFLW2000")
    paths = sorted((tmp_path / "set" / "AFLW2000").glob("*.mat"))
    points = np.stack([scipy.io.loadmat(path)["pt3d_68"][:2] for path in paths])
    np.save(tmp_path / "set" / aflw2000_3d.REANNOTATED, points + [[3], [0]])
    return tmp_path / "set"


def evaluate(*arguments, **changes):
    return evaluation.evaluate(*arguments, say=lambda line: None, **changes)


@pytest.mark.parametrize("kind", ["folder", pytest.param("zip", marks=pytest.mark.slow)])
def test_aflw2000_3d_with_both_label_sets(trained, aflw, here, monkeypatch, kind):
    monkeypatch.setattr(aflw2000_3d, "COUNT", 4)
    path = aflw / "AFLW2000"
    if kind == "zip":
        path = aflw / "AFLW2000-3D.zip"
        with zipfile.ZipFile(path, "w") as file:
            for each in (aflw / "AFLW2000").iterdir():
                file.write(each, f"AFLW2000/{each.name}")
    report = evaluate(trained, f"aflw2000_3d:{path}")
    first, second = (report[k]["model"]["mean"][0] for k in ("alignment", "alignment_reannotated"))
    assert report["faces"] == 4 and report["split"] == "test" and abs(first - second) > 0.01
    assert evaluation.OFF_MODEL in report["alignment"]
    text = (here / "reports" / "mine-aflw2000_3d" / "report.md").read_text()
    assert "against the re-annotated landmarks" in text and "own numbers, on AFLW2000-3D:" in text
    assert "not measured: true vertices, albedo, illumination." in text
    written = json.loads((here / "reports" / "mine-aflw2000_3d" / "report.json").read_text())
    assert written["notes"] == report["notes"] and written["config"] is None


@pytest.mark.slow
def test_the_second_label_set_may_come_later(trained, aflw, monkeypatch):
    monkeypatch.setattr(aflw2000_3d, "COUNT", 4)
    source = f"aflw2000_3d:{aflw / 'AFLW2000'}"
    (aflw / aflw2000_3d.REANNOTATED).rename(aflw / "kept")
    before = evaluate(trained, source)
    assert "alignment_reannotated" not in before and "No re-annotated" in before["notes"][-1]
    (aflw / "kept").rename(aflw / aflw2000_3d.REANNOTATED)
    assert "alignment_reannotated" in evaluate(trained, source)


def test_a_folder_of_photos_with_landmark_files(trained, fake, here):
    """Landmarks alone: no pose, no vertices, no albedo; every photo is a test photo."""
    folder = here / "photos"
    folder.mkdir()
    for path in (fake / "AFLW2000").glob("*.mat"):
        shutil.copy(path.with_suffix(".jpg"), folder)
        points = scipy.io.loadmat(path)["pt3d_68"][:2].T - 1
        (folder / f"{path.stem}.json").write_text(json.dumps(points.tolist()))
    shutil.copy(fake / "AFLW2000" / "image00002.jpg", folder / "broken.jpg")
    (folder / "broken.json").write_text("[[1, 2]]")
    report = evaluate(trained, f"photo_folder:{folder}")
    assert report["split"] == "all" and report["faces"] == 4
    assert [*report["measures"]] == ["image L1 on the visible face"]
    assert report["bad_records"] == ["broken.json: 68 points (x, y) are expected, got shape (1, 2)"]
    assert "4 faces have no label of yaw: it is that of the mean face" in report["notes"][0]
    fitted = evaluate(trained, f"aflw2000_3d:{fake}")
    for method, numbers in report["alignment"].items():
        if method != evaluation.OFF_MODEL:  # there the order of the records matters
            wanted = fitted["alignment"][method]["mean"][0]
            assert numbers["mean"][0] == pytest.approx(wanted, rel=0.02), method  # JPEG twice
    figures = here / "reports" / "mine-photo_folder-photos" / "figures"
    assert {path.stem for path in figures.iterdir()} >= FIGURES


def test_hidden_landmarks_count_nowhere(trained, fake, here):
    """Points that a file hides change neither the error of the others nor the crop."""
    folder, hidden = here / "photos", [*range(17), 30]
    folder.mkdir()
    for path in sorted((fake / "AFLW2000").glob("*.mat"))[:2]:
        shutil.copy(path.with_suffix(".jpg"), folder)
        points = (scipy.io.loadmat(path)["pt3d_68"][:2].T - 1).tolist()
        points = [None if i in hidden else point for i, point in enumerate(points)]
        (folder / f"{path.stem}.json").write_text(json.dumps(points))
    report = evaluate(trained, f"photo_folder:{folder}")
    assert "2 faces have hidden landmarks, which count nowhere." in report["notes"]
    model, config = weights.load(trained), dataclasses.replace(configs.Config(), model=CONFIG.model)
    split = data.open_split(data.request(f"photo_folder:{folder}", 32), config, "all")
    [batch] = data.in_order(split, 32, 4, ["landmark_visible", "has_landmarks"])
    visible = np.asarray(batch["landmark_visible"])
    assert not batch["has_landmarks"].numpy().any()  # training leaves these points alone
    assert np.flatnonzero(~visible[0]).tolist() == hidden
    found, true = model(batch["image"], draw=False).landmarks.numpy(), batch["landmarks"].numpy()
    keep = visible[0]
    size = np.sqrt(np.prod(np.ptp(true[:, keep], axis=1), axis=-1))
    wanted = np.linalg.norm(found - true, axis=-1)[:, keep].mean(axis=1) / size * 100
    assert report["alignment"]["model"]["mean"][0] == pytest.approx(wanted.mean(), rel=1e-4)
    middle = (true[:, keep].max(axis=1) + true[:, keep].min(axis=1)) / 2
    np.testing.assert_allclose(middle, 15.5, atol=1e-3)


@pytest.mark.slow
def test_300w_lp_is_evaluated_on_its_validation_split(trained, fake):
    report = evaluate(trained / weights.FILE, f"w300_lp:{fake}", out="mine")
    assert report["split"] == "validation" and report["alignment"]["model"]["n"][0] > 0


def test_generated_test_faces_do_not_wait_for_all_training_faces(here):
    config = dataclasses.replace(CONFIG, data=dataclasses.replace(CONFIG.data, train_examples=9000))
    request = data.request("synthetic_faces", 32)
    few = subject._with_few_training_faces(request, config).data
    assert (few.train_examples, few.test_examples) == (1000, config.data.test_examples)
    photos = data.request("photo_folder:x", 32)
    assert subject._with_few_training_faces(photos, config) is config


def script(monkeypatch, *flags):
    """Runs scripts/evaluate.py; returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["evaluate.py", *map(str, flags)])
    path = aflw2000_3d.__file__.split("/datasets/")[0] + "/scripts/evaluate.py"
    try:
        runpy.run_path(path, run_name="__main__")
    except SystemExit as end:
        return end.code
    return 0


def test_what_is_wrong_is_one_line_and_code_2(trained, aflw, here, monkeypatch, capfd):
    np.save(aflw / aflw2000_3d.REANNOTATED, np.zeros([4, 68, 2]))
    np.savez(here / "old.npz", **{"0000": np.zeros(3)})
    (here / "file").write_text("")
    wrong = {
        f"--run {here / 'nothing'}": "nothing: no such file",
        f"--run {here / 'old.npz'}": "old.npz is not a file of weights: key `config` is missing",
        "--source aflw2000_3d:/nowhere": "/nowhere: no such folder or zip file",
        "--source aflw2000": "did you mean `aflw2000_3d`?",
        "--source aflw2000_3d": "give `aflw2000_3d:PATH`",
        f"--source aflw2000_3d:{aflw}": r"Reannotated.pts68.npy must have shape (2000, 2, 68), got",
        f"--source photo_folder:{here / 'file'}": "file: neither a folder nor a zip file",
        "--batch 0": "argument --batch: must be a whole number at least 1, got '0'",
    }
    for flags, message in wrong.items():
        words = flags.split() if "--run" in flags else [*flags.split(), "--run", trained]
        assert script(monkeypatch, *words) == 2, flags
        said = capfd.readouterr().err
        assert message in said and said.count("\n") == 1 and said.startswith("evaluate.py: "), said
    assert not (here / "reports").exists()


def test_a_report_that_cannot_be_written_is_told(trained, fake, here, monkeypatch, capfd):
    (here / "file").write_text("")
    monkeypatch.setattr(measures, "measure", lambda *_: pytest.fail("faces were measured"))
    flags = ["--run", trained, "--source", f"aflw2000_3d:{fake}", "--out", "file/report"]
    assert script(monkeypatch, *flags) == 2
    assert "evaluate.py: cannot write file/report: Not a directory\n" in capfd.readouterr().err


def test_the_weights_of_the_package_on_real_photographs(shared):
    if not (weights.SHIPPED / weights.FILE).is_file():
        pytest.skip("no trained weights come with this copy of the package")
    report = evaluate(source=f"aflw2000_3d:{shared / 'real_faces' / 'aflw2000'}")
    assert report["faces"] == 6 and report["run"] is None and not report["bad_records"]
    assert report["alignment"]["model"]["n"] == [6, 4, 1, 1]
    assert report["alignment"]["model"]["mean"][0] < 8  # percent; 6.8 with the first weights
