"""Every task with what people give it by mistake: one line, the right exit code, nothing harmed."""

import importlib
import re
import socket
import sys

import bad_files
import numpy as np
import pytest

from tf_nonlinear3dmm import configs, demo, serving, weights
from tf_nonlinear3dmm.model import Nonlinear3DMM

LONG = bad_files.LONG
CROPS = "--run good.npz --out out --crops"
OWN = "--run good.npz --out out"
TRAIN = "--preset tiny --data.folder data --out out"
NO_WEIGHTS = {  # what is no file of weights -> what is said
    "none": "none: no such file; train with",
    "empty": "the folder has no weights.npz; train with",
    "text.txt": "text.txt is not a file of weights: .*not an .npz",
    "empty.npz": "empty.npz is not a file of weights",
    "cut.npz": "cut.npz is not a file of weights",
    "turned.npz": "turned.npz is not a file of weights",
    "other.npz": "other.npz is not a file of weights: key `config` is missing",
    "pickle.npz": "pickle.npz is not a file of weights: .*pickled objects",
    "photo.png": "photo.png is not a file of weights",
    "pipe.jpg": "pipe.jpg: no such file",
    "loop.jpg": "loop.jpg: no such file",
    LONG: "File name too long",
}
NO_CONFIG = {
    "list": "must be a dict of its fields, got \\[\\]",
    "section": "must be a dict of its fields, got 5",
    "word": "`width` must be int, got 'x'",
    "deep": "nested too deeply",
    "number": "`sources` must be str, got 5",
    "misspelt": "`widht` is not a field of ModelConfig; did you mean `width`",
    "half": "`steps` must be int, got 2.5",
    "negative": "`batch_size` must be a number",
    "short": "`uv_size` must be two of int, got \\(1,\\)",
    "nan": "`shape` must be a number at least 0",
    "cut": "Expecting value",
}
NO_FACE_MODEL = {
    "none": "none: there is no such face model",
    "empty": "empty: holds no face model that is known",
    "text.txt": "text.txt: not a face model that is known",
    "page.mat": "page.mat: not a face model that is known",
    "empty.npz": "empty.npz: not a face model that is known",
    "cut.npz": "cut.npz: ",
    "other.npz": "other.npz: key `mean` is missing; the file has a",
    "pickle.npz": "pickle.npz: key `a` must hold numbers or text, got pickled objects",
    "photo.png": "photo.png: not a face model that is known",
    "pipe.jpg": "pipe.jpg: there is no such face model",
    LONG: "File name too long",
}
RECONSTRUCT = [  # words, exit code, what is said
    (f"cut.jpg {CROPS}", 1, "cut.jpg: not a sound JPEG, PNG or WebP image: .*truncated"),
    (f"cut.png {CROPS}", 1, "cut.png: not a sound JPEG, PNG or WebP image"),
    (f"none.jpg {CROPS}", 1, "No such file or directory: 'none.jpg'"),
    (f"text.txt {CROPS}", 1, "text.txt: not a sound JPEG.* begins like none of them"),
    (f"empty.npz {CROPS}", 1, "empty.npz: the file is empty"),
    (f"good.npz {CROPS}", 1, "good.npz: not a sound JPEG"),
    (f"folder.jpg {CROPS}", 1, "folder.jpg: no photo that ends in .jpg"),
    (f"pipe.jpg {CROPS}", 1, "pipe.jpg: is no file but a pipe, socket or device"),
    (f"/dev/zero {CROPS}", 1, "/dev/zero: is no file but a pipe, socket or device"),
    (f"loop.jpg {CROPS}", 1, "Too many levels of symbolic links: 'loop.jpg'"),
    (f"loop/a.jpg {CROPS}", 1, "Too many levels of symbolic links: 'loop/a.jpg'"),
    (f"{LONG}.jpg {CROPS}", 1, "File name too long"),
    (f"a\0b.jpg {CROPS}", 1, "null (byte|character)"),
    (f"deep.png {OWN}", 1, "deep.json: .*nested too deeply"),
    (f"huge.png {OWN}", 1, "huge.json: not a .pts or .json file of landmarks"),
    (f"null.png {OWN}", 1, "null.json: a box is x, y, width, height"),
    (f"infinite.png {OWN}", 1, "infinite.json: a box is x, y, width, height"),
    (f"number.png {OWN}", 1, "number.json: not a .pts or .json file of landmarks"),
    (f"few.png {OWN}", 1, "few.json: 68 points"),
    (
        f"elsewhere.png {OWN}",
        1,
        "elsewhere.json: a face .* with its middle in the photo of 80 x 80",
    ),
    (f"beyond.png {OWN}", 1, "beyond.json: points lie within 1e\\+06 pixels"),
    (f"fractions.png {OWN}", 1, "fractions.json: a face of 4 pixels or more .* got 0, 0, 0.98"),
    (f"point.png {OWN}", 1, "point.json: a face of 4 pixels or more"),
    (f"outside.png {OWN}", 1, "outside.json: a face .* in the photo of 80 x 80"),
    (f"giant.png {OWN}", 1, "giant.json: a face .* in the photo of 80 x 80"),
    (f"thin.png {OWN}", 1, "thin.json: a face of 4 pixels or more"),
    (f"empty.png {OWN}", 1, "empty.json: .*a dict has `landmarks` or a `box`"),
    (f"other.png {OWN}", 1, "other.pts: .*68 lines x y in braces"),
    (f"capital.png {OWN}", 1, "capital.PTS: .*68 lines x y in braces"),
    (f"beside.png {OWN}", 1, "Too many levels of symbolic links: 'beside.pts'"),
    ("photo.png --run good.npz --out out --frame-meshes", 2, "--frame-meshes is of --video"),
    ("photo.png --run good.npz --out=", 2, "--out: must be a path, got ''"),
    ("photo.png --run= --out out", 2, "--run: must be a path, got ''"),
    (" --run good.npz --out out", 2, "PHOTO: must be a path, got ''"),
    ("--video= --run good.npz --out out", 2, "--video: must be a path, got ''"),
    ("--video pipe.jpg --run good.npz --out out", 2, "pipe.jpg: is no file but a pipe"),
    ("--video /dev/zero --run good.npz --out out", 2, "/dev/zero: is no file but a pipe"),
    ("--video none.mp4 --run good.npz --out out", 2, "No such file or directory: 'none.mp4'"),
    ("--video loop.jpg --run good.npz --out out", 2, "Too many levels of symbolic links"),
    ("--video empty --run good.npz --out out", 2, "empty: no image that ends in .jpg"),
    ("--video frames --run good.npz --out frames", 2, "frames: lies where the results go"),
    ("--video frames --run good.npz --out frames/../frames", 2, "frames: lies where the results"),
    ("--video frames --run good.npz --out text.txt", 2, "cannot write .*text.txt: File exists"),
    ("--video frames --run good.npz --out out", 2, "in any of 1 frames; frames/1.png: not a sound"),
    ("photo.png --run good.npz --out text.txt", 2, "cannot write text.txt: File exists"),
    ("photo.png --run good.npz --out text.txt/a", 2, "cannot write text.txt/a: Not a directory"),
    (f"photo.png --run good.npz --out {LONG}", 2, "cannot write .*File name too long"),
    ("photo.png --run good.npz --out /dev/null", 2, "cannot write /dev/null: File exists"),
    ("photo.png --run good.npz", 2, "arguments are required: --out"),
    ("--run good.npz --out out", 2, "give photos, or --video"),
]
WRITING = [
    ("export", "--run good.npz --out text.txt", 2, "cannot write text.txt/1: "),
    ("export", "--run good.npz --out results", 2, "results/1 is there already"),
    ("export", "--run good.npz --out results --format weights", 2, "is there already"),
    ("export", "--run good.npz --out text.txt --format weights", 2, "cannot write text.txt: "),
    ("export", f"--run good.npz --out {LONG} --format litert", 2, "File name too long"),
    ("export", "--run good.npz --out /dev/null --format onnx", 2, "cannot write /dev/null"),
    ("export", "--run good.npz --format stl", 2, "invalid choice: 'stl'"),
    ("export", "--run good.npz --version 1e3", 2, "must be a whole number"),
    ("convert", "other.npz results/report.md", 2, "results/report.md: must end in .npz"),
    ("convert", "results/model.npz", 2, "arguments are required: output"),
    ("convert", "other.npz results/model.npz --units -1", 2, "must be a number at least 0"),
]
SOURCES = {  # --data of train, --source of evaluate
    "photo_folder:none": "none: no such folder or zip file",
    "photo_folder:text.txt": "text.txt: neither a folder nor a zip file",
    "photo_folder:empty": "empty: no photo that ends in .jpg",
    "w300_lp:empty": "empty: no photo in folders AFW",
    "w300_lp:text.txt": "text.txt: neither a folder nor a zip file",
    "aflw2000_3d:empty": "empty: ",
    "nope": "data set `nope/s32` is neither prepared in .* nor known",
    "synthetic_face": "did you mean `synthetic_faces`",
    "synthetic_faces/s999": "has the configurations .*not `s999`",
}
TRAINING = [
    ("--preset tiny --out text.txt", "text.txt.*Not a directory"),
    (f"--preset tiny --out {LONG}", "File name too long"),
    (f"{TRAIN} --mix nan", "`mix` must be 1 positive numbers"),
    (f"{TRAIN} --mix -1", "`mix` must be 1 positive numbers"),
    (f"{TRAIN} --strategy gpu", "`strategy` must be one of"),
    (f"{TRAIN} --train.batch_size {10**22}", "`batch_size` must be a number"),
    (f"{TRAIN} --model.width 1000000", "`width` must be a number from 1 to 4096"),
    (f"{TRAIN} --model.image_size 100000", "`image_size` must be a number from 1 to 4096"),
    (f"{TRAIN} --model.uv_size 0,5", "`uv_size` must be a number from 1 to 4096"),
    (f"{TRAIN} --data.train_examples -5", "`train_examples` must be a number"),
    (f"{TRAIN} --model.face_model photo.png", "photo.png: not an .npz file"),
    (f"{TRAIN} --model.face_model good.npz", "good.npz: key `.*` is missing"),
    (f"{TRAIN} --model.face_model none.npz", "none.npz: there is no such face model file"),
    ("--config none.json --out out", "there is no file none.json"),
    ("--preset tiny --config config-list.json --out out", "give --preset or --config, not both"),
    ("--config empty --out out", "cannot read empty: Is a directory"),
    ("--config loop.jpg --out out", "cannot read loop.jpg: Too many levels"),
]
STUDIES = [
    (task, f"--tiny --minutes 0 --out {out}", code, said)
    for task in ("ablate", "reproduce")
    for out, code, said in (
        ("text.txt", 4, "text.txt"),
        (LONG, 4, "File name too long"),
        (f"{task}/cut", 2, f"{task}/cut/parts.json cannot be read"),
        (f"{task}/list", 2, f"{task}/list/parts.json cannot be read"),
    )
]
STUDIES += [
    ("ablate", "--tiny --rows nope --out out", 2, "`rows` must be one of"),
    ("ablate", "--tiny --quick", 2, "not allowed with"),
    ("reproduce", "--tiny --minutes -1", 2, "must be a number at least 0"),
    ("recover_pose", "--preset smal", 2, "did you mean `small`"),
    ("recover_pose", "--preset tiny --data text.txt", 2, "text.txt"),
    ("recover_pose", "--faces 0", 2, "must be a whole number at least 1"),
]
CASES = [("reconstruct", *case) for case in RECONSTRUCT]
CASES += [("reconstruct", f"photo.png --run {n} --out out", 2, s) for n, s in NO_WEIGHTS.items()]
for task, more in (("export", "--out results"), ("evaluate", "--out results"), ("explore", "")):
    CASES += [(task, f"--run {name} {more}", 2, said) for name, said in NO_WEIGHTS.items()]
CASES += [("convert", f"{name} results/model.npz", 2, said) for name, said in NO_FACE_MODEL.items()]
CASES += [("train", f"--config config-{n}.json --out out", 2, s) for n, s in NO_CONFIG.items()]
CASES += [("train", f"{TRAIN} --data {name}", 2, said) for name, said in SOURCES.items()]
CASES += [
    ("evaluate", f"--run good.npz --source {name} --out results", 2, said)
    for name, said in SOURCES.items()
]
CASES += [("train", words, (2, 4), said) for words, said in TRAINING]
CASES += WRITING + STUDIES


@pytest.fixture(scope="module")
def model():
    mean = np.float32([14, 0, 0, 16, 0, -14, 0, 17])
    return Nonlinear3DMM(configs.preset("tiny").model, mean, np.full(8, 0.5, np.float32))


@pytest.fixture(scope="module")
def stock(model, tmp_path_factory):
    """The folder of `bad_files`."""
    folder = tmp_path_factory.mktemp("bad")
    serving.save(folder / "sound.npz", model)
    bad_files.write(folder, (folder / "sound.npz").read_bytes())
    return folder


@pytest.fixture
def here(model, stock, monkeypatch):
    """As the current folder; good.npz is loaded already, which takes seconds."""
    load = weights.load
    for module in (weights, serving, demo):
        monkeypatch.setattr(
            module, "load", lambda path=None: model if path == "good.npz" else load(path)
        )
    monkeypatch.chdir(stock)
    return stock


def run(task, words, monkeypatch, capsys):
    """(exit code, lines on stdout, lines on stderr) of a task."""
    monkeypatch.setattr(sys, "argv", [task, *words.rstrip(" ").split(" ")])
    with pytest.raises(SystemExit) as end:
        importlib.import_module(f"tf_nonlinear3dmm.cli.{task}").main()
    said = capsys.readouterr()
    return end.value.code, said.out.splitlines(), said.err.splitlines()


@pytest.mark.parametrize("task, words, code, said", CASES, ids=lambda value: str(value)[:60])
def test_one_line_and_nothing_harmed(task, words, code, said, here, monkeypatch, capsys):
    before = bad_files.contents(here)
    ended, out, err = run(task, words, monkeypatch, capsys)
    codes = code if isinstance(code, tuple) else (code,)
    assert ended in codes, (out, err)
    lines = out[:-1] if code == 1 else err  # a photo that fails is said among the others
    assert len(lines) == 1 and re.search(said, lines[0]), (out, err)
    after = bad_files.contents(here)
    assert {name: after.get(name) for name in before} == before


def test_there_are_many():
    assert len(CASES) > 100 and len({case[:2] for case in CASES}) == len(CASES)


def test_a_port_in_use_is_one_line(here, monkeypatch, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = f"--run good.npz --port {taken.getsockname()[1]}"
        ended, _, err = run("explore", words, monkeypatch, capsys)
    assert ended == 2 and len(err) == 1 and "Address already in use" in err[0]


def test_a_bad_photo_does_not_keep_the_good_one(here, model, monkeypatch, tmp_path):
    lines = []
    paths = ["cut.jpg", "photo.png", "pipe.jpg", "deep.png"]
    counts = serving.reconstruct(paths, model, tmp_path, "lit", say=lines.append, crops=True)
    assert counts == (2, 2) and len(lines) == 4  # of a crop, landmarks are not read
    assert (tmp_path / "photo.glb").exists() and (tmp_path / "photo.obj").exists()
