"""Shape code and pose on the surface of a scan: iterated closest points by Gauss-Newton.

Each step pairs every vertex of the skin with the surface nearest to it, and moves it towards the
plane there: along the surface it is free. Pairs count less and less beyond a reach that falls.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy.spatial.transform import Rotation

from tf_nonlinear3dmm.face import FaceModel, normals
from tf_nonlinear3dmm.fitting import decoding, places, surface
from tf_nonlinear3dmm.model import Nonlinear3DMM

FIRST_STEPS, STEPS = 4, 20  # on landmarks alone, and with the surface
REACH, LAST_REACH = 8.0, 1.5  # mm: a pair so far apart counts a quarter; first and last step
NOISE, LANDMARK = 1.0, 4.0  # mm: how far the scan's surface and its landmarks are off
OUTLIER = 3.0  # deviations from which a landmark counts less and less
TINY = 1e-6  # mm^2


class Pose(NamedTuple):
    """A similarity.

    Attributes:
        matrix: `[3, 3]`, a rotation times a scale.
        translation: `[3]`.
    """

    matrix: np.ndarray
    translation: np.ndarray

    @property
    def scale(self) -> float:
        """The scale in `matrix`."""
        return float(np.cbrt(np.linalg.det(self.matrix)))

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Points `[N, 3]`, scaled, turned and moved."""
        return points @ self.matrix.T + self.translation

    def undo(self, points: np.ndarray) -> np.ndarray:
        """Points `[N, 3]` that `apply` brings to these."""
        return (points - self.translation) @ np.linalg.inv(self.matrix).T

    def after(self, other: "Pose") -> "Pose":
        """The `Pose` that applies `other` first."""
        return Pose(self.matrix @ other.matrix, self.apply(other.translation))


def fit(
    model: Nonlinear3DMM, scan: surface.Surface, landmarks: np.ndarray
) -> tuple[np.ndarray, Pose]:
    """The most probable code and pose of a scan that is near the face frame.

    Args:
        model: `Nonlinear3DMM`.
        scan: `surface.Surface`.
        landmarks: `[68, 3]`, NaN where they or those of the face are missing.

    Returns:
        Code `[Ks]`, and the `Pose` that brings the face frame to the scan's.
    """
    code = np.zeros(model.config.shape_code_size, np.float32)
    pose = Pose(np.eye(3), np.zeros(3))
    for reach in (*[0.0] * FIRST_STEPS, *np.geomspace(REACH, LAST_REACH, STEPS)):
        placed = pose.apply(decode(model, code))
        centre = pose.apply(model.face.centre)
        slopes = decoding.moves(model) @ pose.matrix.T
        slopes = np.concatenate([slopes, similar(placed - centre)])
        by_scan = _on_surface(model.face, scan, placed, slopes, reach)
        by_landmarks = _on_landmarks(model.face, landmarks, placed, slopes)
        prior = np.where(np.arange(len(slopes)) < len(code), 1.0, 0.0)
        normal = np.diag(prior) + by_scan[0] + by_landmarks[0]
        pull = by_scan[1] + by_landmarks[1] - prior * np.pad(code, [0, len(prior) - len(code)])
        step = np.linalg.solve(normal, pull)
        code = code + step[: len(code)].astype(np.float32)
        pose = _moved(pose, centre, step[len(code) :])
    return code, pose


def decode(model: Nonlinear3DMM, code: np.ndarray) -> np.ndarray:
    """Vertices `[V, 3]` of a code `[Ks]`, in float64."""
    return decoding.vertices(model)(tf.constant(code[np.newaxis]))[0].numpy().astype(float)


def pairs(face: FaceModel, scan: surface.Surface, placed: np.ndarray) -> surface.Pairs:
    """`surface.Pairs` of vertices `[V, 3]`."""
    return surface.pairs(scan, placed, normals.vertex_normals(placed, face.triangles))


def similar(points: np.ndarray) -> np.ndarray:
    """`[7, V, 3]`: how points `[V, 3]` move along the axes, about them, and as they grow."""
    axes = np.eye(3)[:, np.newaxis]
    along = np.broadcast_to(axes, [3, *points.shape])
    return np.concatenate([along, np.cross(axes, points), points[np.newaxis]])


def _on_surface(face, scan, placed, slopes, reach):
    """Normal matrix `[P, P]` and pull `[P]` of the scan's surface."""
    skin = np.flatnonzero(face.regions["skin"])
    near = pairs(face, scan, placed)
    distance = near.distance[skin] * face.units
    weights = near.lies[skin] * np.square(reach**2 / (reach**2 + distance**2 + TINY))
    along = np.einsum("pvi,vi->pv", slopes[:, skin], near.normals[skin]) * face.units
    weighted = along * weights / NOISE**2 / places.ALIKE
    return weighted @ along.T, weighted @ distance


def _on_landmarks(face, landmarks, placed, slopes):
    """Normal matrix `[P, P]` and pull `[P]` of the landmarks."""
    known = np.flatnonzero(np.isfinite(landmarks).all(axis=1))
    ids = face.landmarks[known]
    off = (landmarks[known] - placed[ids]) * face.units / LANDMARK
    along = slopes[:, ids] * face.units / LANDMARK
    weights = 1 / (1 + np.sum(off**2, axis=1) / OUTLIER**2)
    weighted = (along * weights[:, np.newaxis]).reshape(len(slopes), -1)
    return weighted @ along.reshape(len(slopes), -1).T, weighted @ off.ravel()


def _moved(pose, centre, step):
    """`pose`, then shifted, turned and scaled about `centre` by `[7]` numbers."""
    matrix = np.exp(step[6]) * Rotation.from_rotvec(step[3:6]).as_matrix()
    return Pose(matrix, centre - matrix @ centre + step[:3]).after(pose)
