import dataclasses
import logging
import shutil
import zipfile

import basel
import numpy as np
import pytest
import scipy.io
import tensorflow_datasets as tfds

from tf_nonlinear3dmm import configs, data, metrics
from tf_nonlinear3dmm.data import archive, augment, crop, mat_labels, photo_sets
from tf_nonlinear3dmm.data.builders.w300_lp import w300_lp_dataset_builder as w300_lp
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import camera


def prepare(tmp_path, source, config="s32", **changes):
    ready = next(c for c in w300_lp.Builder.BUILDER_CONFIGS if c.name == config)
    name = "-".join(["my", config, *changes])
    config = dataclasses.replace(ready, name=name, path=str(source), **changes)
    builder = w300_lp.Builder(data_dir=str(tmp_path / "data"), config=config)
    builder.download_and_prepare()
    return builder


def read(builder, split="all"):
    examples = tfds.as_numpy(builder.as_dataset(split=split))
    return {e["name"].decode(): e for e in examples}


@pytest.fixture
def copy(fake, tmp_path):
    """A 300W_LP of one photograph and its 4 copies, which a test may damage."""
    root = tmp_path / "copy"
    keep = shutil.ignore_patterns("[HIL]*")
    shutil.copytree(fake / "300W_LP" / "AFW", root / "300W_LP" / "AFW")
    shutil.copytree(fake / "300W_LP" / "landmarks", root / "300W_LP" / "landmarks", ignore=keep)
    return root


@pytest.fixture(scope="module")
def prepared(fake, tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("w300"), fake)


def test_every_copy_is_there_and_people_do_not_mix(prepared, fake):
    train, validation = read(prepared, "train"), read(prepared, "validation")
    on_disk = sorted((fake / "300W_LP").glob("*/*.jpg"))
    assert len(train) + len(validation) == len(on_disk) == 32
    assert {e["subset"] for e in (train | validation).values()} == set(range(8))
    identities = [{e["identity"] for e in split.values()} for split in (train, validation)]
    assert not identities[0] & identities[1]
    assert len(identities[0] | identities[1]) == 4 and identities[1]


def test_manual_dir_is_the_default_and_is_explained(copy, tmp_path):
    builder = w300_lp.Builder(data_dir=str(tmp_path / "data"), config="s32")
    with pytest.raises(AssertionError, match="put\n *300W_LP.zip, which is read in place"):
        builder.download_and_prepare()
    options = tfds.download.DownloadConfig(manual_dir=str(copy))
    builder.download_and_prepare(download_config=options)
    assert len(read(builder)) == 4


def test_a_run_that_does_not_say_where_the_files_are_is_told(tmp_path):
    config = configs.preset("tiny")
    changes = {"sources": "w300_lp", "folder": str(tmp_path)}
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, **changes))
    with pytest.raises(ValueError, match="give `w300_lp:PATH`. Ask for 300W-LP at http"):
        data.prepare(config, lambda line: None)
    assert not list(tmp_path.rglob("1.0.0*"))


def test_a_zip_read_in_place_gives_the_same(prepared, fake, tmp_path):
    folder = fake / "300W_LP"
    with zipfile.ZipFile(tmp_path / "300W_LP.zip", "w") as file:
        for path in sorted(folder.rglob("*.*")):
            file.write(path, path.relative_to(fake))
        file.writestr("300W_LP/Code/Mex/a.jpg", b"no record")
    zipped = read(prepare(tmp_path, tmp_path))
    for name, example in read(prepared).items():
        for key, value in example.items():
            np.testing.assert_array_equal(zipped[name][key], value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["300W_LP.zip", "data"]


def test_labels_lie_on_the_face(prepared, fake):
    face = FaceModel.load("makehuman")
    for name, example in read(prepared).items():
        landmarks, projection = example["landmarks"], example["projection"]
        middle = (landmarks.max(0) + landmarks.min(0)) / 2
        np.testing.assert_allclose(middle, 21.5, atol=1e-3)
        assert np.ptp(landmarks, axis=0).max() == pytest.approx(32 / 1.4, rel=1e-4)
        mean = face.mean_vertices[face.landmarks] @ projection[:, :3].T + projection[:, 3]
        assert metrics.nme(mean[np.newaxis], landmarks[np.newaxis])[0] < 12, name
        path = fake / "300W_LP" / f"{name}.mat"
        pose = scipy.io.loadmat(path)["Pose_Para"][0]
        np.testing.assert_array_equal(example["pose_para"], pose)
        assert example["yaw_deg"] == pytest.approx(-np.degrees(pose[1]), abs=1e-3)


def test_mirrored_copies_are_mirror_images(prepared):
    examples = read(prepared)
    for name, example in examples.items():
        if "_Flip" in name:
            continue
        mirrored = examples[name.replace("/", "_Flip/")]
        assert mirrored["identity"] == example["identity"]
        points = example["landmarks"][augment.LANDMARK_MIRROR] * [-1, 1] + [43, 0]
        np.testing.assert_allclose(mirrored["landmarks"], points, atol=1e-3)
        difference = mirrored["image"][:, ::-1].astype(int) - example["image"]
        assert np.abs(difference).mean() < 5  # two JPEGs of differently placed grain
        flipped = camera.mirror(example["projection"][np.newaxis], 44)[0]
        np.testing.assert_allclose(mirrored["projection"], flipped, atol=0.2)  # the face has sides


def test_landmarks_of_turned_copies_are_not_those_of_the_photograph(prepared):
    for name, example in read(prepared).items():
        if "_Flip" not in name and not name.endswith("_0"):
            copied, own = example["pt2d"].T, example["landmarks"]
            copied = copied - copied.mean(0)
            own = own - own.mean(0)
            size = (copied * own).sum() / (copied**2).sum()
            assert np.abs(size * copied - own).max() > 0.3, name


def test_source_images():
    source = w300_lp.source_image
    assert source("x/HELEN_Flip/HELEN_123_1_14") == source("HELEN/HELEN_123_1_0")
    assert source("AFW_Flip/AFW_Flip_134212_1_3") == "AFW/AFW_134212_1"
    assert source("LFPW/LFPW_image_test_0001_0") != source("LFPW/LFPW_image_test_0002_0")
    assert source("AFW/AFW_134212_1_0") != source("AFW/AFW_134212_2_0")


DAMAGE = {
    "AFW/AFW_000001_1_0.jpg": lambda p: p.write_bytes(p.read_bytes()[:3000]),
    "AFW/AFW_000001_1_1.mat": lambda p: p.write_bytes(b""),
    "AFW/AFW_000001_1_2.mat": lambda p: p.unlink(),
}


def test_bad_records_are_skipped_counted_and_named(copy, tmp_path, caplog):
    caplog.set_level(logging.ERROR, "absl")  # as in the scripts: libraries are quiet, we are not
    caplog.handler.setLevel(logging.WARNING)
    for name, damage in DAMAGE.items():
        damage(copy / "300W_LP" / name)
    builder = prepare(tmp_path, copy)
    assert "1 records; 3 bad records skipped: " in caplog.text
    assert all(name in caplog.text for name in DAMAGE)
    assert list(read(builder)) == ["AFW/AFW_000001_1_3"]
    again = tfds.builder_from_directory(builder.data_path)
    reasons = again.info.metadata["skipped"]
    for name, reason in zip(DAMAGE, reasons, strict=True):
        assert name in reason
    assert "truncated" in reasons[0] and "empty" in reasons[1] and "missing" in reasons[2]


def test_records_are_found_whatever_the_case_of_their_names(copy, tmp_path):
    expected = read(prepare(tmp_path, copy))
    folder = tmp_path / "other" / "300w_lp"
    for path in copy.rglob("*.*"):
        name = path.relative_to(copy / "300W_LP")
        upper = name.with_suffix(name.suffix.upper()) if "_1_1" in name.name else name
        moved = folder / str(upper).replace("AFW/", "Afw/").replace("landmarks", "Landmarks")
        moved.parent.mkdir(parents=True, exist_ok=True)
        moved.write_bytes(path.read_bytes())
    found = read(prepare(tmp_path / "again", tmp_path / "other"))
    assert set(found) == set(expected)
    for name, example in found.items():
        np.testing.assert_array_equal(example["landmarks"], expected[name]["landmarks"])
        assert example["subset"] == expected[name]["subset"]


def test_what_file_managers_leave_is_no_record(copy, tmp_path):
    photos_of_it = sorted((copy / "300W_LP" / "AFW").glob("*.jpg"))
    for path in photos_of_it:
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7")
        junk = copy / "__MACOSX" / "300W_LP" / "AFW" / f"._{path.name}"
        junk.parent.mkdir(parents=True, exist_ok=True)
        junk.write_bytes(b"\0\5\x16\7")
    for name in (".DS_Store", "Thumbs.db"):
        (copy / "300W_LP" / "AFW" / name).write_bytes(b"junk")
    builder = prepare(tmp_path, copy, strict=True)
    assert len(read(builder)) == len(photos_of_it) and not builder.info.metadata["skipped"]


@pytest.mark.parametrize("name", DAMAGE)
def test_strict_stops_at_the_bad_record(copy, tmp_path, name):
    DAMAGE[name](copy / "300W_LP" / name)
    with pytest.raises(ValueError, match=name):
        prepare(tmp_path, copy, strict=True)


def test_landmarks_of_another_face_are_refused(copy, tmp_path):
    path = copy / "300W_LP" / "landmarks" / "AFW" / "AFW_000001_1_0_pts.mat"
    points = scipy.io.loadmat(path)["pts_3d"]
    scipy.io.savemat(path, {"pts_3d": points[:, ::-1]})
    with pytest.raises(ValueError, match=r"AFW_000001_1_0: landmarks and pose must agree to 25"):
        prepare(tmp_path, copy, strict=True)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_come_twice_or_lead_outside_are_skipped(copy, tmp_path):
    first = copy / "300W_LP" / "AFW" / "AFW_000001_1_0"
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as file:
        for path in sorted(copy.rglob("*.*")):
            file.write(path, path.relative_to(copy))
        for folder in ("again/AFW", "../AFW"):
            file.write(f"{first}.jpg", f"{folder}/AFW_000001_1_0.jpg")
    builder = prepare(tmp_path, tmp_path / "t.zip")
    assert len(read(builder)) == 4
    reasons = sorted(builder.info.metadata["skipped"])
    assert "leads outside" in reasons[0] and "AFW/AFW_000001_1_0 comes twice" in reasons[1]


def test_a_folder_without_images_is_told(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: no photo in folders AFW, HELEN"):
        prepare(tmp_path, tmp_path / "empty")


def test_another_file_than_the_published_one_is_said(copy, tmp_path, caplog):
    with zipfile.ZipFile(tmp_path / "300W_LP.zip", "w") as file:
        for path in sorted(copy.rglob("*.*")):
            file.write(path, path.relative_to(copy))
    prepare(tmp_path, tmp_path)
    assert "2828125606 bytes are published" in caplog.text


def test_with_the_fitted_face_geometry_and_texture_are_exact(basel_files, tmp_path):
    path, uv_size = basel_files / "basel.npz", (96, 112)
    face, side = FaceModel.load(path), crop.stored_size(112)
    texture = basel.smooth_map(uv_size, seed=2)
    root = tmp_path / "300W_LP"
    drawn = [
        basel.write_record(root, f"AFW_1_{k}", face, texture, yaw_deg, seed=k)
        for k, yaw_deg in enumerate((10.0, -55.0))
    ]
    ready = w300_lp.Builder.BUILDER_CONFIGS[0]
    config = dataclasses.replace(ready, name="basel", face_model=str(path))
    fitted = photo_sets.Fitted(config)
    assert fitted.exact
    tree = archive.Tree(tmp_path)
    for k, subset in ((0, "AFW"), (1, "AFW"), (1, "AFW_Flip")):
        found = w300_lp.make_example(tree, f"300W_LP/{subset}/AFW_1_{k}", fitted)
        assert found["has_texture"] and found["has_projection"]
        coefficients = (found[key][np.newaxis] for key in ("shape_para", "exp_para"))
        vertices = mat_labels.vertices(*coefficients, face)[0]
        projection = found["projection"]
        points = vertices[face.landmarks] @ projection[:, :3].T + projection[:, 3]
        if subset == "AFW":
            np.testing.assert_allclose(points, found["landmarks"], atol=0.02)
            np.testing.assert_allclose(vertices, drawn[k], atol=1e-3)
            kept = found["texture_mask"][..., 0] > 0
            error = np.abs(found["texture"] / 255.0 - texture[0]).mean(-1)[kept]
            assert error.mean() < 0.03
            seen = basel.truly_visible(
                face, vertices[np.newaxis], projection[np.newaxis], side, uv_size
            )
            assert (kept & seen).sum() >= 0.9 * (kept | seen).sum()


def test_with_the_fitted_face_training_gets_vertices_and_textures(basel_files, tmp_path):
    path = basel_files / "basel.npz"
    face = FaceModel.load(path)
    uv_size, root = (24, 28), tmp_path / "300W_LP"
    texture = basel.smooth_map((48, 56), seed=2)
    drawn = {}
    for k, yaw_deg in enumerate((0.0, 30.0)):
        shape = basel.write_record(root, f"AFW_1_{k}", face, texture, yaw_deg, seed=k)
        drawn |= {f"AFW/AFW_1_{k}": shape, f"AFW_Flip/AFW_1_{k}": shape}
    tiny = configs.preset("tiny")
    config = dataclasses.replace(
        tiny,
        model=dataclasses.replace(tiny.model, face_model=str(path)),
        data=dataclasses.replace(
            tiny.data, sources=f"w300_lp:{tmp_path}", folder=str(tmp_path / "data")
        ),
    )
    assert config.model.uv_size == uv_size
    made, _ = data.open_training(config, face)
    batch = made.read(0)
    for label in ("landmarks", "projection", "vertices", "texture"):
        assert batch[f"has_{label}"].all()
    assert batch["texture"].any(axis=(1, 2, 3)).all() and not batch["has_face_mask"].any()
    for name, vertices in zip(made.names(0), batch["vertices"], strict=True):
        np.testing.assert_allclose(vertices, drawn[name], atol=1e-3)
