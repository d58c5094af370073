"""Mean and deviation of the cameras in training crops, by which the encoder's are whitened."""

import statistics
from collections.abc import Sequence

import numpy as np

from tf_nonlinear3dmm.data import crop
from tf_nonlinear3dmm.data.splits import Source
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import camera


def of_projections(
    sources: Sequence[Source],
    image_size: int,
    mirror: bool,
    face: FaceModel,
    rotation_deg: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation `[8]` of the sources' projections in the evaluation crop.

    Row-major entries of `[2, 4]`; with `mirror`, of the projections and their mirror images;
    turned about the crop's centre by angles of this standard deviation.
    Deviations have a floor of 1 % of the mean scale and 1 pixel, for data sets that lack variety.
    Where no source has a label, those of `face` at everyday poses.
    """
    rows = np.concatenate([source.projections() for source in sources]).astype(np.float64)
    rows[..., 3] -= crop.margin(image_size)
    if not len(rows):
        rows = crop.typical_projections(face, image_size).numpy().astype(np.float64)
    if mirror:
        flipped = camera.mirror(rows.astype(np.float32), image_size).numpy()
        rows = np.concatenate([rows, flipped])
    if rotation_deg:
        rows = np.concatenate([_turned(rows, a, image_size) for a in _angles(rotation_deg)])
    scale = np.linalg.norm(rows[..., :3], axis=-1).mean()
    floor = np.array([[0.01 * scale] * 3 + [1.0]] * 2)
    mean, deviation = rows.mean(axis=0), np.maximum(rows.std(axis=0), floor)
    return mean.reshape(8).astype(np.float32), deviation.reshape(8).astype(np.float32)


def _angles(deviation_deg, count=16):
    """`[count]` radians that are spread as a normal distribution is."""
    normal = statistics.NormalDist(0.0, np.radians(deviation_deg))
    return [normal.inv_cdf((i + 0.5) / count) for i in range(count)]


def _turned(rows, angle, image_size):
    middle = np.array([[0.0] * 3 + [(image_size - 1) / 2]] * 2)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return turn @ (rows - middle) + middle
