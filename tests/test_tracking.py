"""Laws of tracking: a still face stands, a moving one is followed at once, no frame ends it."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from test_model import make

from tf_nonlinear3dmm import fitting
from tf_nonlinear3dmm.data import photos
from tf_nonlinear3dmm.data.photos import face_mesh, faces
from tf_nonlinear3dmm.fitting import motion, parameters, paths, places, spool, spread
from tf_nonlinear3dmm.maintenance import tracking as benchmark
from tf_nonlinear3dmm.rendering import camera

S, H, W = 32, 50, 60
FRAMES = 24


@functools.cache
def linear():
    """The model of all tests of clips, so that its graphs are traced once."""
    return make("linear")


@pytest.fixture
def model():
    return linear()


def cameras(model, changes):
    """Cameras `[F, 2, 4]` to the middle of frames, `changes` `[F, 6]` from the encoder's."""
    codes = parameters.start(model.encode(tf.constant(np.full([1, S, S, 3], 0.5, np.float32))))
    there = tf.repeat(camera.crop(codes.projection, -14.0, -9.0, 1.0), len(changes), axis=0)
    return parameters.moved(there, tf.constant(changes, tf.float32), spread.units(model))


def mesh_points(model, projection, code=None):
    """Where the face mesh's points lie, `[F, 468, 3]` pixels."""
    code = np.zeros([len(projection), model.config.shape_code_size]) if code is None else code
    _, vertices = model.decode_shape(tf.constant(code, tf.float32))
    points = places.on(vertices, places.of_face_mesh(model.face))
    return camera.project(points, projection).numpy()


def frames(count):
    """Frames that bear their number."""
    every = np.full([count, H, W, 3], 128, np.uint8)
    every[:, 0, 0] = np.arange(count)[:, np.newaxis]
    return every


@pytest.fixture
def film(monkeypatch):
    """A function that makes the networks say: these points in each frame, none in some frames."""

    def show(points, lost=()):
        def detect(frame):
            box = np.array([20.0, 12, 22, 26])
            square = faces.points_square(points[frame[0, 0, 0]][face_mesh.LANDMARKS, :2])
            return [] if frame[0, 0, 0] in lost else [faces.PhotoFace(box, 0.9, square)]

        def fit(photo, detection):
            number = photo._halves[0].getpixel((0, 0))[0]
            return face_mesh.MeshPoints(points[number], -5.0 if number in lost else 25.0)

        monkeypatch.setattr(photos, "detect", detect)
        monkeypatch.setattr(face_mesh, "fit", fit)
        return frames(len(points))

    return show


def jitter(paths):
    return np.sqrt(np.mean(np.square(np.diff(paths, 2, axis=0))))


def test_the_banded_solution_is_the_dense_one():
    random = np.random.default_rng(0)
    count, size = 7, 3
    root = random.normal(size=[count, size, size])
    blocks, right = root @ root.transpose(0, 2, 1) + np.eye(size), random.normal(size=[count, size])
    weights = random.uniform(0.5, 2, [count - 2, size])
    second = np.diff(np.eye(count), 2, axis=0)
    dense = np.einsum("sf,sp,sg,pq->fpgq", second, weights, second, np.eye(size))
    dense[range(count), :, range(count)] += blocks
    expected = np.linalg.solve(dense.reshape(count * size, -1), right.ravel())
    np.testing.assert_allclose(motion.solve(blocks, right, weights).ravel(), expected, atol=1e-9)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_steady_motion_costs_nothing(count):
    path = np.outer(np.arange(count), [1.0, 2.0])
    moved = motion.settle(np.diff(path, 2, axis=0), np.tile(np.eye(2), [count, 1, 1]), [(2, 0.1)])
    np.testing.assert_allclose(moved, np.zeros([count, 2]), atol=1e-12)


def test_noise_goes_and_a_jump_stays():
    random = np.random.default_rng(1)
    jump = np.outer(np.arange(60) >= 30, np.full(6, 5.0))
    noise = 0.1 * random.normal(size=jump.shape)
    seen = jump + noise
    moved = motion.settle(np.diff(seen, 2, axis=0), np.tile(np.eye(6), [60, 1, 1]), [(6, 0.2)])
    path = seen + moved
    assert jitter(path[:25]) < 0.15 * jitter(noise[:25])
    assert (path[29] < 2).all() and (path[30] > 3).all()  # early as much as late: no lag


def test_a_still_face_stands_however_the_points_tremble(model, film):
    points = mesh_points(model, cameras(model, np.zeros([FRAMES, 6])))
    noise = 0.1 * np.random.default_rng(0).normal(size=points.shape)  # 0.5 % of the face
    noise += 0.05 * np.random.default_rng(1).normal(size=[FRAMES, 1, 3])  # as crops make it
    tracked = [*fitting.track(model, film(points + noise), steps=0)]
    landmarks = np.stack([face.landmarks for face in tracked])
    assert jitter(landmarks) < 0.25 * jitter((points + noise)[:, face_mesh.LANDMARKS, :2])


def test_a_fast_face_is_followed_without_lag(model, film):
    wave = np.sin(2 * np.pi * np.arange(FRAMES)[:, np.newaxis] / [12, 15, 20, 18, 16, 14])
    projection = cameras(model, wave * [0.5, 2, 0.5, 0.5, 1, 1])
    points = mesh_points(model, projection)
    tracked = [*fitting.track(model, film(points), steps=0)]
    _, vertices = model.decode_shape(tf.zeros([FRAMES, model.config.shape_code_size]))
    truth = model.landmarks(camera.project(vertices, projection)).numpy()
    landmarks = np.stack([face.landmarks for face in tracked])
    assert np.linalg.norm(landmarks - truth, axis=-1).mean() < 0.25  # pixels; they move by 3
    assert abs(benchmark.lag(landmarks, truth)) < 0.1


def test_constant_frames_give_the_single_fit(model, film):
    points = mesh_points(model, cameras(model, np.full([5, 6], 0.3)))
    tracked = [*fitting.track(model, film(points), steps=0)]
    for face in tracked[1:]:
        np.testing.assert_allclose(face.landmarks, tracked[0].landmarks, atol=1e-3)
    one = [*fitting.track(model, film(points[:1]), steps=0)]
    np.testing.assert_allclose(one[0].landmarks, tracked[0].landmarks, atol=0.05)


def test_a_lost_face_and_a_bad_frame_say_so_and_end_nothing(model, film):
    points = mesh_points(model, cameras(model, np.zeros([8, 6])))
    clip = [*film(points, lost=(0, 3))]
    clip[5] = ValueError("5.png: is empty")
    track = fitting.track(model, clip, steps=0)
    tracked = [*track]
    status = ["no face found" if i in (0, 3) else "face" for i in range(8)]
    status[5] = "5.png: is empty"
    assert [face.status for face in tracked] == status and len(track) == 8
    assert all((face.landmarks is None) == (face.status != "face") for face in tracked)
    assert tracked[track.clearest].status == "face"
    again = [*track]
    np.testing.assert_array_equal(again[7].vertices, tracked[7].vertices)


def test_no_face_in_any_frame_is_an_error(model, film):
    with pytest.raises(ValueError, match="no face found in any of 2 frames"):
        fitting.track(model, film(np.zeros([2, 468, 3]), lost=(0, 1)))


def test_windows_are_not_seen(model, film, monkeypatch):
    wave = np.sin(2 * np.pi * np.arange(FRAMES)[:, np.newaxis] / [24, 30, 40, 36, 32, 28])
    points = mesh_points(model, cameras(model, wave))
    points += 0.1 * np.random.default_rng(0).normal(size=points.shape)
    whole = [face.landmarks for face in fitting.track(model, film(points), steps=0)]
    monkeypatch.setattr(paths, "KEPT", 6)
    monkeypatch.setattr(paths, "AHEAD", 8)
    parts = [face.landmarks for face in fitting.track(model, film(points), steps=0)]
    off = np.linalg.norm(np.subtract(parts, whole), axis=-1).mean(axis=1)
    assert off.max() < 0.1, off  # pixels


def test_a_spool_is_read_while_it_grows():
    values = spool.Spool()
    values.append(1)
    values.append("two")
    first, second = iter(values), iter(values)
    assert next(first) == 1 and next(second) == 1
    values.append([3])
    assert [*first] == ["two"] and [*values] == [1, "two", [3]] and len(values) == 3


def test_lag_is_the_shift_that_was_made():
    truth = np.sin(np.arange(40)[:, None, None] / 3 + np.arange(10).reshape(5, 2))
    late = np.sin((np.arange(40)[:, None, None] - 0.5) / 3 + np.arange(10).reshape(5, 2))
    assert abs(benchmark.lag(late + 7, truth) - 0.5) < 0.06
    assert np.isnan(benchmark.lag(truth[:1].repeat(40, 0), truth[:1].repeat(40, 0)))
