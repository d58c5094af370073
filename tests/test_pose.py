import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import camera, uv_layout
from tf_nonlinear3dmm.studies import pose_recovery

N, S, UV = 3, 40, (24, 28)


def faces():
    """Mean faces before shades from dark to bright."""
    rng = np.random.default_rng(0)
    face = FaceModel.load("makehuman")
    vertices = np.repeat(face.mean_vertices[np.newaxis], N, axis=0).astype(np.float32)
    turns = (tf.constant(k, tf.float32) for k in ([0.3, -0.2, 0.0], [0.1, 0, -0.1], [0, 0.1, 0]))
    place = tf.fill([N, 2], S / 2 - 0.5)
    labels = {
        "image": tf.constant(
            np.linspace(0, 1, S)[:, None, None] * np.ones([N, S, S, 3]), tf.float32
        ),
        "face_mask": tf.ones([N, S, S, 1]),
        "projection": camera.compose(*turns, tf.fill([N], S * 0.36), place),
        "vertices": tf.constant(vertices),
        "albedo": tf.constant(rng.uniform(0.3, 0.7, [N, *UV, 3]), tf.float32),
        "illumination": tf.constant(rng.normal(0.3, 0.3, [N, 9, 3]), tf.float32),
    }
    skin = face.regions["skin"] / np.sum(face.regions["skin"])
    tensors = uv_layout.build(face, UV)
    return pose_recovery.Faces(tensors, labels, skin[:, np.newaxis].astype(np.float32))


def test_a_projection_is_off_by_3_pixels_and_3_degrees():
    projection = faces().labels["projection"]
    true, off = camera.decompose(projection), pose_recovery.perturbed(projection)
    turn = np.stack(off[:3]) - np.stack(true[:3])
    np.testing.assert_allclose(np.linalg.norm(turn, axis=0), np.radians(3), rtol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(off[4] - true[4], axis=1), 3, rtol=1e-4)
    np.testing.assert_allclose(off[3], true[3], rtol=1e-5)


@pytest.mark.slow
def test_a_face_of_one_colour_is_recovered_by_antialiased_silhouettes_alone():
    people = faces()
    start = pose_recovery.perturbed(people.labels["projection"])
    case = pose_recovery.cases(people)[0]
    hard, soft = (
        pose_recovery.fit(case, people, start, antialiased, steps)
        for antialiased, steps in ((False, 9), (True, 120))
    )
    before, hard, soft = (
        pose_recovery.distance(people, projection).mean()
        for projection in (camera.compose(*start), hard, soft)
    )
    assert hard == pytest.approx(before, rel=1e-3)  # nothing moves it
    assert soft < 0.4 * hard


@pytest.mark.slow
def test_every_case_gets_a_row():
    lines = []
    errors = pose_recovery.recover(faces(), 1, lines.append)
    assert len(lines) == 6 and lines[1].startswith("one colour, antialiased: ")
    start = errors["photo", "start"]
    row = pose_recovery.table(errors).splitlines()[4]
    assert row.startswith(f"| photo | {start.mean():.2f} ({np.median(start):.2f}) | ")
