"""Places on the face that landmarks mark: corners of a triangle, and barycentrics between them."""

import functools
import pathlib
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.spatial
import tensorflow as tf

from tf_nonlinear3dmm.core import array_files, shapes
from tf_nonlinear3dmm.face import FaceModel, npz, population

ASSET = pathlib.Path(__file__).parents[1] / "assets" / "face_mesh.npz"
CONTOUR = 17  # the first so many of the 68 landmarks lie on the jaw
ALIKE = 10.0  # of the face mesh's points: so many neighbours err together, and count as one
NOISE = 1.0  # percent of the face's size: how far annotators' 68 points are off, about
_NEIGHBOURS = 24  # of a place, whose normals tell whether it is in sight
# Of the face mesh, above and below: (pairs, how far they are off together, percent of the size).
_LIDS = (((159, 145), (158, 153), (160, 144)), ((386, 374), (385, 380), (387, 373)))
_LIPS = ((13, 14), (82, 87), (312, 317))
_GAPS = (*((lids, 1.2) for lids in _LIDS), (_LIPS, 1.8))


class Places(NamedTuple):
    """`K` points of the surface.

    Attributes:
        vertices: `[K, 3]` int32, ids of a triangle's corners.
        weights: `[K, 3]` float32 barycentrics.
        noise: `[K]` float32, how far a landmark is off its place, in percent of the face's size,
            sqrt(width * height) of the 68 points' box; infinite where the face lacks it.
        around: `[K, M]` int32, the vertices whose mean normal tells whether a place faces the
            camera: on the rims of lids and lips its own does not. Of the face mesh only.
        pairs: `[Q, 2]` int32, landmarks whose distance tells how far a mouth or an eye is open.
        pair_noise: `[Q]` float32, how far it is off, likewise.
    """

    vertices: np.ndarray
    weights: np.ndarray
    noise: np.ndarray
    around: np.ndarray = np.zeros([0, 1], np.int32)
    pairs: np.ndarray = np.zeros([0, 2], np.int32)
    pair_noise: np.ndarray = np.zeros([0], np.float32)


def on(vertices: npt.ArrayLike, places: Places) -> tf.Tensor:
    """`[B, K, C]`: what `vertices` `[B, V, C]` carry (points, normals) at `Places`."""
    vertices = tf.convert_to_tensor(vertices)
    shapes.check(vertices=(vertices, "B V C"))
    corners = tf.gather(vertices, places.vertices, axis=1)  # [B, K, 3, C]
    return tf.einsum("kc,bkcd->bkd", tf.cast(places.weights, corners.dtype), corners)


def of_vertices(ids: np.ndarray) -> Places:
    """The `Places` of vertices `[K]`, each as sure as the others."""
    weights = np.tile(np.array([1, 0, 0], np.float32), [len(ids), 1])
    corners = np.repeat(np.asarray(ids, np.int32)[:, np.newaxis], 3, axis=1)
    return Places(corners, weights, np.ones(len(ids), np.float32))


def of_size(name: str, vertices: npt.ArrayLike, face: FaceModel) -> np.ndarray:
    """Meshes `[B, V, 3]` in a face's topology, float32; other units than the face's are refused.

    Raises:
        ValueError: another shape, numbers that are not finite, or no mesh of a face's size; names
            the argument `name`.
    """
    vertices = shapes.numbers(name, vertices, f"B {len(face.mean_vertices)} 3")
    if not len(vertices):
        raise ValueError(f"`{name}` must hold a mesh, got none")
    times = _spread(vertices) / _spread(face.mean_vertices)
    if not (np.abs(np.log2(np.maximum(times, 1e-9))) < 1).all():
        raise ValueError(
            f"`{name}` must be in units of {face.units:g} mm, got a mesh {times.max():.3g} times "
            "as large as the mean face"
        )
    return vertices


def _spread(vertices):
    """Root mean square distance of `[..., V, 3]` from their middle."""
    off = vertices - vertices.mean(axis=-2, keepdims=True)
    return np.sqrt(np.square(off).sum(axis=-1).mean(axis=-1))


def of_landmarks(face: FaceModel, contour: bool = True) -> Places:
    """The `Places` of the 68 landmarks of a `FaceModel`.

    Args:
        face: `FaceModel`.
        contour: False: the jaw's points do not count, for they follow the outline of the picture.
    """
    noise = np.where(face.landmarks >= 0, NOISE, np.inf).astype(np.float32)
    if not contour:
        noise[:CONTOUR] = np.inf
    return of_vertices(np.maximum(face.landmarks, 0))._replace(noise=noise)


def of_face_mesh(face: FaceModel) -> Places:
    """The `Places` of the 468 points of `data.photos.face_mesh`.

    Raises:
        ValueError: another face than the embedded ones, on which these places are not known.
    """
    if face.name not in population.EMBEDDED:
        raise ValueError(
            "`landmarks` of the face mesh have places on the embedded faces only, "
            f"got a model of `{face.name}`; give its 68 landmarks"
        )
    return _of_face_mesh(face.name)


@functools.cache
def _of_face_mesh(name):
    people = population.load_population(population.EMBEDDED[name])
    arrays = array_files.arrays(ASSET)
    uv = npz.array(arrays, "uv", ASSET, "K 2", np.float32, {}, 0, 1)
    noise = npz.array(arrays, "noise", ASSET, "K", np.float32, {"K": len(uv)}, 0)
    vertices, weights = locate(uv, people.uv, people.tri[people.face_label == 0])
    skin = np.unique(people.tri[people.face_label == 0])
    at = np.einsum("kc,kcd->kd", weights, people.mean[vertices])
    around = skin[scipy.spatial.cKDTree(people.mean[skin]).query(at, k=_NEIGHBOURS)[1]]
    around = around.astype(np.int32)
    # The pairs of one gap err together, and count as one.
    pairs = np.array([pair for gap, _ in _GAPS for pair in gap], np.int32)
    pair_noise = np.array([len(gap) ** 0.5 * off for gap, off in _GAPS for _ in gap], np.float32)
    return Places(vertices, weights, ALIKE**0.5 * noise, around, pairs, pair_noise)


def locate(
    uv: np.ndarray, vertex_uv: npt.ArrayLike, triangles: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where points of a UV map lie on a mesh: the triangle that holds each, or the nearest.

    Args:
        uv: `[K, 2]`.
        vertex_uv: `[V, 2]`.
        triangles: `[T, 3]`.

    Returns:
        `[K, 3]` int32 ids of vertices, `[K, 3]` float32 barycentrics.
    """
    a, b, c = np.moveaxis(np.asarray(vertex_uv, np.float64)[triangles], 1, 0)
    sides = np.stack([b - a, c - a], axis=-1)  # [T, 2, 2]
    sound = np.abs(np.linalg.det(sides)) > 1e-12
    inverse = np.linalg.inv(np.where(sound[:, None, None], sides, np.eye(2)))
    bc = np.einsum("tij,ktj->kti", inverse, np.asarray(uv, np.float64)[:, None] - a)
    barycentric = np.concatenate([1 - bc.sum(-1, keepdims=True), bc], axis=-1)
    inside = np.where(sound, barycentric.min(axis=-1), -np.inf)
    best = inside.argmax(axis=1)
    weights = np.clip(barycentric[np.arange(len(uv)), best], 0, 1)
    weights /= weights.sum(axis=1, keepdims=True)
    return triangles[best].astype(np.int32), weights.astype(np.float32)
