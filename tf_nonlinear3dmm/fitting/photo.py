"""Photos of faces -> the most probable face: analysis by synthesis.

fit = n3.fit(model, crops)                       # [B, N, N, 3], as `model.reconstruct` takes
fit.reconstruction.vertices, fit.status
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.core import shapes
from tf_nonlinear3dmm.fitting import solver
from tf_nonlinear3dmm.model import Nonlinear3DMM, as_tensor

STEPS = 60
BATCH = 16  # images that are fitted together
MOST_OF_A_PERSON = 64  # images that show one person
DETECTED = "detected"


def fit(
    model: Nonlinear3DMM,
    images: npt.ArrayLike,
    landmarks: npt.ArrayLike | None = DETECTED,
    confidence: npt.ArrayLike = 1.0,
    contour: bool = False,
    same_person: bool = False,
    steps: int = STEPS,
    residual: bool = False,
    progress: Callable[[float, int], None] | None = None,
) -> solver.Fit:
    """Fits faces to photos: camera and shape on landmarks, then all on the pixels as well.

    Args:
        model: `Nonlinear3DMM`, of any weights.
        images: `[B, N, N, 3]` or `[N, N, 3]`, crops as `model.reconstruct` takes them.
        landmarks: "detected": the face mesh looks for its 468 points (embedded faces only); None:
            none; or points in pixels of the S x S image, NaN where hidden: `[B, 68, 2]`, or
            `[B, 468, 2]` of the face mesh, which count as far as the face has them in sight.
        confidence: number, `[B]` or `[B, K]` in [0, 1], of the given points; for those of a face
            mesh see `detection.confidence`.
        contour: whether points 0 to 16 of 68 lie on the jaw in space; else they do not count,
            since on photos they follow the outline.
        same_person: whether all images show one person: one albedo, shape codes that differ by
            expression. They are fitted together: at most `MOST_OF_A_PERSON`.
        steps: on the pixels; 0: on landmarks alone, in a fraction of the time.
        residual: whether shape and albedo get what the codes leave of each image's pixels: maps,
            vertices and image are closer to the photo than those of the codes.
        progress: called with (images done, of how many); meanwhile with fractions of them. What it
            raises ends the fit.

    Returns:
        `solver.Fit`.

    Raises:
        ValueError: images, points, confidence or steps of another shape, type or range, or too
            many images of one person.
    """
    images = as_tensor(images)
    images = images[tf.newaxis] if len(images.shape) == 3 else images
    shapes.check(images=(images, "B N N 3"))
    count = len(images)
    if not count:
        raise ValueError("`images` must hold an image, got none")
    if same_person:
        check_one_person(count)
    points = _points(landmarks, count)
    confidence = _confidence(confidence, count, points)
    configs.check_whole("steps", steps, 0)
    kind = _kind(landmarks, points, contour)
    settings = solver.Settings(kind, int(steps), bool(same_person), bool(residual))
    size, parts = count if same_person else BATCH, []
    for first in range(0, count, size):
        here = slice(first, first + size)
        given = None if points is None else points[here]
        report = _report(progress, first, min(size, count - first), count)
        parts.append(solver.fit(model, images[here], given, confidence[here], settings, report))
        if progress is not None:
            progress(min(first + size, count), count)
    return tf.nest.map_structure(_join, *parts)


def check_one_person(count: int) -> None:
    """Raises `ValueError` where `count` images are too many to be fitted together."""
    if count > MOST_OF_A_PERSON:
        raise ValueError(
            f"at most {MOST_OF_A_PERSON} images of one person are fitted together, got {count}: "
            "give the sharpest ones"
        )


def _report(progress, first, size, count):
    """What a batch tells of itself, 0 to 1, as images of all."""
    return None if progress is None else lambda done: progress(first + done * size, count)


def _points(landmarks, count):
    """`[B, K, 2]`, or None where none were given."""
    if landmarks is None or (isinstance(landmarks, str) and landmarks == DETECTED):
        return None
    points = shapes.numbers("landmarks", landmarks, "... K 2", hidden=True)
    points = points[np.newaxis] if points.ndim == 2 else points
    if points.ndim != 3 or points.shape[1] not in (68, 468):
        raise ValueError(
            f"`landmarks` must be {DETECTED!r}, None, or numbers of shape [B, 68, 2] or "
            f"[B, 468, 2], got {list(points.shape)}"
        )
    shapes.check(landmarks=(points, f"{count} {points.shape[1]} 2"))
    return points


def _confidence(confidence, count, points):
    """`[B]` or `[B, K]`."""
    sizes = [count, *points.shape[1:2]] if points is not None else [count]
    wanted = " ".join(map(str, sizes[: np.ndim(confidence)]))
    confidence = shapes.numbers("confidence", confidence, wanted, 0, 1)
    return np.broadcast_to(confidence, [count]) if confidence.ndim == 0 else confidence


def _kind(landmarks, points, contour):
    """One of `solver.KINDS`."""
    if points is None:
        return "none" if landmarks is None else "detected"
    if points.shape[1] == 468:
        return "mesh"
    return "all" if contour else "inner"


def _join(*parts):
    if parts[0] is None:
        return None
    return np.concatenate(parts) if isinstance(parts[0], np.ndarray) else tf.concat(parts, axis=0)
