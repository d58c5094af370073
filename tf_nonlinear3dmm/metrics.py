"""How far a reconstruction is from the ground truth.

NumPy in, NumPy out (`nme` alone also runs inside a graph). Points are pixels, vertices are in the
units of their face model, angles are degrees; nothing here averages over faces.
"""

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_nonlinear3dmm.core import shapes
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering.uv_layout import UVLayout

RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)  # of the 68 landmarks


def nme(
    predicted: npt.ArrayLike, landmarks: npt.ArrayLike, valid: npt.ArrayLike | None = None
) -> tf.Tensor:
    """Normalised mean error: mean distance of points over the size of the ground-truth box.

    Args:
        predicted: `[B, K, 2]` points in pixels.
        landmarks: `[B, K, 2]` true points in pixels of the same image.
        valid: `[K]` or `[B, K]`, 0 or False where a point is missing: it counts neither in the mean
            nor in the box.

    Returns:
        `[B]` tensor in percent of sqrt(width * height) of the box around the true points.
    """
    predicted, landmarks = tf.convert_to_tensor(predicted), tf.convert_to_tensor(landmarks)
    shapes.check(predicted=(predicted, "B K 2"), landmarks=(landmarks, "B K 2"))
    landmarks = tf.cast(landmarks, predicted.dtype)
    keep = tf.ones_like(landmarks[..., 0]) if valid is None else tf.cast(valid, landmarks.dtype)
    keep = tf.broadcast_to(keep, tf.shape(landmarks)[:2])[..., None]
    far = landmarks.dtype.max
    high = tf.reduce_max(tf.where(keep > 0, landmarks, -far), axis=1)
    low = tf.reduce_min(tf.where(keep > 0, landmarks, far), axis=1)
    difference = tf.where(keep > 0, predicted - landmarks, 0)
    distance = tf.reduce_sum(tf.norm(difference, axis=-1), axis=1)
    mean = tf.math.divide_no_nan(distance, tf.reduce_sum(keep, axis=[1, 2]))
    return 100 * mean / tf.sqrt(tf.reduce_prod(high - low, axis=-1))


def kabsch(
    source: npt.ArrayLike,
    target: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    scaled: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """The rotation and translation that align points with others best (Kabsch).

    Args:
        source: `[B, V, 3]` points to move, or `[V, 3]`, the same of every target.
        target: `[B, V, 3]` points they should reach, or `[V, 3]`, the same for every source.
        weights: `[V]` or `[B, V]` importance of each point; all alike where None.
        scaled: whether they may change size too: the rotation then includes a factor.

    Returns:
        (rotation `[B, 3, 3]`, translation `[B, 3]`): target ~ source @ rotation^T + translation,
        of least weighted squared distance; never a reflection.
    """
    source, target = np.broadcast_arrays(
        np.asarray(source, np.float64), np.asarray(target, np.float64)
    )
    weights = np.ones(target.shape[1]) if weights is None else np.asarray(weights, np.float64)
    weights = np.broadcast_to(weights, target.shape[:2])[..., None]
    weights = weights / weights.sum(axis=1, keepdims=True)
    source_mean, target_mean = (np.sum(weights * p, axis=1) for p in (source, target))
    offsets = source - source_mean[:, None]
    covariance = (target - target_mean[:, None]).transpose(0, 2, 1) @ (offsets * weights)
    left, _, right = np.linalg.svd(covariance)
    left[:, :, 2] *= np.sign(np.linalg.det(left) * np.linalg.det(right))[:, None]
    rotation = left @ right
    if scaled:
        along = np.sum(rotation * covariance, axis=(1, 2))
        rotation *= (along / np.sum(weights * offsets**2, axis=(1, 2)))[:, None, None]
    return rotation, target_mean - np.einsum("bij,bj->bi", rotation, source_mean)


def aligned(
    source: npt.ArrayLike,
    target: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    scaled: bool = False,
) -> np.ndarray:
    """`source` moved as `kabsch` of the same arguments says: `[B, V, 3]`, float64."""
    rotation, translation = kabsch(source, target, weights, scaled)
    return np.asarray(source) @ rotation.transpose(0, 2, 1) + translation[:, None]


def vertex_error(
    predicted: npt.ArrayLike,
    vertices: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    scaled: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each vertex to its ground truth after rigid alignment.

    Args:
        predicted: `[B, V, 3]`, or `[V, 3]` for one face against all.
        vertices: `[B, V, 3]` true ones.
        weights: `[V]`: which vertices the alignment looks at, for example the skin's.
        scaled: whether it may change the size too, which an image does not tell.

    Returns:
        (`[B, V]` distances in the vertices' unit, `[B, 3, 3]` rotations that were applied; with
        a factor where `scaled`).
    """
    rotation, translation = kabsch(predicted, vertices, weights, scaled)
    moved = np.asarray(predicted) @ rotation.transpose(0, 2, 1) + translation[:, None]
    return np.linalg.norm(moved - vertices, axis=-1), rotation


def skin_weights(face: FaceModel) -> np.ndarray:
    """`[V]`, how much each vertex of a `FaceModel` counts in means over the skin; sums to 1."""
    skin = face.regions["skin"]
    return skin / skin.sum()


def skin_error(
    face: FaceModel, predicted: npt.ArrayLike, vertices: npt.ArrayLike, scaled: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`vertex_error` in millimetres after rigid alignment of the skin, and its mean over the skin.

    Args:
        face: `FaceModel`.
        predicted, vertices, scaled: see `vertex_error`.

    Returns:
        (`[B]` means, `[B, V]` distances, `[B, 3, 3]` rotations that were applied).
    """
    distance, rotation = vertex_error(predicted, vertices, face.regions["skin"], scaled)
    return distance @ skin_weights(face) * face.units, distance * face.units, rotation


def eye_distance(vertices: npt.ArrayLike, landmark_ids: np.ndarray) -> np.ndarray:
    """`[B, V, 3]` vertices -> `[B]` distance of the centroids of the two eyes' six landmarks."""
    points = np.asarray(vertices)[:, landmark_ids]
    between = points[:, LEFT_EYE].mean(axis=1) - points[:, RIGHT_EYE].mean(axis=1)
    return np.linalg.norm(between, axis=-1)


def normal_angle(predicted: npt.ArrayLike, normals: npt.ArrayLike) -> np.ndarray:
    """Unit normals `[..., 3]` -> `[...]` angles between them in degrees."""
    predicted, normals = np.asarray(predicted), np.asarray(normals)
    cross = np.linalg.norm(np.cross(predicted, normals), axis=-1)
    return np.degrees(np.arctan2(cross, np.sum(predicted * normals, axis=-1)))


def masked_l1(predicted: npt.ArrayLike, true: npt.ArrayLike, mask: npt.ArrayLike) -> np.ndarray:
    """Mean absolute difference of colours over a mask.

    Args:
        predicted, true: `[B, H, W, C]`.
        mask: `[B, H, W, 1]`, how much each place counts; `[1, H, W, 1]` for all alike.

    Returns:
        `[B]` in the colours' unit; NaN for a face whose mask is empty.
    """
    predicted, true = np.asarray(predicted, np.float64), np.asarray(true)
    distance = np.abs(predicted - true).mean(axis=-1, keepdims=True)
    mask = np.broadcast_to(np.asarray(mask, np.float64), distance.shape)
    total = mask.sum(axis=(1, 2, 3))
    mean = (mask * distance).sum(axis=(1, 2, 3)) / np.where(total > 0, total, 1)
    return np.where(total > 0, mean, np.nan)


def covered(layout: UVLayout) -> np.ndarray:
    """`[1, Hu, Wu, 1]` bool: the texels that a `UVLayout` covers."""
    return (np.asarray(layout.texel_triangle) >= 0)[np.newaxis, ..., np.newaxis]


def albedo_error(layout: UVLayout, predicted: npt.ArrayLike, true: npt.ArrayLike) -> np.ndarray:
    """`masked_l1` of albedo maps `[B, Hu, Wu, 3]` over the texels that are `covered`."""
    return masked_l1(predicted, true, covered(layout))


def best_gain(predicted: npt.ArrayLike, true: npt.ArrayLike, mask: npt.ArrayLike) -> np.ndarray:
    """`[B, 1, 1, C]`: per face and channel, the factor that brings `predicted` nearest to `true`.

    Image = albedo x light, so a brighter albedo under a darker light is the same picture: albedos
    are compared after this factor too.
    """
    predicted, true = np.asarray(predicted, np.float64), np.asarray(true, np.float64)
    mask = np.asarray(mask)
    top = (mask * predicted * true).sum(axis=(1, 2), keepdims=True)
    bottom = (mask * predicted**2).sum(axis=(1, 2), keepdims=True)
    return np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1), 1)


def light_error(predicted: npt.ArrayLike, illumination: npt.ArrayLike) -> np.ndarray:
    """`[B, 9, 3]` coefficients -> `[B]`: relative distance after the best factor per face.

    The sine of the angle between the two as vectors: 0 the same light up to its strength, 1
    nothing in common.
    """
    predicted = np.asarray(predicted, np.float64).reshape(np.shape(predicted)[0], -1)
    illumination = np.asarray(illumination, np.float64).reshape(np.shape(illumination)[0], -1)
    along = np.sum(predicted * illumination, axis=-1)
    lengths = np.linalg.norm(predicted, axis=-1) * np.linalg.norm(illumination, axis=-1)
    cosine = np.where(lengths > 0, along / np.where(lengths > 0, lengths, 1), 0)
    return np.sqrt(np.maximum(1 - cosine**2, 0))


def best_pose(
    points: npt.ArrayLike,
    landmarks: npt.ArrayLike,
    valid: npt.ArrayLike | None = None,
    iterations: int = 100,
) -> np.ndarray:
    """The scaled orthographic camera that fits landmarks best in least squares: the second control.

    Depth that an image lacks is filled in from the fit so far, then the fit is a rotation between
    points in space; each round lowers the squared distance.

    Args:
        points: `[K, 3]` of a face, x to the subject's left, y up, z to the camera.
        landmarks: `[B, K, 2]` true points, pixels, y down.
        valid: `[K]` or `[B, K]`, False where a point is missing.
        iterations: rounds.

    Returns:
        `[B, 2, 4]` projections that keep right angles: vertices -> pixels, y down.
    """
    points, landmarks = np.asarray(points, np.float64), np.asarray(landmarks, np.float64)
    keep = np.ones(len(points)) if valid is None else np.asarray(valid, np.float64)
    keep = np.broadcast_to(keep, landmarks.shape[:2])[..., None]
    keep = keep / keep.sum(axis=1, keepdims=True)
    upright = np.where(keep > 0, landmarks, 0) * [1, -1]  # y up
    center, image_center = np.sum(keep * points, axis=1), np.sum(keep * upright, axis=1)
    solid, flat = points - center[:, None], upright - image_center[:, None]
    heavy = solid.transpose(0, 2, 1) * keep.transpose(0, 2, 1)
    affine = np.linalg.pinv(heavy @ solid) @ (heavy @ flat)  # [B, 3, 2], the best without angles
    depth = solid @ np.cross(*affine.transpose(2, 0, 1))[..., None]
    depth /= np.sqrt(np.linalg.norm(affine, axis=1).prod(-1))[:, None, None]
    for _ in range(iterations):
        rotation, _ = kabsch(solid, np.concatenate([flat, depth], -1), keep[..., 0])
        turned = solid @ rotation.transpose(0, 2, 1)
        along = np.sum(keep * flat * turned[..., :2], axis=(1, 2))
        scale = (along / np.sum(keep * turned[..., :2] ** 2, axis=(1, 2)))[:, None, None]
        depth = scale * turned[..., 2:]
    rows = scale * rotation[:, :2]
    shift = image_center - np.einsum("bij,bj->bi", rows, center)
    return np.concatenate([rows, shift[..., None]], -1) * [[1], [-1]]
