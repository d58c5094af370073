"""A scan of a face with 68 points -> its shape code, and what the model cannot express of it.

fit = fitting.fit_scan(model, points, landmarks)      # [N, 3], [68, 3]: any frame, any unit
fit.shape_code, fit.vertices, fit.residual
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tf_nonlinear3dmm import metrics
from tf_nonlinear3dmm.core import shapes
from tf_nonlinear3dmm.fitting import icp, surface
from tf_nonlinear3dmm.model import Nonlinear3DMM

FEWEST = 6  # landmarks
FLAT = 0.1  # of their extent: landmarks that spread less across it lie on a line
UNLIKE = 0.2  # of their extent: landmarks that far from a face's are not those of a face
AROUND = 1.5  # face's radii: what lies farther from its middle is no part of it
EXPRESSED = 10.0  # mm: a scan that is farther from the face shows something else, such as hair


class ScanFit(NamedTuple):
    """What the model makes of a scan.

    Attributes:
        shape_code: `[Ks]`.
        vertices: `[V, 3]` of this code, in the scan's frame and units.
        residual: `[V, 3]`, from `vertices` to the scan, along its normals: what the model cannot
            express; NaN where no scan lies.
        scale, rotation, translation: number, `[3, 3]`, `[3]`: `vertices` are those of the code in
            the face frame, times `scale`, turned by `rotation`, plus `translation`.
        distance: mean length of the skin's `residual`, in mm of the face model.
    """

    shape_code: np.ndarray
    vertices: np.ndarray
    residual: np.ndarray
    scale: float
    rotation: np.ndarray
    translation: np.ndarray
    distance: float


def fit_scan(
    model: Nonlinear3DMM,
    points: npt.ArrayLike,
    landmarks: npt.ArrayLike,
    triangles: npt.ArrayLike | None = None,
) -> ScanFit:
    """Fits a scan by iterated closest points; holes, hair and neck are left out.

    Args:
        model: `Nonlinear3DMM`.
        points: `[N, 3]` finite, in any frame and unit, but not mirrored.
        landmarks: `[68, 3]` in that frame, NaN where missing; 6 at least.
        triangles: `[T, 3]` ids of points where they are a mesh's; None: a cloud of points.

    Returns:
        `ScanFit`.

    Raises:
        ValueError: another shape or type, numbers that are not finite, landmarks that are too few,
            on a line or not those of a face, or no scan around them; says which argument.
    """
    face = model.face
    points, triangles = _scan(points, triangles)
    landmarks = _landmarks(landmarks, face)
    start = _start(landmarks, face)
    radius = AROUND * np.linalg.norm(face.mean_vertices - face.centre, axis=-1).max()
    near = surface.sample(start.undo(points), triangles, face.centre, radius)
    if len(near) < surface.NEIGHBOURS:
        raise ValueError(f"`points` must lie around `landmarks`, got {len(near)} that do")
    scan = surface.of_points(near)
    code, pose = icp.fit(model, scan, start.undo(landmarks))
    vertices = pose.apply(icp.decode(model, code))
    residual = _residual(icp.pairs(face, scan, vertices), face)
    lengths = np.linalg.norm(residual[face.regions["skin"] > 0], axis=-1)
    lengths = lengths[np.isfinite(lengths)] * face.units / pose.scale
    whole = start.after(pose)
    return ScanFit(
        shape_code=code,
        vertices=start.apply(vertices),
        residual=residual @ start.matrix.T,
        scale=whole.scale,
        rotation=whole.matrix / whole.scale,
        translation=whole.translation,
        distance=float(lengths.mean()) if len(lengths) else np.nan,
    )


def _residual(pairs, face):
    """`[V, 3]` from the face to the scan, NaN where there is none."""
    lies = pairs.lies & (np.abs(pairs.distance) * face.units < EXPRESSED)
    return np.where(lies[:, np.newaxis], pairs.normals * pairs.distance[:, np.newaxis], np.nan)


def _scan(points, triangles):
    """`points` and `triangles` as arrays, checked."""
    points = _numbers("points", points)
    shapes.check(points=(points, "N 3"))
    if not np.isfinite(points).all():
        raise ValueError(f"`points` must be finite, got {np.sum(~np.isfinite(points))} others")
    if triangles is None:
        return points, None
    triangles = np.asarray(triangles)
    shapes.check(triangles=(triangles, "T 3"))
    if triangles.dtype.kind not in "iu" or not len(triangles):
        raise ValueError(f"`triangles` must be ids, got {len(triangles)} of {triangles.dtype}")
    if triangles.min() < 0 or triangles.max() >= len(points):
        raise ValueError(
            f"`triangles` must be from 0 to {len(points) - 1}, the last of `points`, "
            f"got {triangles.min()} to {triangles.max()}"
        )
    return points, triangles


def _landmarks(landmarks, face):
    """`landmarks` as an array, checked; NaN where they or those of the face are missing."""
    landmarks = _numbers("landmarks", landmarks)
    shapes.check(landmarks=(landmarks, "68 3"))
    if np.isinf(landmarks).any():
        raise ValueError("`landmarks` must be finite, NaN where missing, got infinity")
    known = np.isfinite(landmarks).all(axis=1) & (face.landmarks >= 0)
    if known.sum() < FEWEST:
        raise ValueError(f"`landmarks` must have {FEWEST} points at least, got {known.sum()}")
    return np.where(known[:, np.newaxis], landmarks, np.nan)


def _numbers(name, values):
    """`values` as an array of float64."""
    try:
        return np.asarray(values, np.float64)
    except (ValueError, TypeError) as error:
        raise ValueError(f"`{name}` must be an array of numbers: {error}") from None


def _start(landmarks, face):
    """The `icp.Pose` from the face frame to the scan's, by the landmarks of the mean face."""
    known = np.isfinite(landmarks).all(axis=1)
    target, source = landmarks[known], face.mean_vertices[face.landmarks[known]]
    extent = np.linalg.svd(target - target.mean(axis=0), compute_uv=False)
    if not extent[1] > FLAT * extent[0]:
        raise ValueError("`landmarks` must not lie on a line or in one place")
    matrix, translation = metrics.kabsch(source[np.newaxis], target[np.newaxis], scaled=True)
    start = icp.Pose(matrix[0], translation[0])
    off = np.linalg.norm(start.apply(source) - target) / np.linalg.norm(extent)
    if off > UNLIKE:
        raise ValueError(
            f"`landmarks` must be the 68 points of a face, got some that are off a face's by "
            f"{off:.0%} of their extent: mirrored, or in another order?"
        )
    return start
