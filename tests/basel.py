"""A face model with the keys and modes of the one 300W-LP was fitted with, on the embedded mesh."""

import numpy as np
import scipy.io
import scipy.ndimage
import tensorflow as tf

from tf_nonlinear3dmm.data.builders.w300_lp import fake
from tf_nonlinear3dmm.face import FaceModel, formats
from tf_nonlinear3dmm.rendering import camera, rasterizer, renderer, uv_layout


def convert_face(folder):
    """The `FaceModel` of generated companion files of 300W-LP: micrometres, 1-based, wound inwards.

    Also writes it to `folder`/basel.npz.
    """
    face, random = FaceModel.load("makehuman"), np.random.default_rng(0)
    waves = random.normal(0, 3, [228, 3])
    phase = random.uniform(0, 6, [228, 1])
    smooth = np.sin(waves @ face.mean_vertices.T + phase)[..., np.newaxis]
    modes = (smooth * random.normal(0, 1, [228, 1, 3])).reshape(228, -1).T
    mean = face.mean_vertices.reshape(-1, 1) * 1e5
    shape = {"mu_shape": 0.9 * mean, "w": 5e-3 * modes[:, :199], "sigma": np.full([199, 1], 1e5)}
    expression = {
        "mu_exp": 0.1 * mean,
        "w_exp": 500 * modes[:, 199:],
        "sigma_exp": np.ones([29, 1]),
    }
    info = {"tri": face.triangles[:, ::-1].T + 1, "keypoints": face.landmarks[np.newaxis] + 1}
    for name, arrays in (("Shape", shape), ("Exp", expression), ("info", info)):
        scipy.io.savemat(folder / f"Model_{name}.mat", arrays)
    converted = formats.convert(folder / "Model_Shape.mat")[0]
    converted.save(folder / "basel.npz")
    return converted


def smooth_map(size, seed):
    """A random texture `[1, *size, 3]` that varies slowly."""
    noise = np.random.default_rng(seed).normal(0, 1, [*size, 3])
    noise = scipy.ndimage.gaussian_filter(noise, [4, 4, 0])
    noise = 0.5 + 0.12 * noise / noise.std()
    return np.clip(noise, 0, 1)[np.newaxis].astype(np.float32)


def pose(yaw_deg, side, pitch_deg=5.0, roll_deg=-8.0, units=100.0):
    """A projection `[1, 2, 4]` of a face, `units` mm a unit, that fills `side` pixels."""
    angles = (tf.constant([np.radians(a)], tf.float32) for a in (yaw_deg, pitch_deg, roll_deg))
    middle = tf.constant([[side / 2, side / 2 - 0.06 * side]], tf.float32)
    return camera.compose(*angles, tf.constant([0.0033 * side * units]), middle)


def truly_visible(face, vertices, projection, side, uv_size):
    """`[Hu, Wu]`: texels whose own triangle is seen at their place in an image 4 times as large.

    Args:
        face: `FaceModel`; vertices `[1, V, 3]`; projection `[1, 2, 4]` to `side` pixels.
    """
    factor = 4
    fine = projection * factor + np.array([0, 0, 0, (factor - 1) / 2], np.float32)
    points = camera.project(vertices, fine)
    ids = rasterizer.rasterize(points, face.triangles, (side * factor,) * 2).triangle_id[0].numpy()
    layout = uv_layout.build(face, uv_size)
    texels = uv_layout.to_texels(points, layout)[0].numpy()
    ids = np.pad(ids, 2, constant_values=-1)  # nothing is seen outside
    x, y = (np.clip(np.round(texels[..., k]).astype(int) + 2, 1, len(ids) - 2) for k in (0, 1))
    steps = [(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
    own = np.asarray(layout.texel_triangle)
    return np.any([ids[y + dy, x + dx] == own for dx, dy in steps], axis=0) & (own >= 0)


def write_record(root, name, face, texture, yaw_deg, seed):
    """Writes a drawn face as a record of 300W-LP; returns its vertices `[V, 3]`."""
    random = np.random.default_rng(seed)
    shape_para, exp_para = random.normal(0, 1e5, 199), random.normal(0, 1, 29)
    vertices = face.mean_vertices + np.tensordot(shape_para, face.shape_basis, 1)
    vertices = (vertices + np.tensordot(exp_para, face.expression_basis, 1)).astype(np.float32)
    projection = pose(yaw_deg, fake.SIDE, units=face.units)
    layout = uv_layout.build(face, texture.shape[1:3])
    drawn = renderer.render(
        vertices[np.newaxis], texture, projection, None, layout, (fake.SIDE, fake.SIDE)
    )
    image = np.round(np.clip(drawn.image[0], 0, 1) * 255).astype(np.uint8)
    landmarks = drawn.image_points[0].numpy()[face.landmarks, :2]
    record = fake.parameters(projection[0].numpy(), random, face.units, shape_para, exp_para)
    fake.write_record(root, "AFW", name, image, landmarks, record)
    return vertices
