"""Clips in, files out."""

# ruff: noqa: F811  # fixtures of another file

import json
import pathlib
import sys

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
from test_reconstruct import script
from test_tracking import cameras, film, frames, mesh_points, model  # noqa: F401

from tf_nonlinear3dmm import serving
from tf_nonlinear3dmm.core import array_streams, filenames
from tf_nonlinear3dmm.data import photos
from tf_nonlinear3dmm.data.photos import clips, faces
from tf_nonlinear3dmm.face import mesh_files
from tf_nonlinear3dmm.rendering import camera
from tf_nonlinear3dmm.serving import names

PIPES = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # imageio-ffmpeg's


def folder_of(path, images):
    path.mkdir()
    for number, image in enumerate(images):
        PIL.Image.fromarray(image).save(path / f"{number}.png")
    return path


def test_frames_of_a_folder_come_in_natural_order_and_one_bad_file_is_an_error_in_place(tmp_path):
    folder = folder_of(tmp_path / "clip", frames(12))
    (folder / "5.png").write_bytes(b"nothing")
    (folder / "notes.txt").write_text("mine")
    clip = photos.Clip(folder)
    numbers = [frame if isinstance(frame, Exception) else frame[0, 0, 0] for frame in clip]
    assert "5.png" in str(numbers.pop(5)) and clip.count == 12
    assert numbers == [n for n in range(12) if n != 5]
    assert len([*clip]) == 12  # once more
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: no image"):
        photos.Clip(tmp_path / "empty")


@PIPES
def test_a_video_is_read_frame_by_frame(tmp_path):
    ffmpeg = pytest.importorskip("imageio_ffmpeg")
    path = tmp_path / "clip.mp4"
    writer = ffmpeg.write_frames(str(path), (64, 48), fps=12, macro_block_size=2)
    writer.send(None)
    for level in range(6):
        writer.send(np.full([48, 64, 3], 40 * level, np.uint8))
    writer.close()
    clip = photos.Clip(path)
    levels = [frame.mean() for frame in clip]
    assert clip.rate == 12 and len(levels) == 6
    np.testing.assert_allclose(levels, 40 * np.arange(6), atol=4)  # the codec's loss
    (tmp_path / "notes.mp4").write_text("no video")
    with pytest.raises(ValueError, match=r"notes\.mp4: not a video"):
        photos.Clip(tmp_path / "notes.mp4")
    with pytest.raises(FileNotFoundError):
        photos.Clip(tmp_path / "none.mp4")


def test_a_video_without_the_extra_names_it(monkeypatch, capsys, model, tmp_path):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    monkeypatch.setattr(serving, "load", lambda path: model)
    (tmp_path / "clip.mp4").write_bytes(b"film")
    with pytest.raises(ImportError, match=r"pip install tf_nonlinear3dmm\[video\]"):
        photos.Clip(tmp_path / "clip.mp4")
    assert script(monkeypatch, "--video", tmp_path / "clip.mp4", "--out", tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert "tf_nonlinear3dmm[video]" in said and said.count("\n") == 1


def test_photos_or_a_video(monkeypatch, capsys):
    for flags in ([], ["a.jpg", "--video", "b"], ["--video", "b", "--same-person"]):
        assert script(monkeypatch, *flags, "--out", "out") == 2
        assert "--video" in capsys.readouterr().err


def test_a_folder_of_frames_to_files(model, film, monkeypatch, tmp_path):
    images = film(mesh_points(model, cameras(model, np.zeros([6, 6]))), lost=(2,))
    folder, out, said = folder_of(tmp_path / "clip", images), tmp_path / "out", []
    monkeypatch.setattr(clips, "ffmpeg", no_ffmpeg)
    result = serving.clips.reconstruct(folder, model, out, "lit", said.append, True, steps=0)
    assert result == (5, 1) and "no preview: a video needs imageio-ffmpeg" in said
    assert sorted(path.name for path in out.iterdir()) == [
        "clip_meshes",
        *(f"clip_person{end}" for end in (".glb", ".mtl", ".obj", ".png")),
        "clip_track.json",
        "clip_track.npz",
    ]
    rows, about = np.load(out / "clip_track.npz"), json.loads((out / "clip_track.json").read_text())
    assert set(rows) == set(about["arrays"]) and about["frames_with_a_face"] == 5
    assert rows["status"].tolist() == ["face"] * 2 + ["no face found"] + ["face"] * 3
    assert np.isnan(rows["vertices"][2]).all() and np.isfinite(rows["vertices"][[0, 1, 3]]).all()
    shown = camera.project(tf.constant(rows["vertices"]), tf.constant(rows["projection"]))
    np.testing.assert_allclose(shown[..., :2], rows["image_points"][..., :2], atol=1e-3)
    np.testing.assert_allclose(
        rows["landmarks"][0], rows["image_points"][0, model.face.landmarks, :2], atol=1e-4
    )
    assert sorted(p.stem for p in (out / "clip_meshes").iterdir())[1:3] == ["000001", "000003"]
    mesh = mesh_files.read(out / "clip_person.obj")
    np.testing.assert_allclose(mesh.vertices, rows["person_vertices"], atol=1e-3)


def no_ffmpeg():
    raise ImportError("a video needs imageio-ffmpeg")


@PIPES
def test_the_preview_shows_each_frame_beside_its_face(model, film, tmp_path):
    pytest.importorskip("imageio_ffmpeg")
    images = film(mesh_points(model, cameras(model, np.zeros([3, 6]))), lost=(2,))
    folder = folder_of(tmp_path / "clip", images)
    serving.clips.reconstruct(folder, model, tmp_path / "out", "lit", str, steps=0)
    shown = [*photos.Clip(tmp_path / "out" / "clip_overlay.mp4")]
    assert len(shown) == 3 and shown[0].shape == (50, 120, 3)
    apart = [np.abs(np.diff(np.split(f.astype(float), 2, axis=1), axis=0)).mean() for f in shown]
    assert apart[0] > 3 and apart[1] > 3 and apart[2] < 3


def test_streams_are_the_arrays(tmp_path):
    rows, random = array_streams.ArrayStreams(), np.random.default_rng(0)
    a, b = random.normal(size=[5, 2, 3]).astype(np.float32), np.array(list("vwxyz"))
    for x, y in zip(a, b, strict=True):
        rows.append(a=x, b=y)
    with pytest.raises(ValueError, match="`a` must be float32"):
        rows.append(a=a[0, 0])
    rows.write(tmp_path / "rows.npz", c=np.arange(4))
    stored = np.load(tmp_path / "rows.npz")
    for name, value in {"a": a, "b": b, "c": np.arange(4)}.items():
        np.testing.assert_array_equal(stored[name], value)


def test_photos_of_one_person_give_a_file_set_each_and_one_mesh(model, monkeypatch, tmp_path):
    box = np.array([10.0, 10, 30, 30])
    face = faces.PhotoFace(box, 0.9, faces.box_square(box))
    monkeypatch.setattr(photos, "detect", lambda image: [face])
    random = np.random.default_rng(0)
    folder = folder_of(tmp_path / "me", random.integers(0, 255, [3, 50, 50, 3], np.uint8))
    (folder / "2.png").write_bytes(b"nothing")
    said, out = [], tmp_path / "out"
    result = serving.person.reconstruct([folder], model, out, "lit", say=said.append, steps=0)
    assert result == (2, 1) and any("2.png" in line for line in said)
    codes = [json.loads((out / f"{n}.json").read_text()) for n in range(2)]
    np.testing.assert_array_equal(codes[0]["albedo_code"], codes[1]["albedo_code"])
    mesh = mesh_files.read(out / "0_person.obj").vertices
    shapes = np.array([code["shape_code"] for code in codes], np.float32)
    mean = tf.reduce_mean(model.neutral(shapes), axis=0, keepdims=True)
    _, vertices = model.decode_shape(mean)
    np.testing.assert_allclose(mesh, vertices[0] * model.face.units, atol=1e-2)
    assert json.loads((out / "0_person.json").read_text())["photos"] == [
        str(folder / f"{n}.png") for n in range(2)
    ]
    assert [*serving.batch.expand([out])] == [out]  # its textures and pictures are no photos


def test_no_result_takes_a_name_of_another(tmp_path):
    """Faces, persons and clips of names that make others', beside what somebody has there."""
    (tmp_path / "me_person.obj").write_text("mine")
    (tmp_path / "clip_overlay.mp4").write_text("mine")
    reserved = names.Names(tmp_path)
    stems = [
        *reserved.reserve("me", "me.jpg", 2),
        *reserved.reserve("me_person", "me_person.jpg", 1),
        reserved.reserve_person("me", "me.jpg"),
        *reserved.reserve("clip_person", "clip_person.jpg", 1),
        *reserved.reserve("clip_track", "clip_track.jpg", 1),
    ]
    clips = [reserved.reserve_clip("clip", folder) for folder in ("a/clip.mp4", "b/clip.mp4")]
    files = [name for stem in stems for name in names.of(stem)]
    files += [name for stem in clips for name in names.of_clip(stem)]
    keys = {filenames.key(name) for name in files}
    assert len(keys) == len(files) and not keys & {"me_person.obj", "clip_overlay.mp4"}
    assert clips == ["clip-2", "clip-3"] and stems[-3] == "me_person-3"


@pytest.mark.parametrize("name", ["..png", "...png", ".png", "..."])
def test_names_of_dots_stay_in_the_folder(name, tmp_path):
    [stem] = names.Names(tmp_path).reserve(pathlib.Path(name).stem, name, 1)
    person = names.Names(tmp_path).reserve_person(pathlib.Path(name).stem, name)
    assert not person.startswith("._")  # which file managers make and hide
    for file in (*names.of(stem), *names.of_clip(stem), *names.of(person)):
        assert (tmp_path / stem).with_name(file).parent == tmp_path
    assert stem.strip(".")


def test_an_earlier_clip_is_replaced_and_another_stays(model, film, monkeypatch, tmp_path):
    monkeypatch.setattr(clips, "ffmpeg", no_ffmpeg)
    images = film(mesh_points(model, cameras(model, np.zeros([2, 6]))))
    out, written = tmp_path / "out", []
    for parent in ("a", "b", "a"):
        (tmp_path / parent).mkdir(exist_ok=True)
        folder = tmp_path / parent / "clip"
        if not folder.exists():
            folder_of(folder, images)
        serving.clips.reconstruct(folder, model, out, "lit", str, steps=0)
        written.append(sorted(path.name for path in out.iterdir()))
    assert written[1] == written[2] and len(written[1]) == 2 * len(written[0])
    with pytest.raises(ValueError, match="lies where the results go"):
        serving.clips.reconstruct(folder, model, folder, "lit", str)
