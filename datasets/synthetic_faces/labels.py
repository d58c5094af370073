"""The labels of a batch: ground truth, and the teacher's."""

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.core import graphs
from tf_nonlinear3dmm.data.builders.synthetic_faces import teacher
from tf_nonlinear3dmm.data.builders.synthetic_faces.contexts import Context
from tf_nonlinear3dmm.rendering import unwrap as unwrapping


def label(
    context: Context,
    vertices: np.ndarray,
    projection: np.ndarray,
    photos: list[bytes],
    masks: np.ndarray,
    randoms: list[np.random.Generator],
) -> dict[str, np.ndarray]:
    """Both sets of labels, ground truth and teacher: name -> array with a leading batch axis.

    Args:
        context: `Context`.
        vertices: `[B, V, 3]`.
        projection: `[B, 2, 4]`.
        photos: JPEG bytes of each image.
        masks: bool `[B, S, S, 1]`, the visible face.
        randoms: a generator for each image.
    """
    fit = teacher.fit(vertices, context.scans, context.people.face.units)
    fit_projection = teacher.project(fit, projection, randoms, context.image_size)
    image = np.stack([tf.io.decode_jpeg(photo).numpy() for photo in photos])
    image, mask = tf.constant(image, tf.float32) / 255, tf.constant(masks, tf.float32)
    labels = {"face_mask": masks.astype(np.uint8) * 255}
    ids = context.assets.landmarks
    known = (ids >= 0)[:, np.newaxis].astype(np.float32)
    for prefix, shape, view in (
        ("", vertices, projection),
        ("teacher_", fit.vertices, fit_projection),
    ):
        texture, covered = _unwrap(image, shape, view, context.layout, mask)
        labels[prefix + "vertices"] = shape
        labels[prefix + "projection"] = view
        labels[prefix + "landmarks"] = project(shape[:, ids], view) * known
        labels[prefix + "texture"] = to_bytes(texture.numpy())
        labels[prefix + "texture_mask"] = to_bytes(covered.numpy())
    return labels


@graphs.function
def _unwrap(image, vertices, projection, layout, mask):
    return unwrapping.unwrap(image, vertices, projection, layout, mask)


def project(points: np.ndarray, projection: np.ndarray) -> np.ndarray:
    """Pixels `[B, N, 2]` of points `[B, N, 3]` in the face frame."""
    return points @ projection[:, :, :3].transpose(0, 2, 1) + projection[:, np.newaxis, :, 3]


def pool(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Mean over the cells of an image `[kH, kW, C]`: `[H, W, C]`."""
    height, width = size
    k = image.shape[0] // height
    cells = image.reshape(height, k, width, k, -1)
    first, *others = (cells[:, i, :, j] for i in range(k) for j in range(k))
    return sum(others, first) / np.float32(k * k)  # six times as fast as `mean`


def to_bytes(values: np.ndarray) -> np.ndarray:
    """Values in [0, 1] as uint8."""
    return np.clip(np.round(values * 255), 0, 255).astype(np.uint8)
