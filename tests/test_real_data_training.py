"""Data sets in the layout of the real ones, from the files to a report."""

import dataclasses

import PIL.Image
import pytest

from tf_nonlinear3dmm import configs, evaluation, training
from tf_nonlinear3dmm.face import formats
from tf_nonlinear3dmm.rendering import visualize

skimage_data = pytest.importorskip("skimage.data")
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def drawn_quickly(monkeypatch):
    monkeypatch.setattr(visualize, "FINE", 1)
    monkeypatch.setattr(evaluation.report, "SHOWN", 1)


def train(tmp_path, sources, mix="1", face_model="makehuman", steps=1):
    config = configs.preset("tiny")
    config = dataclasses.replace(
        config,
        model=dataclasses.replace(config.model, face_model=str(face_model)),
        pretrain=dataclasses.replace(config.pretrain, steps=steps),
        finetune=dataclasses.replace(config.finetune, steps=steps),
        data=dataclasses.replace(
            config.data, sources=sources, mix=mix, folder=str(tmp_path / "data")
        ),
    )
    run = tmp_path / "run"
    assert training.train(config, run).finished
    return run


def evaluate(run, source=None):
    return evaluation.evaluate(run, source, out=run / "other", say=lambda line: None)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    photo = PIL.Image.fromarray(skimage_data.astronaut())
    for number in range(3):
        photo.rotate(5 * number).save(folder / f"{number}.png")
    return folder


def test_300w_lp_and_photographs_train_together_and_aflw2000_3d_evaluates(fake, photos, tmp_path):
    run = train(tmp_path, f"w300_lp:{fake},photo_folder:{photos}", mix="3,1", steps=2)
    assert "nan" not in (run / "metrics.jsonl").read_text().lower()
    report = evaluate(run, f"aflw2000_3d:{fake}")
    assert report["faces"] == 4 and report["split"] == "test"


def test_photographs_alone_train(photos, tmp_path):
    run = train(tmp_path, f"photo_folder:{photos}")
    report = evaluate(run)
    assert report["faces"] == 1 and report["split"] == "validation"


def test_another_face_model_is_converted_sampled_trained_and_evaluated(shared, tmp_path):
    face, _ = formats.convert(shared / "real_faces" / "ict_face_f16.npz", name="ict")
    face.save(tmp_path / "ict.npz")
    run = train(tmp_path, "synthetic_faces", face_model=tmp_path / "ict.npz")
    assert "nan" not in (run / "metrics.jsonl").read_text().lower()
    report = evaluate(run)
    assert report["faces"] == 16 and report["split"] == "test"
    model, _ = training.load(run)
    assert model.face.name == "ict" and len(model.face.mean_vertices) == 9409
