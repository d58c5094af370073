import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm.data import crop
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import camera

H, W, SIZE = 70, 90, 28


def ramp():
    """An image whose colour at (x, y) is (x, y, 1)."""
    y, x = np.mgrid[:H, :W].astype(np.float32)
    return np.stack([x, y, np.ones_like(x)], axis=-1)


def square_of(x0, y0, side):
    return crop.Square(*(tf.constant(v, tf.float32) for v in (x0, y0, side)))


def random_squares(count, seed):
    random = np.random.default_rng(seed)
    centre = random.uniform([10, 10], [W - 10, H - 10], [count, 2])
    return crop.around(tf.constant(centre), tf.constant(random.uniform(20, 120, count)))


def test_the_square_surrounds_the_box_of_the_points():
    landmarks = np.array([[10.0, 20.0], [50.0, 30.0], [20.0, 40.0]])
    found = crop.square(landmarks)
    # The box spans 40 x 20 around (30, 30), so the side is 56 and the left edge 30 - 28 = 2.
    np.testing.assert_allclose([found.x0, found.y0, found.side], [2.5, 2.5, 56.0])
    moved = crop.points(landmarks[np.newaxis], crop.square(landmarks[np.newaxis]), 56)[0]
    np.testing.assert_allclose((moved.numpy().min(0) + moved.numpy().max(0)) / 2, [27.5, 27.5])


def test_the_stored_square_holds_the_evaluation_crop_in_its_central_pixels():
    squares, image_size = random_squares(5, seed=1), 16
    stored = crop.stored_size(image_size)
    places = tf.random.stateless_uniform([5, 7, 2], [1, 2], 0, 60, tf.float64)
    inner = crop.points(places, squares, image_size)
    outer = crop.points(places, crop.grow(squares, crop.STORED), stored)
    np.testing.assert_allclose(outer - (stored - image_size) / 2, inner, atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_crop_then_project_is_project_then_crop(seed):
    random = np.random.default_rng(seed)
    squares = random_squares(3, seed)
    projection = tf.constant(random.normal(size=[3, 2, 4]))
    vertices = tf.constant(random.normal(size=[3, 11, 3]))
    direct = camera.project(vertices, crop.projection(projection, squares, SIZE))
    later = crop.points(camera.project(vertices, projection), squares, SIZE)
    np.testing.assert_allclose(direct, later, atol=1e-9)


@pytest.mark.parametrize(
    "x0, y0, side", [(12.3, 9.7, 41.0), (20.0, 20.0, 28.0), (15.2, 11.9, 17.5)]
)
def test_pixels_go_where_points_go(x0, y0, side):
    square = square_of(x0, y0, side)
    resampled = crop.image(ramp(), square, SIZE).numpy()
    y, x = np.mgrid[:SIZE, :SIZE]
    batched = crop.Square(*(v[tf.newaxis] for v in square))
    where = tf.constant(resampled[np.newaxis, ..., :2].reshape(1, -1, 2))
    there = crop.points(where, batched, SIZE).numpy().reshape(SIZE, SIZE, 2)
    np.testing.assert_allclose(there, np.stack([x, y], axis=-1), atol=0.02)  # filter taps
    np.testing.assert_allclose(resampled[..., 2], 1.0, atol=1e-5)


def test_whole_pixels_are_copied_and_outside_is_black():
    image = np.random.default_rng(0).integers(0, 256, [H, W, 3], np.uint8)
    part = crop.image(image, square_of(-8, 5, SIZE), SIZE).numpy()
    np.testing.assert_allclose(part[:, 8:], image[5 : 5 + SIZE, : SIZE - 8], atol=1e-3)
    assert not part[:, :8].any()


def test_reducing_does_not_alias():
    y, x = np.mgrid[:H, :W]
    checkers = np.where((x + y) % 2, 255.0, 0.0)[..., np.newaxis]
    small = crop.image(checkers, square_of(10, 8, 59), 14).numpy()
    assert np.abs(small - 127.5).max() < 10


@pytest.mark.parametrize(
    "x0, y0, side", [(12.3, 9.7, 41.0), (-30.5, 20.0, 80.0), (60.0, 50.0, 90.0)]
)
def test_a_jpeg_is_cropped_like_its_decoded_image(x0, y0, side):
    y, x = np.mgrid[:H, :W]
    picture = np.stack([x * 2, y * 3, 127 + 80 * np.sin(x / 9)], axis=-1).astype(np.uint8)
    contents = tf.io.encode_jpeg(picture, quality=95)
    square = square_of(x0, y0, side)
    whole = crop.image(tf.io.decode_jpeg(contents), square, SIZE)
    part = tf.function(crop.jpeg)(contents, square, SIZE)
    difference = np.abs(part - whole)
    assert difference.max() < 12 and difference.mean() < 1  # the two decoders' rounding


def test_jitter_stays_within_its_fractions_and_follows_its_seed():
    squares = random_squares(200, seed=3)
    varied = crop.jitter(squares, 0.10, 0.08, [4, 5])
    ratio = (varied.side / squares.side).numpy()
    assert 0.9 <= ratio.min() < 0.92 and 1.08 < ratio.max() <= 1.1
    centre = squares.x0 + squares.side / 2
    moved = ((varied.x0 + varied.side / 2 - centre) / squares.side).numpy()
    assert 0.07 < np.abs(moved).max() <= 0.08 + 1e-9
    np.testing.assert_array_equal(varied.x0, crop.jitter(squares, 0.10, 0.08, [4, 5]).x0)
    assert np.abs(varied.x0 - crop.jitter(squares, 0.10, 0.08, [4, 6]).x0).max() > 0.1


def test_typical_projections_show_the_whole_face_at_all_poses():
    face = FaceModel.load("makehuman")
    typical = crop.typical_projections(face, SIZE)
    landmarks = tf.repeat(face.mean_vertices[face.landmarks][tf.newaxis], len(typical), axis=0)
    points = camera.project(landmarks, typical)[..., :2].numpy()
    np.testing.assert_allclose(np.ptp(points, axis=1).max(axis=1), SIZE / 1.4, rtol=1e-4)
    middle = (points.max(axis=1) + points.min(axis=1)) / 2
    np.testing.assert_allclose(middle, (SIZE - 1) / 2, atol=1e-3)
    yaw_deg = np.degrees(camera.decompose(typical)[0])
    assert abs(yaw_deg.mean()) < 5 and 25 < yaw_deg.std() < 35


def test_shapes_are_checked():
    with pytest.raises(
        ValueError, match=r"`landmarks` must have shape \[\.\.\., K, 2\].*, got \[68, 3\]"
    ):
        crop.square(np.zeros([68, 3]))
