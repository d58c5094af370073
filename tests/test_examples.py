"""The examples and the notebooks run, and what they print and write is right."""

import pathlib
import re
import runpy
import sys

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from tf_nonlinear3dmm.face import mesh_files

ROOT = pathlib.Path(__file__).parents[1]
EXAMPLES = {path.stem for path in ROOT.glob("examples/*.py")}
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs an example in an empty folder: its names, its folder, what it printed."""

    def run_example(name):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [f"{name}.py"])
        names = runpy.run_path(str(ROOT / "examples" / f"{name}.py"))
        return names, tmp_path, capsys.readouterr().out

    return run_example


def test_every_example_has_its_test_and_its_row():
    source = pathlib.Path(__file__).read_text()
    assert set(re.findall(r'run\("(\w+)"\)', source)) == EXAMPLES
    assert set(re.findall(r"\((\w+)\.py\)", (ROOT / "examples/README.md").read_text())) == EXAMPLES


def test_the_triangle_covers_its_area_and_moves_as_one(run):
    names, folder, _ = run("triangle")
    corners = names["image_points"].numpy()[0, :, :2]
    area = abs(np.cross(*np.diff(np.c_[corners, np.zeros(3)], axis=0))[2]) / 2
    perimeter = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1).sum()
    assert abs(names["covered"] - area) < perimeter / 2  # edges pass through pixels
    assert np.any(names["gradient"].numpy() != 0)
    picture = np.asarray(PIL.Image.open(folder / "triangle.png"))
    assert np.count_nonzero(picture.any(axis=-1)) == names["covered"]


@pytest.mark.slow
def test_the_photo_becomes_a_face_of_a_persons_size(run):
    names, folder, _ = run("photo_to_mesh")
    mesh = mesh_files.read(folder / "face.glb")  # millimetres
    np.testing.assert_allclose(
        mesh.vertices, names["result"].vertices[0] * names["model"].face.units, atol=1e-3
    )
    assert 120 < np.ptp(mesh.vertices[:, 1]) < 260


@pytest.mark.slow
def test_the_relit_face_is_brighter_on_the_side_of_the_light(run):
    names, folder, _ = run("relight")
    left, right = np.split(names["relit"].image.numpy(), 2, axis=2)
    ratios = left.mean(axis=(1, 2, 3)) / right.mean(axis=(1, 2, 3))
    assert np.all(np.diff(ratios) < 0)  # as the light goes from left to right
    with PIL.Image.open(folder / "relight.png") as picture:
        assert picture.size == (6 * 112, 112)


@pytest.mark.slow
def test_the_traversal_passes_through_both_faces(run):
    names, folder, _ = run("latent_traversal")
    first, second = names["faces"].vertices.numpy() * names["model"].face.units
    for number, vertices in ((1, first), (3, second)):
        mesh = mesh_files.read(folder / f"traversal_{number}.glb")
        np.testing.assert_allclose(mesh.vertices, vertices, atol=0.01)


@pytest.mark.slow
def test_the_term_lowers_what_it_measures(run):
    names, _, _ = run("loss_term")
    assert names["with_term"]["total_variation"] < 0.95 * names["without"]["total_variation"]


def test_total_variation_is_that_of_a_ramp():
    source = (ROOT / "examples" / "loss_term.py").read_text()
    names = {"tf": tf, "np": np}
    exec(re.search(r"(?s)def total_variation.*?\n\n\n", source)[0], names)
    ramp = np.tile(np.linspace(0, 1, 5, dtype=np.float32)[:, np.newaxis, np.newaxis], [1, 7, 3])
    np.testing.assert_allclose(
        names["total_variation"](tf.constant(ramp[np.newaxis])), 4 / 5 * 0.25, rtol=1e-6
    )


@pytest.mark.slow
def test_the_camera_is_recovered(run):
    names, _, _ = run("fit_camera")
    assert names["before"] > 3 and names["after"] < 0.5  # pixels


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=900, resources=resources).execute()
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in codes)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs(path):
    assert '"outputs": []' in path.read_text()
    assert not re.search(r'"output_type"|"execution_count": \d', path.read_text())


def test_there_are_two_notebooks():
    assert {path.stem for path in NOTEBOOKS} == {"change_the_decoder", "photo_to_mesh"}
