import numpy as np
import PIL.Image
import pytest

from tf_nonlinear3dmm.data import crop, photos
from tf_nonlinear3dmm.data.photos import detector, faces, litert
from tf_nonlinear3dmm.rendering import lighting

pytest.importorskip("ai_edge_litert")
skimage_data = pytest.importorskip("skimage.data")


@pytest.fixture(scope="module")
def astronaut():
    photo = skimage_data.astronaut()
    (face,) = photos.detect(photo)
    return photo, face


def overlap(a, b):
    """Area of the intersection of two squares over that of their union."""
    low = np.maximum([a.x0, a.y0], [b.x0, b.y0])
    high = np.minimum([a.x0 + a.side, a.y0 + a.side], [b.x0 + b.side, b.y0 + b.side])
    common = np.prod(np.maximum(high - low, 0))
    return common / (float(a.side) ** 2 + float(b.side) ** 2 - common)


def test_quarter_turns_move_pixels_as_the_photo_turns():
    photo = np.random.default_rng(0).integers(0, 256, [5, 7])
    points = np.array([[0, 0], [6, 0], [2, 3], [6, 4]])
    for turns in range(4):
        there = faces.move(points, faces.turn(turns, 5, 7)).astype(int)
        turned = np.rot90(photo, turns)
        np.testing.assert_array_equal(
            turned[there[:, 1], there[:, 0]], photo[points.T[1], points.T[0]]
        )
        back = faces.move(there, faces.turn_back(turns, 5, 7))
        np.testing.assert_array_equal(back, points)
        box = faces.move_box(np.array([1, 1, 3, 2]), faces.turn(turns, 5, 7))
        x, y, width, height = box.astype(int)
        same = np.rot90(turned[y : y + height, x : x + width], -turns)
        np.testing.assert_array_equal(same, photo[1:3, 1:4])


def test_light_turns_with_the_photo():
    normals = np.random.default_rng(0).normal(size=[1, 9, 3])
    light = np.random.default_rng(1).normal(size=[1, 9, 3])
    clockwise = normals[..., [1, 0, 2]] * [1, -1, 1]
    np.testing.assert_allclose(
        lighting.shading(clockwise, lighting.turn(light, 1)), lighting.shading(normals, light)
    )
    np.testing.assert_allclose(lighting.turn(lighting.turn(light, 3), 1), light)


def test_the_square_of_a_box_moves_and_grows_with_it():
    a = faces.box_square([10, 20, 30, 40])
    b = faces.box_square([2 * 10 + 5, 2 * 20 + 7, 60, 80])
    np.testing.assert_allclose(b.side, 2 * a.side, rtol=1e-6)
    np.testing.assert_allclose(b.x0 - 0.5, 2 * (a.x0 - 0.5) + 5, rtol=1e-5)
    np.testing.assert_allclose(b.y0 - 0.5, 2 * (a.y0 - 0.5) + 7, rtol=1e-5)


@pytest.mark.parametrize("size", [(300, 400), (999, 1000), (3000, 2000), (6000, 9000)])
def test_the_windows_leave_nothing_out(size):
    height, width = size
    finest, places = np.inf, np.random.default_rng(0).uniform(0, [width - 90, height - 90], [50, 2])
    squares = [w[:3] for w in detector.windows(width, height)]
    finest = min(side for *_, side in squares)
    assert finest == min(detector.TILE, max(size))
    for x, y in places:  # a face of 90 pixels lies whole in one of the finest
        assert any(
            x0 <= x and y0 <= y and x + 90 <= x0 + side and y + 90 <= y0 + side
            for x0, y0, side in squares
            if side < finest + 1
        )


@pytest.mark.parametrize("turns", range(4))
def test_a_face_at_any_angle_is_cropped_upright(astronaut, turns):
    photo, upright = astronaut
    turned = np.ascontiguousarray(np.rot90(photo, turns))
    (face,) = photos.detect(turned)
    assert (face.quarter_turns + turns) % 4 == 0 and face.trusted
    assert overlap(face.square, upright.square) > 0.85
    landmarks = faces.move(upright.landmarks, faces.turn(turns, *photo.shape[:2]))
    assert np.linalg.norm(face.landmarks - landmarks, axis=1).mean() < 0.03 * upright.square.side
    np.testing.assert_array_equal(photos.upright(turned, face), photo)


def test_points_lie_on_the_face(astronaut):
    photo, face = astronaut
    nose, eyes = face.landmarks[30], face.landmarks[[36, 45]]
    np.testing.assert_allclose(nose, [223, 126], atol=6)  # by eye
    np.testing.assert_allclose(eyes, [[194, 101], [256, 104]], atol=6)


@pytest.mark.parametrize("place", [(30, 1700), (1300, 900)])
def test_a_small_face_in_a_large_picture(astronaut, place):
    photo, face = astronaut
    k = 80 / face.box[2]
    head = PIL.Image.fromarray(photo[:300, 80:380]).resize([round(300 * k)] * 2)
    picture = PIL.Image.new("RGB", (3000, 2000), (90, 120, 90))
    picture.paste(head, place)
    (small,) = photos.detect(np.array(picture))
    np.testing.assert_allclose(small.landmarks - place, (face.landmarks - [80, 0]) * k, atol=8)


def test_the_largest_face_comes_first(astronaut):
    photo, face = astronaut
    both = np.zeros([1024, 1536, 3], np.uint8)
    both[100:612, :512] = photo
    both[:, 512:] = PIL.Image.fromarray(photo).resize((1024, 1024))
    first, second = photos.detect(both)
    np.testing.assert_allclose(first.landmarks, 2 * face.landmarks + [512, 0], atol=10)
    np.testing.assert_allclose(second.landmarks, face.landmarks + [0, 100], atol=6)


def test_no_face_is_an_empty_list():
    assert photos.detect(np.full([60, 80, 3], 127, np.uint8)) == []
    assert photos.detect(np.asarray(skimage_data.chelsea())) == []  # a cat


def test_the_detected_square_is_that_of_the_landmarks(shared):
    import scipy.io

    for path in sorted((shared / "real_faces" / "aflw2000").glob("*.jpg")):
        landmarks = scipy.io.loadmat(path.with_suffix(".mat"))["pt3d_68"][:2].T - 1
        found = photos.detect(photos.read(path))[0]
        least = 0.8 if found.trusted else 0.5  # the box of a profile is rough
        assert overlap(found.square, crop.square(landmarks)) > least, path.name


@pytest.mark.parametrize("what", ["missing", "damaged"])
def test_a_network_that_is_missing_or_damaged_is_named(what, tmp_path, monkeypatch):
    if what == "damaged":
        (tmp_path / litert.MESH).write_bytes(b"TFL3 and nothing else")
    monkeypatch.setattr(litert, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=f"{litert.MESH}: the network is {what}"):
        litert.run(litert.MESH, np.zeros([192, 192, 3], np.float32))


def test_the_wheel_s_files_are_compared(tmp_path):
    from tf_nonlinear3dmm.face.build import mediapipe_wheel

    files = {"a": b"1", "b": b"2"}
    mediapipe_wheel.write(files, tmp_path / "new")
    assert mediapipe_wheel.differences(files, tmp_path / "new") == []
    (tmp_path / "new" / "b").write_bytes(b"3")
    assert mediapipe_wheel.differences(files, tmp_path / "new") == ["b"]
    (tmp_path / mediapipe_wheel.WHEEL).write_bytes(b"another")
    with pytest.raises(ValueError, match="must be mediapipe-0.10.21.* got "):
        mediapipe_wheel.read(tmp_path / mediapipe_wheel.WHEEL)
