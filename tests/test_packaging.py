"""What is installed: all that generating, training and evaluating need, and no name but our own."""

import os
import pathlib
import shutil
import subprocess
import sys

import programs
import pytest

ROOT = pathlib.Path(__file__).parents[1]
SOURCES = ("tf_nonlinear3dmm", "datasets", "pyproject.toml", "setup.py", "README.md", "LICENSE")
FACES = "--data.train_examples 2 --data.validation_examples 2 --data.test_examples 2"
STEPS = "--pretrain.steps 1 --finetune.steps 1 --train.batch_size 2"


@pytest.fixture(scope="module")
def hugging_face(tmp_path_factory):
    """A folder with another package of the name `datasets`."""
    folder = tmp_path_factory.mktemp("packages")
    (folder / "datasets").mkdir()
    (folder / "datasets" / "__init__.py").write_text("owner = 'Hugging Face'\n")
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the contents of the wheel."""
    pytest.importorskip("setuptools", minversion="77", reason="setuptools 77 builds the wheel")
    folder = tmp_path_factory.mktemp("wheel")
    source, wheels, site = (folder / name for name in ("source", "wheels", "site"))
    source.mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", wheels, source], check=True, capture_output=True)
    [wheel] = wheels.iterdir()
    shutil.unpack_archive(wheel, site, "zip")
    return site


def python(*words, path, cwd):
    """What a Python says that finds packages in the folders `path` before all others."""
    process = subprocess.Popen(
        [sys.executable, *map(str, words)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))},
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    code, said = programs.end(process)
    assert code == 0, said[-3000:]
    return said


def test_a_checkout_does_not_hide_the_package_of_hugging_face(hugging_face, tmp_path):
    code = "import datasets, tf_nonlinear3dmm; print(datasets.owner)"
    assert python("-c", code, path=[ROOT, hugging_face], cwd=tmp_path) == "Hugging Face\n"


@pytest.mark.slow
def test_the_wheel_has_the_builders_and_no_tests(installed):
    builders = installed / "tf_nonlinear3dmm" / "data" / "builders"
    names = {path.parent.name for path in (ROOT / "datasets").glob("*/*_builder.py")}
    assert names == {path.name for path in builders.iterdir() if path.is_dir()}
    for name in names:
        assert {"CITATIONS.bib", "README.md", "TAGS.txt", "checksums.tsv"} <= {
            path.name for path in (builders / name).iterdir()
        }
    assert not [*installed.rglob("*_test.py"), *installed.rglob("*dummy_data*")]
    assert [path.name for path in installed.iterdir() if path.suffix != ".dist-info"] == [
        "tf_nonlinear3dmm"
    ]


@pytest.mark.slow
def test_the_wheel_has_every_asset(installed):
    for folder in ("tf_nonlinear3dmm/assets", "tf_nonlinear3dmm/demo/static"):
        files = (path for path in (ROOT / folder).rglob("*") if path.is_file())
        for path in files:
            assert (installed / path.relative_to(ROOT)).read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_the_wheel_alone_generates_trains_and_evaluates(installed, hugging_face, tmp_path):
    command = f"-m tf_nonlinear3dmm train --preset tiny --out run {FACES} {STEPS}".split()
    said = python(*command, path=[installed, hugging_face], cwd=tmp_path)
    assert "run is finished after 2 steps" in said
    assert (tmp_path / "run" / "report.md").exists() and (tmp_path / "data").is_dir()
    code = "import datasets, tf_nonlinear3dmm as n3; print(datasets.owner, n3.__file__)"
    said = python("-c", code, path=[installed, hugging_face], cwd=tmp_path)
    assert said == f"Hugging Face {installed / 'tf_nonlinear3dmm' / '__init__.py'}\n"
