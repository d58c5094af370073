import dataclasses
import shutil

import numpy as np
import pytest
import scipy.io
import tensorflow_datasets as tfds

from tf_nonlinear3dmm import metrics
from tf_nonlinear3dmm.data.builders.aflw2000_3d import aflw2000_3d_dataset_builder as aflw2000_3d
from tf_nonlinear3dmm.evaluation import statistics
from tf_nonlinear3dmm.face import FaceModel


def prepare(tmp_path, source, config="s32", **changes):
    ready = next(c for c in aflw2000_3d.Builder.BUILDER_CONFIGS if c.name == config)
    name = "-".join(["my", config, *changes])
    config = dataclasses.replace(ready, name=name, path=str(source), **changes)
    builder = aflw2000_3d.Builder(data_dir=str(tmp_path / "data"), config=config)
    builder.download_and_prepare()
    return builder


def read(builder):
    return list(tfds.as_numpy(builder.as_dataset(split="test")))


@pytest.fixture
def copy(fake, tmp_path):
    """An AFLW2000 which a test may change."""
    shutil.copytree(fake / "AFLW2000", tmp_path / "copy" / "AFLW2000")
    return tmp_path / "copy"


def edit(path, **changes):
    arrays = {k: v for k, v in scipy.io.loadmat(path).items() if not k.startswith("_")}
    scipy.io.savemat(path, arrays | changes)


def test_all_fields_in_the_order_of_the_file_names(fake, tmp_path):
    examples = read(prepare(tmp_path, fake))
    assert [e["name"].decode() for e in examples] == [f"image0000{n}" for n in (2, 4, 6, 8)]
    for example in examples:
        arrays = scipy.io.loadmat(fake / "AFLW2000" / f"{example['name'].decode()}.mat")
        for key in arrays:
            if not key.startswith("_"):
                wanted = np.squeeze(arrays[key]).astype(np.float32)
                np.testing.assert_array_equal(example[key.lower()], wanted)
        assert example["yaw_label_deg"] == -1 and not example["has_landmarks_reannotated"]
        middle = (example["landmarks"].max(0) + example["landmarks"].min(0)) / 2
        np.testing.assert_allclose(middle, 21.5, atol=1e-3)


def test_extreme_angles_are_flagged_and_can_be_left_out(copy, tmp_path):
    path = copy / "AFLW2000" / "image00004.mat"
    pose = scipy.io.loadmat(path)["Pose_Para"]
    pose[0, 2] += 2 * np.pi  # the same place, beyond 99 degrees
    edit(path, Pose_Para=pose)
    examples = read(prepare(tmp_path, copy))
    assert [bool(e["extreme_angle"]) for e in examples] == [False, True, False, False]
    assert len(read(prepare(tmp_path, copy, "s32_within_99"))) == 3


def test_the_optional_arrays_are_those_of_two_thousand_images(copy, tmp_path, monkeypatch, caplog):
    yaws, points = np.arange(4.0), np.zeros([4, 2, 68])
    for row, path in enumerate(sorted((copy / "AFLW2000").glob("*.mat"))):
        points[row] = scipy.io.loadmat(path)["pt3d_68"][:2] + 3
    np.save(copy / aflw2000_3d.LABEL_YAW, yaws)
    np.save(copy / aflw2000_3d.REANNOTATED, points)
    with pytest.raises(ValueError, match=r"must have shape \(2000, 2, 68\), got \(4, 2, 68\)"):
        prepare(tmp_path, copy)
    monkeypatch.setattr(aflw2000_3d, "COUNT", 4)
    examples = read(prepare(tmp_path, copy))
    for row, example in enumerate(examples):
        assert example["yaw_label_deg"] == row and example["has_landmarks_reannotated"]
        shift = example["landmarks_reannotated"] - example["landmarks"]
        np.testing.assert_allclose(shift, np.broadcast_to(shift[:1], shift.shape), atol=1e-3)
        assert shift[0, 0] > 0
    (copy / "AFLW2000" / "image00004.jpg").unlink()
    assert not read(prepare(tmp_path, copy, "s112"))[0]["has_landmarks_reannotated"]
    assert "is left out: it is for 4 images, got 3" in caplog.text


def test_bad_records_are_skipped_and_strict_stops(copy, tmp_path):
    folder = copy / "AFLW2000"
    pose = scipy.io.loadmat(folder / "image00006.mat")["Pose_Para"]
    edit(folder / "image00002.mat", pt3d_68=np.zeros([2, 68]))
    edit(folder / "image00004.mat", pt3d_68=np.full([3, 68], 900.0))
    edit(folder / "image00006.mat", Pose_Para=pose * np.nan)
    builder = prepare(tmp_path, copy)
    assert [e["name"].decode() for e in read(builder)] == ["image00008"]
    reasons = builder.info.metadata["skipped"]
    assert "`pt3d_68` must have shape (3, 68), got (2, 68)" in reasons[0]
    assert "image00004: 0 of 68 landmarks lie in the image" in reasons[1]
    assert "image00006.mat: key `Pose_Para` must hold finite numbers" in reasons[2]
    with pytest.raises(ValueError, match="image00002.mat: key `pt3d_68`"):
        prepare(tmp_path, copy, strict=True)


def test_a_folder_without_images_is_told(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: there is no photo"):
        prepare(tmp_path, tmp_path / "empty")


def test_the_real_records(shared, tmp_path):
    (tmp_path / "real").mkdir()
    for path in (shared / "real_faces" / "aflw2000").iterdir():
        shutil.copy(path, tmp_path / "real")
    builder = prepare(tmp_path, tmp_path / "real")
    examples = read(builder)
    face = FaceModel.load("makehuman")
    assert len(examples) == 6 and not builder.info.metadata["skipped"]
    yaw_deg = np.load(shared / "real_faces" / "AFLW2000-3D.pose.npy")
    for example in examples:
        projection, landmarks = example["projection"], example["landmarks"]
        mean = face.mean_vertices[face.landmarks] @ projection[:, :3].T + projection[:, 3]
        assert metrics.nme(mean[np.newaxis], landmarks[np.newaxis])[0] < 7, example["name"]
        assert np.abs(-example["yaw_deg"] - yaw_deg).min() < 1e-3


def test_the_published_buckets_and_the_distance_of_the_two_annotations(shared):
    folder = shared / "real_faces"
    first = np.load(folder / "AFLW2000-3D.pts68.npy")[:, :2].swapaxes(1, 2)
    second = np.load(folder / "AFLW2000-3D-Reannotated.pts68.npy").swapaxes(1, 2)
    for name, sizes in ((".pose", (1312, 383, 305)), ("-new.pose", (1306, 462, 232))):
        bins = statistics.yaw_bin(np.load(folder / f"AFLW2000-3D{name}.npy"))
        assert tuple(np.bincount(bins)) == sizes
    assert np.mean(metrics.nme(second, first)) == pytest.approx(3.09, abs=0.01)


@pytest.mark.parametrize("name", ["makehuman", "makehuman-12k"])
def test_the_landmarks_are_those_of_the_published_fits(name, shared):
    """The mean face in its best pose: with points on the visible outline it is 5.06, not 2.69."""
    folder, face = shared / "real_faces", FaceModel.load(name)
    landmarks = np.load(folder / "AFLW2000-3D.pts68.npy")[:, :2].swapaxes(1, 2)
    points = face.mean_vertices[face.landmarks]
    projection = metrics.best_pose(points, landmarks)
    predicted = points @ projection[:, :, :3].swapaxes(1, 2) + projection[:, np.newaxis, :, 3]
    yaw_deg = np.load(folder / "AFLW2000-3D.pose.npy")
    table = statistics.alignment_table(metrics.nme(predicted, landmarks), yaw_deg)
    assert table["balanced mean"][0] < 2.8
