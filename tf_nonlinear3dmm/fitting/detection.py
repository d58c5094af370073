"""The face mesh's points in face crops, and how far they are to be trusted."""

import numpy as np
import numpy.typing as npt
import PIL.Image
import tensorflow as tf

from tf_nonlinear3dmm.data.photos import detector, face_mesh
from tf_nonlinear3dmm.fitting import landmarks, places
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.networks.encoder import Codes
from tf_nonlinear3dmm.rendering import camera

# How far all of a face's points are off together, in percent of its size, by the network's score:
# COHERENT * exp(-score / SCALE); of 120 generated faces, half of it to twice as much. The points
# are that much less to be believed, the farther they are from where the encoder sees them: it is
# about DISTANCE off itself.
COHERENT, SCALE, DISTANCE = 5.0, 8.0, 8.0
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
        points `[B, 468, 2]` in pixels of S x S images, confidence `[B, 468]` in [0, 1].
    """
    marked = places.of_face_mesh(model.face)
    expected = camera.project(places.on(vertices, marked), face.projection)[..., :2].numpy()
    roll = camera.decompose(face.projection)[2].numpy()
    pictures = np.round(255 * np.asarray(images)).astype(np.uint8)
    k = pictures.shape[1] / model.config.image_size
    meshes = [
        _look(detector.Photo(PIL.Image.fromarray(picture)), points, -angle)
        for picture, points, angle in zip(pictures, (expected + 0.5) * k - 0.5, roll, strict=True)
    ]
    points = (np.array([mesh.points[:, :2] for mesh in meshes]) + 0.5) / k - 0.5
    visible = landmarks.in_sight(
        vertices, face.projection, marked, model.uv_layout.normal_triangles
    ).numpy()
    off = _apart(points, expected, visible)
    scores = np.array([mesh.score for mesh in meshes])
    return points.astype(np.float32), confidence(scores, off, marked.noise)


def confidence(scores: npt.ArrayLike, distances: npt.ArrayLike, noise: np.ndarray) -> np.ndarray:
    """How far points of `face_mesh.MeshPoints` are to be trusted beside those of a sure face.

    A face's points err by themselves, and all together, which counts as one observation.

    Args:
        scores: `[B]` of the network.
        distances: `[B]` from the encoder's, root mean square, in percent of the face's size.
        noise: `[K]` of `places.Places`.

    Returns:
        `[B, K]` in [0, 1].
    """
    scores, distances = (np.asarray(part, np.float64)[:, None] for part in (scores, distances))
    together = COHERENT * np.exp(-scores / SCALE) * (1 + np.square(distances / DISTANCE))
    own = np.square(noise)
    return (own / (own + len(noise) * np.square(together))).astype(np.float32)


def trust(score: npt.ArrayLike) -> np.ndarray:
    """How far all points of a `face_mesh.MeshPoints` are to be trusted, 0 to 1, by its score."""
    trusted = 1 / (1 + np.exp((DOUBT - np.asarray(score, np.float64)) / SLOPE))
    return np.where(trusted > LEAST, trusted, 0).astype(np.float32)[()]


def _look(photo, expected, angle):
    """`MeshPoints` where they are expected, then where they were seen: upright, of their size."""
    first = face_mesh.look(photo, *_frame(expected, angle))
    points = first.points[:, :2]
    return face_mesh.look(photo, *_frame(points, face_mesh.angle(points)))


def _apart(points, expected, visible):
    """`[B]`: root mean square distance of visible points, in percent of the face's size."""
    squares = (np.square(points - expected).sum(axis=-1) * visible).sum(axis=1)
    size = np.sqrt(np.maximum(np.prod(np.ptp(expected, axis=1), axis=-1), 1))
    return 100 * np.sqrt(squares / np.maximum(visible.sum(axis=1), 1e-6)) / size


def _frame(points, angle):
    """Centre, side and angle of the square that the network sees: `points` `[K, 2]`, upright."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    upright = points @ turn
    low, high = upright.min(axis=0), upright.max(axis=0)
    return turn @ ((low + high) / 2) + 0.5, face_mesh.MARGIN * (high - low).max(), angle
