"""The first test of the project: where things are, in numbers, before anything else counts."""

import numpy as np
import pytest

from tf_nonlinear3dmm.face import EMBEDDED, FaceModel
from tf_nonlinear3dmm.rendering import camera

NOSE_TIP, CHIN, BROW, LEFT_EYE_OUTER, RIGHT_EYE_OUTER = 30, 8, 19, 45, 36
# x to the right, y down already in row 2; 50 pixels per decimetre, the origin at pixel (56, 56).
IDENTITY = np.array([[[50.0, 0, 0, 56], [0, -50.0, 0, 56]]])


@pytest.fixture(params=EMBEDDED)
def face(request):
    return FaceModel.load(request.param)


def landmark(face, k, points=None):
    points = face.mean_vertices if points is None else points
    return points[face.landmarks[k]]


def normals(points, triangles):
    a, b, c = (points[triangles[:, i]] for i in range(3))
    return np.cross(b - a, c - a)


def test_the_face_looks_along_z_with_y_up_and_its_left_at_larger_x(face):
    z = face.mean_vertices[:, 2]
    tip = landmark(face, NOSE_TIP)
    assert z.max() - tip[2] < 0.01 and abs(tip[0]) < 1e-6  # dm
    np.testing.assert_allclose(tip, [0, -0.152, 1.146], atol=0.005)
    assert landmark(face, LEFT_EYE_OUTER)[0] > 0 > landmark(face, RIGHT_EYE_OUTER)[0]
    assert landmark(face, BROW)[1] > tip[1] > landmark(face, CHIN)[1]


def test_the_face_is_as_large_as_a_face(face):
    size = np.ptp(face.mean_vertices, axis=0) * face.units
    np.testing.assert_allclose(size, [165, 187.5, 146], rtol=0.02)  # mm, ears and forehead included


def test_triangles_turn_counter_clockwise_seen_from_outside(face):
    outward = normals(face.mean_vertices, face.triangles)
    centres = face.mean_vertices[face.triangles].mean(axis=1)
    front = np.abs(centres[:, 0]) < 0.3
    bare = face.regions["constancy"][face.triangles].min(axis=1) > 0.99
    facing = front & bare & (face.regions["ear"][face.triangles].max(axis=1) == 0)
    assert np.mean(outward[facing, 2] > 0) > 0.97  # the rest is under the nose and the chin
    # The origin lies between the ears, so that nearly all of the surface has its back to it.
    assert np.mean(np.sum(outward * centres, axis=1) > 0) > 0.9


def test_the_forehead_lies_in_the_top_rows_of_the_map_and_the_left_at_larger_u(face):
    u, v = face.uv.T
    top, bottom = face.mean_vertices[:, 1].argmax(), face.landmarks[CHIN]
    assert v[top] < 0.05 and v[bottom] > 0.85
    assert landmark(face, BROW, face.uv)[1] < landmark(face, NOSE_TIP, face.uv)[1]
    assert (
        landmark(face, LEFT_EYE_OUTER, face.uv)[0]
        > 0.5
        > landmark(face, RIGHT_EYE_OUTER, face.uv)[0]
    )
    assert abs(landmark(face, NOSE_TIP, face.uv)[0] - 0.5) < 1e-6
    assert (u.min(), u.max(), v.min(), v.max()) == (0, 1, 0, 1)


def test_identity_pose_lands_where_expected(face):
    points = camera.project(face.mean_vertices[np.newaxis].astype(float), IDENTITY)[0].numpy()
    x, y, z = landmark(face, NOSE_TIP).astype(float)
    np.testing.assert_allclose(
        landmark(face, NOSE_TIP, points), [56 + 50 * x, 56 - 50 * y, 50 * z], atol=1e-9
    )
    np.testing.assert_allclose(landmark(face, NOSE_TIP, points), [56, 63.6, 57.3], atol=0.2)
    assert points[:, 2].max() - landmark(face, NOSE_TIP, points)[2] < 0.5  # pixels; the nearest
    assert landmark(face, LEFT_EYE_OUTER, points)[0] > landmark(face, RIGHT_EYE_OUTER, points)[0]
    assert landmark(face, BROW, points)[1] < landmark(face, CHIN, points)[1]


def test_triangles_that_face_the_camera_have_negative_area_in_the_image(face):
    points = camera.project(face.mean_vertices[np.newaxis].astype(float), IDENTITY)[0].numpy()
    (x0, y0), (x1, y1), (x2, y2) = (points[face.triangles[:, i], :2].T for i in range(3))
    signed = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    towards = normals(face.mean_vertices, face.triangles)[:, 2]
    clear = np.abs(towards) > 1e-7
    assert np.all(np.sign(signed[clear]) == -np.sign(towards[clear]))
