import io
import json
import sys

import numpy as np
import PIL.Image
import pytest

from tf_nonlinear3dmm.data import crop, photos

H, W = 30, 40


def picture(mode="RGB"):
    y, x = np.mgrid[:H, :W]
    pixels = np.stack([x * 6, y * 8, 255 - x * 6], axis=-1).astype(np.uint8)
    return PIL.Image.fromarray(pixels).convert(mode)


def encoded(image, format="PNG", **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_formats(format):
    found = photos.read(encoded(picture(), format, quality=100))
    assert found.shape == (H, W, 3) and found.dtype == np.uint8
    assert np.abs(found.astype(int) - np.asarray(picture())).mean() < 4


@pytest.mark.parametrize("mode, format", [("L", "PNG"), ("L", "JPEG"), ("1", "PNG"), ("P", "PNG")])
def test_grey_and_palette_become_rgb(mode, format):
    found = photos.read(encoded(picture(mode), format))
    assert found.shape == (H, W, 3)
    expected = np.asarray(picture(mode).convert("RGB"), int)
    assert np.abs(found - expected).mean() < 3


def test_cmyk_keeps_its_colours():
    found = photos.read(encoded(picture("CMYK"), "JPEG", quality=100))
    assert np.abs(found.astype(int) - np.asarray(picture())).mean() < 4


def test_sixteen_bits_keep_their_brightness():
    grey = np.tile(np.linspace(0, 65535, W).astype(np.uint16), [H, 1])
    found = photos.read(encoded(PIL.Image.fromarray(grey)))
    np.testing.assert_allclose(found[..., 1], grey / 257, atol=1)


def test_transparent_is_black():
    image = picture("RGBA")
    alpha = np.tile(np.where(np.arange(W) < 9, 0, 255).astype(np.uint8), [H, 1])
    image.putalpha(PIL.Image.fromarray(alpha))
    found = photos.read(encoded(image))
    assert not found[:, :9].any()
    np.testing.assert_array_equal(found[:, 9:], np.asarray(picture())[:, 9:])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_undone(orientation):
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a.swapaxes(0, 1), 2),
        8: lambda a: np.rot90(a, 3),
    }[orientation]
    upright = np.asarray(picture())
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    turned = PIL.Image.fromarray(np.ascontiguousarray(undo(upright)))
    np.testing.assert_array_equal(photos.read(encoded(turned, exif=exif)), upright)


def test_heic_of_a_phone_is_read_upright():
    pillow_heif = pytest.importorskip("pillow_heif")
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    turned = PIL.Image.fromarray(np.ascontiguousarray(np.rot90(np.asarray(picture()))))
    file = io.BytesIO()
    pillow_heif.from_pillow(turned).save(file, quality=95, exif=exif.tobytes())
    found = photos.read(file.getvalue(), "a.heic")
    assert found.shape == (H, W, 3)
    assert np.abs(found.astype(int) - np.asarray(picture())).mean() < 6
    with pytest.raises(ValueError, match="a.heic: not a sound"):
        photos.read(file.getvalue()[:-200], "a.heic")


def test_heic_is_refused_by_name_where_the_package_is_not_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    contents = b"\0\0\0\x24ftypheic\0\0\0\0mif1heic" + bytes(100)
    with pytest.raises(ValueError, match="a.heic: .*: a HEIC image needs pillow-heif: pip install"):
        photos.read(contents, "a.heic")


@pytest.mark.parametrize(
    "contents, message",
    [
        (b"", "a.jpg: the file is empty"),
        (b"not an image", "a.jpg: not a sound JPEG, PNG or WebP image: it begins like none"),
        (encoded(picture(), "JPEG")[:-40], "a.jpg: not a sound .* truncated"),
        (encoded(picture(), "PNG")[:70], "a.jpg: not a sound .* truncated"),
        (encoded(picture(), "GIF"), "a.jpg: not a sound"),
        (
            encoded(PIL.Image.new("1", (11000, 10000))),
            "at most 100000000 pixels are read, got 11000",
        ),
        (encoded(PIL.Image.new("1", (20000, 10000))), "a.jpg: not a sound"),
        (encoded(PIL.Image.new("RGB", (50, 5))), r"sides of 16 pixels or more, got \(5, 50\)"),
    ],
)
def test_bad_files_are_named(contents, message):
    with pytest.raises(ValueError, match=message):
        photos.read(contents, "a.jpg")


def test_a_path_names_itself(tmp_path):
    (tmp_path / "b.png").write_bytes(encoded(picture()))
    assert photos.read(tmp_path / "b.png").shape == (H, W, 3)
    (tmp_path / "c.png").write_bytes(b"x")
    with pytest.raises(ValueError, match="c.png: not a sound"):
        photos.read(tmp_path / "c.png")
    with pytest.raises(OSError, match="d.png"):
        photos.read(tmp_path / "d.png")


POINTS = np.arange(136.0).reshape(68, 2)
PTS = "version: 1\nn_points: 68\n{\n" + "\n".join(f"{x + 1} {y + 1}" for x, y in POINTS) + "\n}\n"


@pytest.mark.parametrize(
    "text, name",
    [
        (PTS, "a.pts"),
        (json.dumps(POINTS.tolist()), "a.json"),
        (json.dumps({"landmarks": POINTS.tolist()}), "a.JSON"),
    ],
)
def test_landmark_files(text, name):
    np.testing.assert_allclose(photos.read_landmarks(text.encode(), name), POINTS)


@pytest.mark.parametrize(
    "contents, name, message",
    [
        (b"", "a.pts", "a.pts: not a .pts or .json"),
        (b"\xff\xfe{", "a.pts", "a.pts: not a .pts or .json"),
        (b'{"points": []}', "a.json", "a.json: not a .pts or .json"),
        (b"[[1, 2], [3]]", "a.json", "a.json: not a .pts or .json"),
        (b"{1 2 3 4}", "a.pts", r"68 points \(x, y\) are expected, got shape \(2, 2\)"),
        (json.dumps([[1, float("nan")]] * 68).encode(), "a.json", "at least 34 must be finite"),
    ],
)
def test_bad_landmark_files_are_named(contents, name, message):
    with pytest.raises(ValueError, match=message):
        photos.read_landmarks(contents, name)


BOX = [10, 20, 30, 40]


@pytest.mark.parametrize("box", [BOX, dict(zip(("x", "y", "width", "height"), BOX, strict=True))])
def test_a_box_of_one_s_own(box):
    face = photos.read_face(json.dumps({"box": box}).encode(), "a.json", (100, 100))
    np.testing.assert_array_equal(face.box, BOX)
    assert face.landmarks is None and not face.trusted


def test_points_of_one_s_own_make_the_exact_crop(tmp_path):
    about = {"landmarks": POINTS.tolist(), "box": BOX}  # points tell more than a box
    (tmp_path / "a.json").write_text(json.dumps(about))
    face = photos.own_face(tmp_path / "a.jpg", (100, 100))
    assert face.trusted and photos.own_face(tmp_path / "b.jpg", (100, 100)) is None
    np.testing.assert_allclose(face.landmarks, POINTS)
    np.testing.assert_allclose(face.square, crop.square(POINTS), rtol=1e-6)


@pytest.mark.parametrize("box", [[1, 2, 3], [1, 2, 0, 4], [1, 2, float("nan"), 4]])
def test_a_bad_box_is_named(box):
    with pytest.raises(ValueError, match="a.json: a box is x, y, width, height"):
        photos.read_face(json.dumps({"box": box}).encode(), "a.json", (100, 100))
