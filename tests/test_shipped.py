"""What ships with a trained model: weights, directions, samples, card."""

import dataclasses
import json
import runpy
import sys

import fake_faces
import numpy as np
import pytest
import tensorflow as tf

import tf_nonlinear3dmm as n3
from tf_nonlinear3dmm import configs, data, evaluation, serving, training, weights
from tf_nonlinear3dmm.demo import labelled, samples
from tf_nonlinear3dmm.evaluation import directions, plots
from tf_nonlinear3dmm.maintenance import release
from tf_nonlinear3dmm.rendering import visualize

MEAN = np.float32([14, 0, 0, 16, 0, -14, 0, 17])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on fake faces as training and evaluation leave it, without the hours."""
    folder = tmp_path_factory.mktemp("run")
    fake_faces.prepare(folder / "data")
    config = configs.preset("tiny")
    changes = {"sources": "fake_faces", "folder": str(folder / "data")}
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, **changes))
    tf.keras.utils.set_random_seed(0)
    model = n3.Nonlinear3DMM(config.model, MEAN, np.ones(8, np.float32))
    for variable in model.trainable_variables:  # untrained ones say nothing
        variable.assign_add(np.random.default_rng(0).normal(0, 0.1, variable.shape))
    (folder / "config.json").write_text(json.dumps(configs.to_dict(config)))
    weights.save(folder / weights.FILE, model, exact=True)
    errors = np.random.default_rng(0).gamma(2, size=4)
    faces = {"yaw": np.array([5.0, 9, 40, 50]), ("nme", "model"): errors}
    report = evaluation.summarise(faces | {("vertex error (mm)", "model"): errors}) | {"faces": 4}
    (folder / "report.json").write_text(json.dumps(report).replace("NaN", "null"))
    (folder / "figures").mkdir()
    visualize.save(folder / "figures" / "curves.png", plots.curves([{"step": 1, "loss": 2.0}]))
    for name in ("median", "shape_albedo_exchange"):
        visualize.save(folder / f"figures/{name}.png", np.full([60, 80, 3], 127, np.uint8))
    return folder


CROPS = [np.full([20, 20, 3], 25 * k, np.uint8) for k in range(1, 9)]


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory):
    made = tmp_path_factory.mktemp("assets") / "trained"
    paths = release.ship(run, CROPS, made, faces=22, note="In no time.")
    assert sorted(paths) == sorted(made.iterdir())
    return made


def test_the_folder_loads_as_the_run(run, folder):
    images = np.random.default_rng(0).random([2, 32, 32, 3], np.float32)
    own, other = (n3.load(path)(images, draw=False) for path in (run, folder))
    np.testing.assert_allclose(other.vertices, own.vertices, atol=1e-3)
    np.testing.assert_allclose(other.landmarks, own.landmarks, atol=0.05)


def test_a_direction_does_what_the_labels_say(run, folder):
    """Faces of more `age` are brighter here: so is what the step makes of the mean code."""
    found = {d.name: d for d in labelled.directions_of(folder)}
    assert [*found] == ["shape_age", "albedo_age"]
    model, config = training.load(run)
    split = data.open_first(config, "train")
    [batch] = data.in_order(split, 32, 22, ["attributes"])
    middle = np.mean(model.encode(batch["image"]).albedo_code, axis=0, keepdims=True)
    step = found["albedo_age"].step
    ends = np.float64([model.decode_albedo(middle + k * step) for k in (-1, 1)])
    assert np.mean(ends[1]) > np.mean(ends[0])
    assert np.any(found["shape_age"].step) and np.isfinite(found["shape_age"].step).all()


def test_samples_come_back(folder):
    found = samples.read_samples(folder)
    assert [*found] == [*samples.NAMES]
    for crop, wanted in zip(found.values(), CROPS, strict=True):
        np.testing.assert_allclose(crop.astype(int), wanted, atol=2)  # JPEG
    assert {*samples.read_samples(folder / "none")} <= {*samples.NAMES}  # the package's, or none


def test_the_card_has_command_config_curves_and_report(run, folder):
    card = (folder / "README.md").read_text()
    assert "In no time." in card and str(run) not in card
    assert "    nonlinear3dmm train --preset tiny --data.sources fake_faces\n" in card
    config = configs.from_dict(json.loads(card.split("```json\n")[1].split("```")[0]))
    assert config.model == training.load(run)[1].model
    report = json.loads((run / "report.json").read_text())
    assert f"{report['alignment']['model']['mean'][0]:.2f}" in card and "4 held-out faces" in card
    for name in ("curves.png", "faces.jpg", "shape_albedo_exchange.jpg"):
        assert f"]({name})" in card and (folder / name).stat().st_size > 500


def test_rounding_is_measured(run, folder):
    model, config = training.load(run)
    same = labelled.difference(model, model, config, 4)
    rounded = labelled.difference(model, n3.load(folder), config, 4)
    assert same == [0, 0] and 0 < rounded[0] < 0.05 and 0 < rounded[1] < 0.1


def test_a_run_without_directions_finds_them_where_its_faces_are(run, tmp_path):
    said = []
    found = labelled.directions_of(run, said.append)
    assert len(found) == 2 and "finding" in said[0]
    assert (run / "directions.npz").is_file()
    assert len(labelled.directions_of(run, said.append)) == 2 and len(said) == 1  # kept
    (run / "directions.npz").unlink()
    moved = json.loads((run / "config.json").read_text())
    moved["data"]["folder"] = str(tmp_path / "nowhere")
    moved["data"]["sources"] = "synthetic_faces"
    (tmp_path / "config.json").write_text(json.dumps(moved))
    (tmp_path / "weights.npz").write_bytes((run / "weights.npz").read_bytes())
    assert labelled.directions_of(tmp_path, said.append) == []
    assert "its training faces are not in" in said[1] and not (tmp_path / "nowhere").exists()


def test_a_file_of_weights_has_the_directions_beside_it(folder, tmp_path):
    assert len(labelled.directions_of(folder / "weights.npz")) == 2
    (tmp_path / "weights.npz").write_bytes((folder / "weights.npz").read_bytes())
    assert labelled.directions_of(tmp_path / "weights.npz") == []


def test_what_is_not_finished_is_not_shipped(run, tmp_path, monkeypatch):
    with pytest.raises(release.ShipError, match="is not a run"):
        release.ship(tmp_path, CROPS, tmp_path / "out")
    for name in ("config.json", "weights.npz"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    with pytest.raises(release.ShipError, match="has no report: nonlinear3dmm evaluate"):
        release.ship(tmp_path, CROPS, tmp_path / "out")
    monkeypatch.setattr("tf_nonlinear3dmm.maintenance.release.shipping.LARGEST", 1000)
    with pytest.raises(release.ShipError, match="are larger than"):
        release.ship(run, CROPS, tmp_path / "out")
    assert not [*tmp_path.glob("out/weights.npz")]


def test_prepared_or_not(run, tmp_path):
    config = training.load(run)[1]
    [request], _ = data.requests(config)
    assert data.is_prepared(request, config)
    elsewhere = dataclasses.replace(config.data, folder=str(tmp_path))
    assert not data.is_prepared(request, dataclasses.replace(config, data=elsewhere))


@pytest.mark.slow
def test_the_script_ships_a_run(run, tmp_path, monkeypatch, capsys):
    flags = ["--run", run, "--out", tmp_path, "--faces", 20, "--samples", "s32"]
    monkeypatch.setattr(sys, "argv", ["ship_weights.py", *map(str, flags)])
    runpy.run_path("scripts/maintenance/ship_weights.py", run_name="__main__")
    assert f"wrote {tmp_path / serving.FILE}" in capsys.readouterr().out
    found = samples.read_samples(tmp_path)
    assert len(found) == 8 and all(crop.shape == (32, 32, 3) for crop in found.values())
    assert np.std([crop.mean() for crop in found.values()]) > 2  # eight people


def test_what_comes_with_the_package_is_whole():
    if not (serving.SHIPPED / serving.FILE).is_file():
        pytest.skip("no trained weights come with this copy of the package")
    path = serving.SHIPPED / serving.FILE
    assert path.stat().st_size <= release.LARGEST
    with np.load(path) as file:
        kernels = [file[n] for n in file.files if n != "config" and file[n].ndim > 1]
    assert {k.dtype for k in kernels} == {np.dtype(np.float16)}
    model = n3.load()
    for direction in labelled.directions_of():
        length = getattr(model.config, f"{direction.part}_code_size")
        assert direction.step.shape == (length,) and np.abs(direction.step).max() > 0
    groups = {d.group for d in labelled.directions_of()}
    assert groups == {title for title, _ in directions.GROUPS.values()}
    found = samples.read_samples()
    size = model.config.image_size
    crops = np.stack([tf.image.resize(c, [size, size], antialias=True) for c in found.values()])
    result = model.reconstruct(crops.astype(np.float32) / 255)
    assert np.std(result.vertices, axis=0).max() * model.face.units > 1  # mm: people differ
    assert "nonlinear3dmm train" in (serving.SHIPPED / "README.md").read_text()
