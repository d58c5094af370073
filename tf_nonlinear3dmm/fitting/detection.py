"""The face mesh's points in face crops: it looks where the encoder sees the face."""

import numpy as np
import numpy.typing as npt
import PIL.Image
import tensorflow as tf

from tf_nonlinear3dmm.data.photos import detector, face_mesh
from tf_nonlinear3dmm.fitting import places
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.networks.encoder import Codes
from tf_nonlinear3dmm.rendering import camera

DOUBT, SLOPE = 3.0, 1.5  # score of the network at which its points are as often wrong as right
LEAST = 0.05  # confidence below which points are as good as none


def detect(
    images: npt.ArrayLike, face: Codes, vertices: tf.Tensor, model: Nonlinear3DMM
) -> tuple[np.ndarray, np.ndarray]:
    """Points and confidence of the face mesh in `B` crops.

    Args:
        images: `[B, N, N, 3]` in [0, 1].
        face: `Codes`, in pixels of S x S images.
        vertices: `[B, V, 3]` of the face.
        model: `Nonlinear3DMM` on an embedded face.

    Returns:
        points `[B, 468, 2]` in pixels of S x S images, confidence `[B]` in [0, 1].
    """
    marked = places.of_face_mesh(model.face)
    expected = camera.project(places.on(vertices, marked), face.projection)[..., :2].numpy()
    roll = camera.decompose(face.projection)[2].numpy()
    pictures = np.round(255 * np.asarray(images)).astype(np.uint8)
    k = pictures.shape[1] / model.config.image_size
    meshes = [
        face_mesh.look(detector.Photo(PIL.Image.fromarray(picture)), *_frame(points, -angle))
        for picture, points, angle in zip(pictures, (expected + 0.5) * k - 0.5, roll, strict=True)
    ]
    points = (np.array([mesh.points[:, :2] for mesh in meshes]) + 0.5) / k - 0.5
    return points.astype(np.float32), confidence(np.array([mesh.score for mesh in meshes]))


def confidence(score: npt.ArrayLike) -> np.ndarray:
    """How far points of a `face_mesh.MeshPoints` are to be trusted, 0 to 1, by its score."""
    trust = 1 / (1 + np.exp((DOUBT - np.asarray(score, np.float64)) / SLOPE))
    return np.where(trust > LEAST, trust, 0).astype(np.float32)[()]


def _frame(points, angle):
    """Centre, side and angle of the square that the network sees: `points` `[K, 2]`, upright."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    upright = points @ turn
    low, high = upright.min(axis=0), upright.max(axis=0)
    return turn @ ((low + high) / 2) + 0.5, face_mesh.MARGIN * (high - low).max(), angle
