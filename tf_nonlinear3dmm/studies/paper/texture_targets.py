"""The textures of held-out faces that models are to represent, and the light that photos need.

Two targets. *Albedo*: the true unlit colours of all texels. *Photo*: what the photo shows unwrapped
with the true geometry, on the texels in sight.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import metrics
from tf_nonlinear3dmm.networks import linear
from tf_nonlinear3dmm.rendering import camera, lighting, uv_layout
from tf_nonlinear3dmm.rendering.uv_layout import UVLayout
from tf_nonlinear3dmm.studies.paper import autoencoder
from tf_nonlinear3dmm.studies.study import BATCH, Study

_ROUNDS = 6  # of light and code in turn


class Unwrapped(NamedTuple):
    """Photos as maps of any leading sizes.

    Attributes:
        photo, visible: `[N, ..., 3]` in [0, 1], and `[N, ..., 1]`, not 0 where a texel is in sight.
        harmonics: `[N, ..., 9]` of the normals.
    """

    photo: np.ndarray
    visible: np.ndarray
    harmonics: np.ndarray


class Targets:
    """The first test faces as maps.

    Attributes:
        rows: `[N]` ids of their records.
        albedo: `[N, Hu, Wu, 3]` in [0, 1].
        layout: `[1, Hu, Wu, 1]`, texels that belong to the face.
        photo, visible: `[N, Hu, Wu, 3]` and `[N, Hu, Wu, 1]`: the unwrapped photo.
        harmonics: `[N, Hu, Wu, 9]` of the true normals.
    """

    def __init__(self, study: Study) -> None:
        split, face = study.split("test"), study.face()
        rows = split.rows[: study.fit_faces]
        layout = uv_layout.build(face, study.config.model.uv_size)
        self.rows = rows
        self.albedo = autoencoder.as_float(split["albedo"][rows])
        self.layout = metrics.covered(layout).astype(np.float32)
        self.photo = autoencoder.as_float(split["texture"][rows])
        self.visible = (split["texture_mask"][rows] > 127).astype(np.float32) * self.layout
        parts = np.array_split(rows, -(-len(rows) // BATCH))
        labels = [(split["vertices"][part], split["projection"][part]) for part in parts]
        self.harmonics = np.concatenate([harmonics(*label, layout) for label in labels])


def harmonics(vertices: np.ndarray, projection: np.ndarray, layout: UVLayout) -> np.ndarray:
    """Harmonics `[N, Hu, Wu, 9]` of shapes `[N, V, 3]` under projections `[N, 2, 4]`."""
    normals = lighting.vertex_normals(vertices, layout.normal_triangles)
    turn = camera.rotation(tf.constant(projection))
    normals = tf.matmul(normals, turn, transpose_b=True)
    return lighting.sh_basis(uv_layout.to_texels(normals, layout)).numpy()


def best_light(targets: Targets | Unwrapped, albedo: np.ndarray) -> np.ndarray:
    """The lights `[N, 9, 3]` under which albedos come nearest to the photos, by least squares.

    `albedo` is `[N, ..., 3]`, as the photos are.
    """
    lights = []
    for photo, visible, harmonics, colour in zip(
        targets.photo, targets.visible, targets.harmonics, albedo, strict=True
    ):
        mask = visible[..., 0] > 0
        design, goal, unlit = harmonics[mask], photo[mask], colour[mask]
        channels = []
        for c in range(3):
            columns = design * unlit[:, c : c + 1]
            normal = columns.T @ columns + 1e-3 * (1 + len(goal)) * np.eye(9)
            channels.append(np.linalg.solve(normal, columns.T @ goal[:, c]))
        lights.append(np.stack(channels, -1))
    return np.stack(lights).astype(np.float32)


def linear_photo(targets: Targets, basis: linear.Basis, rounds: int = _ROUNDS) -> np.ndarray:
    """Photos by a linear albedo model under light, each in turn: `[N, Hu, Wu, 3]`."""
    albedo = np.broadcast_to(basis.mean, targets.photo.shape)
    for _ in range(rounds):
        light = best_light(targets, albedo)
        shading = np.einsum("nhwk,nkc->nhwc", targets.harmonics, light)
        codes = [
            linear.project(
                linear.Basis(basis.mean * shade, basis.modes * shade, basis.std),
                photo[np.newaxis],
                visible[np.newaxis],
                ridge=1e-3,
            )
            for shade, photo, visible in zip(shading, targets.photo, targets.visible, strict=True)
        ]
        albedo = linear.decode(basis, np.concatenate(codes))
    return albedo * shading
