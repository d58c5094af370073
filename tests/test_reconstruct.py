import dataclasses
import json
import os
import pathlib
import runpy
import sys

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from tf_nonlinear3dmm import configs, fitting, serving, training
from tf_nonlinear3dmm.core import filenames
from tf_nonlinear3dmm.data import crop, photos
from tf_nonlinear3dmm.data.photos import faces
from tf_nonlinear3dmm.face import mesh_files, morph_targets
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.rendering import camera, lighting, renderer, upsampling, uv_layout
from tf_nonlinear3dmm.rendering import visualize as pictures
from tf_nonlinear3dmm.serving import completion, files, overview, portraits, textures

H, W = 150, 120
BOX = np.array([30.0, 40.0, 60.0, 70.0])
ENDINGS = [".glb", ".json", ".mtl", ".obj", ".png", ".pts", "_overview.png"]


@pytest.fixture(scope="module")
def model():
    tf.keras.utils.set_random_seed(0)
    mean = np.float32([14, 0, 0, 16, 0, -14, 0, 17])
    made = Nonlinear3DMM(configs.preset("tiny").model, mean, np.full(8, 0.5, np.float32))
    for decoder in (made.shape_decoder, made.albedo_decoder):  # untrained ones say nothing
        bias = decoder.seed.bias
        bias.assign(np.random.default_rng(0).normal(size=bias.shape))
        decoder.last.kernel.assign(decoder.last.kernel * 10)
    white = 0.9 / lighting.SH_CONSTANTS[0]
    made.encoder.to_illumination.bias.assign(tf.reduce_sum(tf.one_hot([0, 9, 18], 27, white), 0))
    return made


@pytest.fixture
def detected(monkeypatch):
    """The detector's answer: one face in the middle, in any photo of more than 30 pixels."""

    def detect(image):
        height, width = image.shape[:2]
        box = BOX / [W, H, W, H] * [width, height, width, height]
        found = [
            faces.PhotoFace(b, c, faces.box_square(b), landmark_score=faces.CROPPED)
            for b, c in ((box, 0.99), (box / 2, 0.4))
        ]
        return found if min(height, width) > 30 else []

    monkeypatch.setattr(photos, "detect", detect)
    monkeypatch.setattr(pictures, "FINE", 1)
    monkeypatch.setattr(overview, "PICTURE", 32)


def photo(height=H, width=W, seed=0):
    """A smooth picture."""
    small = np.random.default_rng(seed).integers(0, 256, [8, 6, 3], np.uint8)
    return np.array(PIL.Image.fromarray(small).resize((width, height), PIL.Image.BICUBIC))


def found(model, picture):
    [portrait] = portraits.find(model, picture)
    return portrait


@pytest.mark.parametrize("ending", [".glb", ".obj"])
def test_the_mesh_goes_back_on_the_photo_from_the_files_alone(model, detected, tmp_path, ending):
    portrait = found(model, photo())
    files.write(portrait, photo(), model, tmp_path / "face", texture="lit")
    mesh = mesh_files.read(tmp_path / f"face{ending}")
    about = json.loads((tmp_path / "face.json").read_text())
    projection = tf.constant([about["projection"]], tf.float32)
    size = (about["photo_size"]["height"], about["photo_size"]["width"])
    from_files = renderer.render(
        tf.constant(mesh.vertices[None], tf.float32),
        tf.constant(mesh.texture[None] / 255, tf.float32),
        *(projection, None, uv_layout.build(model.face, mesh.texture.shape[:2]), size),
    )
    result, fine = portrait.result, upsampling.fine_layout(model)
    direct = renderer.render(
        *(result.vertices, upsampling.stretch(result.albedo_map, fine.texel_triangle.shape)),
        *(tf.constant(portrait.projection[None]), result.illumination, fine, size),
    )
    assert size == (H, W) and tf.reduce_mean(direct.mask) > 0.1
    same = from_files.mask.numpy() == direct.mask.numpy()
    assert np.mean(same) > 0.999  # rounding of the files moves an outline over a pixel or two
    difference = np.abs(from_files.image.numpy() - np.clip(direct.image.numpy(), 0, 1)) * same
    assert np.max(difference) < 0.02 and np.mean(difference) < 1 / 255  # bytes, not floats


def test_camera_and_landmarks_are_in_pixels_of_the_photo(model, detected, tmp_path):
    portrait = found(model, photo())
    files.write(portrait, photo(), model, tmp_path / "face")
    about = json.loads((tmp_path / "face.json").read_text())
    landmarks = photos.read_landmarks((tmp_path / "face.json").read_bytes(), "face.json")
    np.testing.assert_allclose(landmarks, portrait.landmarks, atol=1e-4)
    landmarks = photos.read_landmarks((tmp_path / "face.pts").read_bytes(), "face.pts")
    np.testing.assert_allclose(landmarks, portrait.landmarks, atol=1e-3)
    points = mesh_files.read(tmp_path / "face.obj").vertices[model.face.landmarks]
    shown = np.c_[points, np.ones(68)] @ np.transpose(about["projection"])
    np.testing.assert_allclose(shown, portrait.landmarks, atol=1e-2)
    centre = BOX[:2] + BOX[2:] / 2
    assert np.abs(landmarks.mean(axis=0) - centre).max() < 30


def test_the_crop_is_undone_exactly(model, detected):
    """Two pixels of the crop, where the resampling rule puts them in the photo."""
    portrait = found(model, photo())
    square, size = portrait.square, model.config.image_size
    inside = portrait.result.landmarks[0].numpy()
    corner = np.array([square.x0, square.y0])
    expected = (inside + 0.5) * (square.side / size) + corner - 0.5
    np.testing.assert_allclose(portrait.landmarks, expected, atol=1e-3)


def test_the_pose_is_that_of_the_projection(model, detected):
    portrait = found(model, photo())
    pose = files.description(portrait, photo(), model, "lit")["pose"]
    angles = [tf.constant([np.radians(pose[f"{n}_deg"])]) for n in ("yaw", "pitch", "roll")]
    again = camera.compose(
        *angles,
        tf.constant([pose["pixels_per_millimetre"] * 100], tf.float64),
        tf.constant([pose["origin"]], tf.float64),
    )[0]
    turn = camera.rotation(tf.constant(portrait.projection[None]))
    np.testing.assert_allclose(camera.rotation(again[None]), turn, atol=1e-4)
    np.testing.assert_allclose(again[:, 3], portrait.projection[:, 3], atol=1e-3)


def painted(model, portrait):
    """A photo of the face in another light, with pores."""
    lit = textures.texture_map(portrait, photo(), model, "lit")
    drawn = renderer.render(
        *(portrait.result.vertices, tf.constant(lit[None], tf.float32)),
        *(tf.constant(portrait.projection[None]), None),
        *(upsampling.fine_layout(model), (H, W)),
    )
    pores = 1 + 0.1 * np.random.default_rng(0).uniform(-1, 1, [H, W, 1])
    face = drawn.image[0].numpy() * [0.9, 0.8, 0.7] * pores
    return np.uint8(255 * np.clip(face + 0.3 * (1 - drawn.mask[0].numpy()), 0, 1))


def test_the_photo_s_own_colours_lie_where_it_shows_the_face(model, detected):
    portrait = found(model, photo())
    picture = painted(model, portrait)
    texture = textures.texture_map(portrait, picture, model, "photo")
    height, width = model.config.uv_size
    assert texture.shape == (4 * height, 4 * width, 3) and 0 <= texture.min() <= texture.max() <= 1
    drawn = renderer.render(
        *(portrait.result.vertices, tf.constant(texture[None], tf.float32)),
        *(tf.constant(portrait.projection[None]), None),
        *(uv_layout.build(model.face, texture.shape[:2]), (H, W)),
    )
    middle = drawn.mask[0, ..., 0].numpy() > 0
    rows, columns = np.nonzero(middle)
    keep = np.hypot(rows - rows.mean(), columns - columns.mean()) < 0.2 * np.ptp(rows)
    difference = np.abs(drawn.image[0] - picture / 255)[rows[keep], columns[keep]]
    assert np.median(difference) < 0.02


def test_a_face_partly_outside_the_photo_has_a_whole_texture(model, detected):
    portrait = portraits.portrait(model, photo(), faces.PhotoFace(BOX, 1.0, crop.whole(60.0)))
    seen = textures.unwrapped(portrait, photo()[:40, :30], model)
    whole = textures.unwrapped(portrait, photo(), model)
    assert 0 < seen.visible.mean() < whole.visible.mean()
    same = seen.visible[..., 0] > 0  # and the black outside the photo reaches none of them
    np.testing.assert_allclose(seen.colours[same], whole.colours[same], atol=0.02)
    texture = textures.texture_map(portrait, photo()[:40, :30], model, "photo")
    assert np.isfinite(texture).all() and 0 <= texture.min() <= texture.max() <= 1


def test_the_photo_without_its_light_is_to_the_albedo_as_the_photo_is_to_both(model, detected):
    portrait = found(model, photo())
    picture = painted(model, portrait)
    maps = textures.maps(portrait, picture, model)
    albedo = upsampling.stretch(portrait.result.albedo_map, maps["lit"].shape[:2])[0].numpy()
    ratios = [
        completion.log_ratio(maps[kind], model_s)
        for kind, model_s in (("photo", maps["lit"]), ("delit", albedo))
    ]
    inside = [(maps[kind] > 0) & (maps[kind] < 1) for kind in ("photo", "delit")]
    inside = np.logical_and(*inside)
    assert inside.mean() > 0.5 and np.abs(maps["photo"] - maps["delit"])[inside].mean() > 0.01
    np.testing.assert_allclose(ratios[0][inside], ratios[1][inside], atol=1e-3)


def test_albedo_is_a_choice_and_others_are_refused(model, detected):
    portrait = found(model, photo())
    albedo = textures.texture_map(portrait, photo(), model, "albedo")
    np.testing.assert_array_equal(albedo, portrait.result.albedo_map[0])
    with pytest.raises(ValueError, match="must be one of photo, delit, albedo, lit, got 'skin'"):
        textures.texture_map(portrait, photo(), model, "skin")
    with pytest.raises(ValueError, match="must be one of photo, delit, albedo, lit, got 'skin'"):
        files.prepare(portrait, photo(), model, "skin")


def test_a_model_without_light_writes_the_same_files(detected, tmp_path):
    config = dataclasses.replace(configs.preset("tiny").model, lighting=False)
    mean = np.float32([14, 0, 0, 16, 0, -14, 0, 17])
    model = Nonlinear3DMM(config, mean, np.full(8, 0.5, np.float32))
    portrait = found(model, photo())
    files.write(portrait, photo(), model, tmp_path / "face")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(f"face{e}" for e in ENDINGS)
    assert json.loads((tmp_path / "face.json").read_text())["illumination"] is None


def save(path, image, **options):
    PIL.Image.fromarray(image).save(path, **options)
    return path


def kinds(folder):
    """Photos of many kinds: path and (height, width) when upright."""
    picture = photo()
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    yield save(folder / "turned.jpg", picture, exif=exif), (W, H)
    yield save(folder / "grey.jpg", picture[..., 0]), (H, W)
    yield save(folder / "alpha.png", np.dstack([picture, picture[..., :1]])), (H, W)
    cmyk = folder / "cmyk.jpg"
    PIL.Image.fromarray(picture).convert("CMYK").save(cmyk)
    yield cmyk, (H, W)
    yield save(folder / "photo.webp", picture), (H, W)
    yield save(folder / "small.png", photo(40, 40)), (40, 40)


def test_photos_of_all_kinds(model, detected, tmp_path):
    wanted = dict(kinds(tmp_path))
    said = []
    result = serving.reconstruct([tmp_path], model, tmp_path / "out", "albedo", say=said.append)
    assert result == (len(wanted), 0) and len(said) == len(wanted)
    for path, size in wanted.items():
        about = json.loads((tmp_path / "out" / f"{path.stem}.json").read_text())
        assert (about["photo_size"]["height"], about["photo_size"]["width"]) == size
        assert about["photo"] == str(path) and about["face"] == 1


@pytest.mark.slow
def test_a_photo_of_twenty_megapixels(model, detected, tmp_path):
    path = save(tmp_path / "large.jpg", photo(5200, 3900))
    assert serving.reconstruct([path], model, tmp_path / "out", say=str) == (1, 0)


def test_what_fails_is_named_and_the_rest_goes_on(model, detected, tmp_path):
    (tmp_path / "text.jpg").write_text("no photo")
    (tmp_path / "empty.png").touch()
    bad = [tmp_path / "text.jpg", tmp_path / "empty.png", tmp_path / "none.jpg"]
    bad.append(save(tmp_path / "landscape.png", photo(30, 30)))
    good = save(tmp_path / "good.png", photo())
    said = []
    result = serving.reconstruct([*bad, good], model, tmp_path / "out", "lit", say=said.append)
    assert result == (1, 4)
    for path, line in zip([*bad, good], said, strict=True):
        assert str(path) in line and "\n" not in line
    assert "no face" in said[3]
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == sorted(f"good{ending}" for ending in ENDINGS)


def test_a_folder_names_what_it_cannot_read_and_passes_over_results(model, detected, tmp_path):
    (tmp_path / "photos").mkdir()
    save(tmp_path / "photos" / "good.JPEG", photo())
    (tmp_path / "photos" / "phone.heic").write_bytes(b"ftypheic")
    (tmp_path / "photos" / "notes.txt").write_text("nothing to see")
    for _ in range(2):  # the second time the results lie in the folder too
        said = []
        out = tmp_path / "photos" / "faces"
        result = serving.reconstruct([tmp_path / "photos"], model, out, "lit", say=said.append)
        assert result == (1, 1) and len(said) == 2
        assert "phone.heic: not a sound JPEG, PNG or WebP image" in said[1]


def test_junk_is_no_photo_and_a_closed_folder_is_named(model, detected, tmp_path, monkeypatch):
    folder = tmp_path / "photos"
    for name in ("closed", "__MACOSX"):
        (folder / name).mkdir(parents=True)
    save(folder / "good.png", photo())
    (folder / "._good.png").write_bytes(b"junk")
    (folder / "__MACOSX" / "good.png").write_bytes(b"junk")
    listed, contents = os.scandir, os.listdir

    def refusing(function):
        def refuse(path="."):
            if str(path).endswith("closed"):
                raise PermissionError(13, "Permission denied", str(path))
            return function(path)

        return refuse

    monkeypatch.setattr(os, "scandir", refusing(listed))
    monkeypatch.setattr(os, "listdir", refusing(contents))
    said = []
    assert serving.reconstruct([folder], model, tmp_path / "out", "lit", say=said.append) == (1, 1)
    assert said[0].startswith("[Errno 13] Permission denied: ") and "closed" in said[0]
    assert said[1] == f"{folder / 'good.png'}: 1 face"


def test_a_folder_without_photos_is_named(model, tmp_path):
    (tmp_path / "empty").mkdir()
    said = []
    found = serving.reconstruct([tmp_path / "empty"], model, tmp_path / "out", say=said.append)
    assert found == (0, 1) and "empty: no photo that ends in .jpg" in said[0]


def test_results_never_replace_what_lies_beside_a_photo(model, detected, tmp_path):
    path = save(tmp_path / "me.png", photo())
    (tmp_path / "me.json").write_text("my own landmarks")
    said = []
    assert serving.reconstruct([path], model, tmp_path, "lit", say=said.append) == (0, 1)
    assert "me.png: lies where the results go" in said[0]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["me.json", "me.png"]


def test_photos_of_one_name_and_many_faces_do_not_mix(model, detected, tmp_path):
    for name in ("a/me", "b/me", "c/me_face1"):
        (tmp_path / name).parent.mkdir()
        save(tmp_path / f"{name}.png", photo())
    result = serving.reconstruct(
        [tmp_path], model, tmp_path / "out", "lit", confidence=0.3, say=lambda line: None
    )
    assert result == (6, 0)
    names = sorted(path.stem for path in (tmp_path / "out").glob("*.json"))
    stems = ("me", "me-2", "me_face1")
    assert names == sorted(f"{stem}_face{k}" for stem in stems for k in (1, 2))


def skin(folder, stem):
    """The texture that a face's .obj names, found as a reader of the file finds it."""
    text = (folder / f"{stem}.obj").read_text()
    [material] = [line.split()[1] for line in text.splitlines() if line.startswith("mtllib")]
    lines = (folder / material).read_text().splitlines()
    [picture] = [line.split()[1] for line in lines if line.startswith("map_Kd")]
    with PIL.Image.open(folder / picture) as image:
        return np.asarray(image).astype(float)


@pytest.mark.parametrize("calls", [1, 2])
def test_every_face_keeps_its_own_skin(model, detected, tmp_path, calls):
    """Names that differ in what one of a face's files, or a file system, does not tell apart."""
    stems = ("a b", "a_b", "A B", "e\u0301", "\u00e9", "x", "x_overview")
    paths = [tmp_path / str(k) / f"{stem}.png" for k, stem in enumerate(stems)]
    for k, path in enumerate(paths):
        path.parent.mkdir()
        save(path, np.full([H, W, 3], 30 * k + 30, np.uint8))
    out = tmp_path / "out"
    for some in (paths,) if calls == 1 else (paths[:3], paths[3:], paths[:2]):
        result = serving.reconstruct(some, model, out, "photo", say=str)
        assert result == (len(some), 0)
    files = [path.name for path in out.iterdir()]
    assert len(files) == len({filenames.key(name) for name in files}) == len(ENDINGS) * len(paths)
    levels = {}
    for path in out.glob("*.json"):
        photo_path = json.loads(path.read_text())["photo"]
        levels[photo_path] = np.percentile(skin(out, path.stem), 50)
        direct = mesh_files.read(path.with_suffix(".glb")).texture
        np.testing.assert_array_equal(direct, skin(out, path.stem))
        with PIL.Image.open(out / f"{path.stem}_overview.png") as picture:
            assert picture.width > 5 * overview.PICTURE  # and no texture in its place
    assert [*levels] and sorted(levels, key=levels.get) == [str(path) for path in paths]


def test_the_files_of_a_face_are_written_all_or_none(model, detected, tmp_path, monkeypatch):
    path, out = save(tmp_path / "me.png", photo()), tmp_path / "out"
    serving.reconstruct([path], model, out, "lit", say=str)
    before = {p.name: p.read_bytes() for p in out.iterdir()}

    def full(path, picture):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(pictures, "save", full)
    with pytest.raises(training.SaveError, match="cannot write .*me: No space left"):
        serving.reconstruct([path], model, out, "albedo", say=str)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


def test_a_file_that_is_not_of_this_face_stays(model, detected, tmp_path):
    path, out = save(tmp_path / "me.png", photo()), tmp_path / "out"
    out.mkdir()
    (out / "ME.MTL").write_text("someone's")
    serving.reconstruct([path], model, out, "lit", say=str)
    assert (out / "ME.MTL").read_text() == "someone's"
    assert sorted(p.name for p in out.glob("me*")) == sorted(f"me-2{end}" for end in ENDINGS)


@pytest.mark.parametrize("letter", ["x", "\u00e9"])
def test_a_long_name_is_cut(model, detected, tmp_path, letter):
    length = 250 // len(letter.encode())
    paths = [save(tmp_path / f"{letter * length}{k}.png", photo()) for k in (1, 2)]
    assert serving.reconstruct(paths, model, tmp_path / "out", "lit", say=str) == (2, 0)
    assert len([*(tmp_path / "out").iterdir()]) == 2 * len(ENDINGS)


@pytest.mark.parametrize("confidence", [np.nan, -0.1, 1.1])
def test_a_confidence_out_of_range_is_refused_before_anything_is_written(
    model, tmp_path, confidence
):
    with pytest.raises(ValueError, match="`confidence` must be a number from 0 to 1, got"):
        serving.reconstruct([tmp_path], model, tmp_path / "out", confidence=confidence)
    assert not (tmp_path / "out").exists()


def row(portrait, picture, model):
    return portrait, picture, textures.texture_map(portrait, picture, model, "delit")


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_face_on_its_side_goes_back_on_the_photo(model, detected, turns):
    picture = photo()
    upright = portraits.find(model, picture)[0]
    lying = np.ascontiguousarray(np.rot90(picture, -turns))
    face = upright.face._replace(quarter_turns=turns)
    portrait = portraits.portrait(model, lying, face)
    np.testing.assert_array_equal(
        overview.draw([row(portrait, lying, model)], model),
        overview.draw([row(upright, picture, model)], model),
    )

    def drawn(portrait, photo):
        about = files.description(portrait, photo, model, "lit")
        projection = tf.constant([about["projection"]], tf.float32)
        projection = tf.concat([projection[..., :3] * model.face.units, projection[..., 3:]], -1)
        light = tf.constant([about["illumination"]], tf.float32)
        return renderer.render(
            *(portrait.result.vertices, portrait.result.albedo_map, projection, light),
            *(uv_layout.build(model.face, model.config.uv_size), photo.shape[:2]),
        )

    expected, seen = drawn(upright, picture), drawn(portrait, lying)
    mask = np.rot90(seen.mask[0], turns) * expected.mask[0]
    assert np.sum(mask) > 0.98 * np.sum(expected.mask)  # pixels on an edge may fall either way
    difference = np.abs(np.rot90(seen.image[0], turns) - expected.image[0]) * mask
    assert np.max(difference) < 0.05 and np.mean(difference) < 1e-3


def test_one_s_own_points_or_box_are_taken_instead(model, detected, tmp_path):
    points = np.random.default_rng(0).uniform(30, 90, [68, 2])
    beside = {"a": {"landmarks": points.tolist()}, "b": {"box": BOX.tolist()}, "c": {"box": [1, 2]}}
    for name, about in beside.items():
        save(tmp_path / f"{name}.png", photo(99, 99))
        (tmp_path / f"{name}.json").write_text(json.dumps(about))
    said = []
    result = serving.reconstruct([tmp_path], model, tmp_path / "out", "lit", say=said.append)
    assert result == (2, 1) and "c.json: a box is x, y, width, height" in said[2]
    about = json.loads((tmp_path / "out" / "a.json").read_text())
    np.testing.assert_allclose(about["crop"]["side"], crop.square(points).side, rtol=1e-5)
    about = json.loads((tmp_path / "out" / "b.json").read_text())
    box = portraits.portrait(model, photo(99, 99), faces.of_box(BOX))
    np.testing.assert_allclose(about["crop"]["side"], box.square.side, rtol=1e-5)


def test_the_crop_of_a_box_is_cut_again_around_the_landmarks_found_in_it(model):
    boxed = faces.of_box(BOX)
    first = portraits.portrait(model, photo(), boxed._replace(landmark_score=faces.CROPPED))
    assert first.square is boxed.square
    second = portraits.portrait(model, photo(), boxed)
    np.testing.assert_allclose(second.square, crop.square(first.landmarks), rtol=1e-6)
    cut = portraits.cropped(photo(), boxed, second.square, model.config.image_size)
    np.testing.assert_allclose(second.result.projection, model.reconstruct(cut).projection)


def test_a_face_without_landmarks_is_looked_at_once(model, monkeypatch):
    boxed = faces.of_box(BOX)
    nowhere = np.where(np.arange(68) < 17, -1, model.face.landmarks)
    monkeypatch.setattr(model, "face", dataclasses.replace(model.face, landmarks=nowhere))
    assert portraits.portrait(model, photo(), boxed).square is boxed.square


def test_ready_crops_are_taken_as_they_are(model, detected, tmp_path):
    save(tmp_path / "a.png", photo(40, 40))
    save(tmp_path / "b.png", photo(40, 41))
    said, out = [], tmp_path / "out"
    result = serving.reconstruct([tmp_path], model, out, "lit", say=said.append, crops=True)
    assert result == (1, 1) and "b.png: a crop is square, got 41 x 40" in said[1]
    assert json.loads((out / "a.json").read_text())["crop"] == {"x0": 0, "y0": 0, "side": 40}


@pytest.fixture
def quick_fit(monkeypatch):
    """`fitting.fit` without steps on the pixels; the images and landmarks that it was given."""
    given, fit = [], fitting.fit

    def quick(model, image, landmarks, residual):
        assert residual  # people are known by what the codes leave
        given.append((image, landmarks))
        return fit(model, image, landmarks, steps=0)

    monkeypatch.setattr(fitting, "fit", quick)
    return given


def test_a_fit_goes_to_one_s_own_points(model, quick_fit, tmp_path):
    """Points that the model drew, moved by three pixels: the fitted mesh follows them."""
    square = crop.Square(*(tf.constant(float(k)) for k in (20, 30, 64)))
    drawn = portraits.portrait(model, photo(), faces.PhotoFace(BOX, 1.0, square)).landmarks + 3
    drawn[20] = np.nan
    save(tmp_path / "a.png", photo())
    about = {"landmarks": [None if np.isnan(x) else [x, y] for x, y in drawn.tolist()]}
    (tmp_path / "a.json").write_text(json.dumps(about))
    said, out = [], tmp_path / "out"
    result = serving.reconstruct([tmp_path], model, out, "lit", say=said.append, fit=True)
    assert result == (1, 0)
    about = json.loads((out / "a.json").read_text())
    assert about["fit"]["landmarks"] == "own" and about["fit"]["status"] == fitting.FITTED
    before, after = about["fit"]["landmark_errors"]
    assert after < before and said[0].endswith("a.png: face 1 of 1: fitted")
    distance = np.linalg.norm(np.array(about["landmarks"]) - drawn, axis=-1)[17:]
    plain = portraits.portrait(
        model, photo(), photos.own_face(tmp_path / "a.png", photo().shape[:2])
    )
    encoder = np.linalg.norm(plain.landmarks - drawn, axis=-1)[17:]
    assert np.nanmean(distance) < np.nanmean(encoder)
    [(image, points)] = quick_fit
    assert image.shape[1] == 2 * model.config.image_size and np.isnan(points[20]).all()


def test_a_fit_that_fails_says_so_and_gives_the_encoder_s_face(
    model, detected, tmp_path, monkeypatch
):
    def broken(model, image, landmarks, residual):
        raise ValueError("no fit today")

    path = save(tmp_path / "a.png", photo())
    monkeypatch.setattr(fitting, "fit", broken)
    texts = []
    for fit in (False, True):
        out, said = tmp_path / f"out{fit}", []
        result = serving.reconstruct([path], model, out, "lit", say=said.append, fit=fit)
        assert result == (1, 0) and len(said) == 1 + fit
        texts.append(json.loads((out / "a.json").read_text()))
    assert texts[1].pop("fit") == {"landmarks": "detected", "status": "encoder: no fit today"}
    assert texts[0] == texts[1]


def test_the_overview_has_a_picture_per_column(model, detected):
    portrait = found(model, photo())
    picture = overview.draw([row(portrait, photo(), model)], model)
    columns = len(overview.COLUMNS)
    assert picture.shape == (22 + 36, columns * 36 - 4, 3) and picture.dtype == np.uint8


@pytest.mark.parametrize("strength", [0.2, 2.5])
def test_the_relit_picture_is_as_bright_as_the_photo_and_never_dim(model, detected, strength):
    portrait = found(model, photo())
    light = lighting.directional(tf.constant([[0.0, 0.0, 1.0]]), strength, 0.1)
    parts = (tf.constant(0.3 + 0 * portrait.result.albedo_map), portrait.result.vertices)
    fine = upsampling.stretch(parts[0], upsampling.fine_layout(model).size)
    draw = overview._drawing(model, 32, pictures.FINE)
    paper = np.ones([1, 32, 32, 3], np.float32)
    columns = draw(paper, parts[0], fine, parts[1], portrait.result.projection, light)
    overlay, relit = (np.asarray(columns[k])[columns[0] < 1].mean() for k in (0, 3))
    assert np.isclose(relit, max(overlay, 0.3), atol=0.04)


def test_a_crop_is_seen_as_it_is(model):
    image = np.random.default_rng(0).integers(0, 256, [32, 32, 3], np.uint8)
    seen, direct = portraits.of_crop(model, image), model.reconstruct(image[np.newaxis])
    np.testing.assert_allclose(seen.projection, direct.projection[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(seen.landmarks, direct.landmarks[0], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(seen.result.vertices, direct.vertices, rtol=1e-5, atol=1e-6)


def script(monkeypatch, *flags):
    """Runs scripts/reconstruct.py; returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["reconstruct.py", *map(str, flags)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path("scripts/reconstruct.py", run_name="__main__")
    return end.value.code


def test_the_exit_code_tells(monkeypatch, capsys, model, detected, tmp_path):
    monkeypatch.setattr(serving, "load", lambda path: model)
    good, out = save(tmp_path / "good.png", photo()), tmp_path / "out"
    assert script(monkeypatch, good, "--out", out, "--texture", "lit") == 0
    assert script(monkeypatch, good, tmp_path / "none.png", "--out", out, "--texture", "lit") == 1
    assert "photos without one: 1" in capsys.readouterr().out
    assert script(monkeypatch, good, "--out", out, "--texture", "wood") == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_told_before_any_photo(
    monkeypatch, capsys, model, tmp_path
):
    monkeypatch.setattr(serving, "load", lambda path: model)
    monkeypatch.setattr(photos, "read", lambda path: pytest.fail("a photo was read"))
    (tmp_path / "file").write_text("mine")
    for out in ("/proc", tmp_path / "file", tmp_path / "file" / "faces"):
        assert script(monkeypatch, save(tmp_path / "me.png", photo()), "--out", out) == 2
        said = capsys.readouterr()
        assert said.err.startswith(f"reconstruct.py: cannot write {out}: ")
        assert said.err.count("\n") == 1 and not said.out
    assert (tmp_path / "file").read_text() == "mine"


def test_wrong_weights_end_before_anything_is_written(monkeypatch, capsys, tmp_path):
    code = script(monkeypatch, "x.jpg", "--out", tmp_path / "out", "--run", tmp_path / "none")
    assert code == 2 and "train" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_directional_light_is_brightest_where_it_is_faced():
    towards = np.array([[0.3, 0.5, 0.8], [-1.0, 0.0, 0.0]])
    unit = towards / np.linalg.norm(towards, axis=1, keepdims=True)
    normals = np.random.default_rng(0).normal(size=[1, 4000, 3])
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    normals = np.repeat(normals, 2, axis=0)
    light = lighting.directional(tf.constant(towards), strength=[[1.0], [2.0]])
    found = lighting.shading(tf.constant(normals), light)[..., 0].numpy()
    wanted = np.maximum(np.einsum("bnk,bk->bn", normals, unit), 0) * [[1], [2]]
    assert np.abs(found - wanted).max() < 0.1 * 2  # what nine harmonics leave out
    assert np.abs(found - wanted).mean() < 0.05


@pytest.mark.slow
def test_the_detector_finds_the_face_in_a_photograph(model, tmp_path):
    astronaut = pytest.importorskip("skimage.data").astronaut()
    path = save(tmp_path / "astronaut.png", astronaut)
    empty = save(tmp_path / "empty.png", np.full([200, 200, 3], 127, np.uint8))
    said = []
    assert serving.reconstruct([path, empty], model, tmp_path / "out", say=said.append) == (1, 1)
    assert "no face" in said[1]
    about = json.loads((tmp_path / "out" / "astronaut.json").read_text())
    x, y, side = about["crop"]["x0"], about["crop"]["y0"], about["crop"]["side"]
    assert x < 180 < 270 < x + side and y < 80 < 170 < y + side  # eyes to mouth


SHEET, CELL = pathlib.Path(__file__).parents[1] / "docs" / "faces.jpg", 154


@pytest.mark.slow
def test_faces_in_a_turned_group_photo_are_found_where_they_are(model, tmp_path, monkeypatch):
    """Generated faces of several sizes on a backdrop, stored sideways as a phone does."""
    monkeypatch.setattr(pictures, "FINE", 1)
    sheet = np.asarray(PIL.Image.open(SHEET).convert("RGB"))
    group, wanted = photo(600, 900), []
    places = ((1, 3, 300, 20, 40), (4, 4, 200, 380, 300), (3, 5, 260, 620, 60))
    for row, column, size, x, y in places:
        cell = sheet[row * CELL :, column * CELL :][:CELL, :CELL]
        place = group[y : y + size, x : x + size]
        place[:] = np.array(PIL.Image.fromarray(cell).resize((size, size), PIL.Image.BICUBIC))
        wanted.append([x + size / 2, y + size / 2, size / crop.STORED])
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    path = save(
        tmp_path / "group.jpg", np.ascontiguousarray(np.rot90(group)), exif=exif, quality=95
    )
    said = []
    assert serving.reconstruct([path], model, tmp_path / "out", "lit", say=said.append) == (3, 0)
    assert "group.jpg: 3 faces" in said[0]
    for number, (x, y, side) in enumerate(sorted(wanted, key=lambda w: -w[2]), start=1):
        about = json.loads((tmp_path / "out" / f"group_face{number}.json").read_text())
        found, corner = about["crop"], about["crop"]["side"] / 2 - 0.5
        assert about["photo_size"] == {"height": 600, "width": 900}
        assert abs(found["side"] / side - 1) < 0.25
        assert np.hypot(found["x0"] + corner - x, found["y0"] + corner - y) < 0.15 * side


def test_a_glb_with_morph_targets_shows_the_same_face(model, detected, tmp_path):
    (tmp_path / "in").mkdir()
    PIL.Image.fromarray(photo()).save(tmp_path / "in" / "face.png")
    out = tmp_path / "out"
    serving.reconstruct([tmp_path / "in"], model, out, say=lambda line: None, morph_targets=True)
    targets = morph_targets.read((out / "face.glb").read_bytes())
    assert len(targets.names) == 51 and {"jawOpen", "eyeBlinkLeft"} < set(targets.names)
    shown, plain = (mesh_files.read(out / f"face{end}").vertices for end in (".glb", ".obj"))
    np.testing.assert_allclose(shown, plain, atol=1e-3)  # mm
    assert np.abs(targets.shown).max() > 1e-4  # metres: the face at rest is another
