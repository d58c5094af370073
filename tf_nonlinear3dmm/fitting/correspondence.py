"""Which places of the embedded face the face mesh's 468 points are: learned from generated faces.

Over many people, poses and lights, each point of the network takes the place of the skin whose
image stays nearest to it.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageDraw
import tensorflow as tf

from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.data import Split
from tf_nonlinear3dmm.data.photos import detector, face_mesh
from tf_nonlinear3dmm.face import FaceModel, population
from tf_nonlinear3dmm.fitting import places
from tf_nonlinear3dmm.metrics import LEFT_EYE, RIGHT_EYE
from tf_nonlinear3dmm.rendering import camera, visualize

TRUSTED = 12.0  # score of the network from which a face counts
CAP = 4.0  # percent of the face's size: a point that is farther off is as wrong as can be
FINE = 6  # a triangle's side is cut into so many parts


def observe(image: PIL.Image.Image, landmarks: np.ndarray) -> face_mesh.MeshPoints:
    """What the network says of a face whose place is known.

    Args:
        image: `PIL.Image` of a face.
        landmarks: `[68, 2]` pixels, not NaN.

    Returns:
        `face_mesh.MeshPoints`.
    """
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    eyes = np.stack([landmarks[eye].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE)])
    box = np.concatenate([low, high - low])
    return face_mesh.fit(detector.Photo(image), detector.Detection(box, eyes, 1.0))


def learn(
    points: npt.ArrayLike,
    image_points: npt.ArrayLike,
    sizes: npt.ArrayLike,
    uv: np.ndarray,
    triangles: np.ndarray,
) -> dict[str, np.ndarray]:
    """The places of the network's points.

    Args:
        points: `[N, K, 2]` pixels, what the network says of N faces.
        image_points: `[N, V, 2]` pixels, where the vertices of these faces lie.
        sizes: `[N]` pixels, the faces' sizes.
        uv: `[V, 2]` of the mesh.
        triangles: `[T, 3]` that may hold a place.

    Returns:
        dict of `uv` `[K, 2]`, `noise` `[K]`: median distance in percent of the face's size.
    """
    scale = 100 / np.asarray(sizes, np.float64)[:, None, None]
    points, image_points = (np.asarray(p, np.float64) * scale for p in (points, image_points))
    skin = np.unique(triangles)
    cost = np.zeros([points.shape[1], len(skin)])
    for told, vertices in zip(points, image_points[:, skin], strict=True):
        cost += np.minimum(_distances(told, vertices), CAP)
    nearest = skin[cost.argmin(axis=1)]
    fine = [_refine(points[:, k], image_points, triangles, v) for k, v in enumerate(nearest)]
    corners, weights, noise = (np.array(part) for part in zip(*fine, strict=True))
    found = np.einsum("kc,kcd->kd", weights, uv[corners]).astype(np.float32)
    return {"uv": found, "noise": noise}


def _refine(told, image_points, triangles, vertex):
    """The best place `([3] vertices, [3] weights, noise)` on the triangles around a vertex."""
    around = triangles[(triangles == vertex).any(axis=1)]
    grid = np.array([(i, j) for i in range(FINE + 1) for j in range(FINE + 1 - i)]) / FINE
    grid = np.c_[grid, 1 - grid.sum(axis=1)]
    candidates = np.einsum("gc,ntcd->ntgd", grid, image_points[:, around])
    distance = np.linalg.norm(candidates - told[:, None, None], axis=-1)
    cost = np.minimum(distance, CAP).mean(axis=0)
    t, g = np.unravel_index(cost.argmin(), cost.shape)
    return around[t], grid[g], np.float32(np.median(distance[:, t, g]))


def _distances(a, b):
    """`[K, V]` distances of `[K, 2]` and `[V, 2]`."""
    return np.hypot(a[:, None, 0] - b[None, :, 0], a[:, None, 1] - b[None, :, 1])


def build(split: Split, count: int) -> dict[str, np.ndarray]:
    """The asset's arrays, from generated faces.

    Args:
        split: `data.Split` of generated faces on the embedded face `makehuman`.
        count: faces to look at.

    Returns:
        dict as of `learn`.
    """
    people = population.load_population(0)
    told, seen, sizes = [], [], []
    for row in split.rows[:count]:
        landmarks = split["landmarks"][row].astype(np.float64)
        mesh = observe(PIL.Image.fromarray(np.array(split["image"][row])), landmarks)
        if mesh.score > TRUSTED:
            projection = split["projection"][row]
            told.append(mesh.points[:, :2])
            seen.append(split["vertices"][row] @ projection[:, :3].T + projection[:, 3])
            sizes.append(np.sqrt(np.prod(np.ptp(landmarks, axis=0))))
    skin = people.tri[people.face_label == 0]
    return learn(np.array(told), np.array(seen), np.array(sizes), people.uv, skin)


def picture(arrays: Mapping[str, np.ndarray], path: Path, size: int = 600) -> None:
    """Draws the places on the mean face, from two sides: blue where sure, red where not."""
    face = FaceModel.load("makehuman")
    people = population.load_population(0)
    skin = people.tri[people.face_label == 0]
    corners, weights = places.locate(arrays["uv"], people.uv, skin)
    marked = places.Places(corners, weights, arrays["noise"])
    vertices = tf.constant(face.mean_vertices[np.newaxis])
    views = []
    for yaw in (0.0, 50.0):
        projection = visualize.frontal(vertices, size, yaw)
        view = PIL.Image.fromarray(visualize.mesh(vertices, projection, face, size)[0])
        points = camera.project(places.on(vertices, marked), projection)[0].numpy()
        pen = PIL.ImageDraw.Draw(view)
        for (x, y, _), noise in zip(points, arrays["noise"], strict=True):
            red = int(255 * np.clip((noise - 1) / 3, 0, 1))
            pen.ellipse((x - 2, y - 2, x + 2, y + 2), fill=(red, 160 - red // 2, 255 - red))
        views.append(np.asarray(view))
    visualize.save(path, np.concatenate(views, axis=1))
