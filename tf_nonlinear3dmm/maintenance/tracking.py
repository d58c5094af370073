"""How still and how prompt tracked faces are, on generated clips whose vertices are known."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import fitting
from tf_nonlinear3dmm.data import crop
from tf_nonlinear3dmm.fitting import following
from tf_nonlinear3dmm.maintenance.clips import GeneratedClip
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.rendering import camera

MEASURES = ("landmarks (%)", "jitter of landmarks (px)", "of vertices (px)", "lag (frames)")
SHIFTS = np.arange(-60, 61) / 20  # frames


def measure(model: Nonlinear3DMM, clip: GeneratedClip) -> dict[str, np.ndarray]:
    """Encoder, fits frame by frame, and the track: name -> `[4]`, `MEASURES`.

    Jitter is the RMS second difference in time of what the image points are off; lag the shift in
    time at which they are nearest to the truth.
    """
    truth = _image_points(clip.vertices, clip.projection)
    sights = [sight for sight, _ in following.follow(model, clip.frames)]
    if any(sight.codes is None for sight in sights):
        raise ValueError("a frame without a face in a generated clip")
    seen = np.concatenate([s.codes.projection for s in sights])
    _, vertices = model.decode_shape(np.concatenate([s.codes.shape_code for s in sights]))
    points = {"encoder": _image_points(vertices, seen)}
    size, squares = model.config.image_size, np.array([s.square for s in sights], np.float32)
    square = crop.Square(*tf.constant(squares.T))
    mesh = tf.constant([s.mesh.points[:, :2] for s in sights], tf.float32)
    crops, sure = np.stack([s.crop for s in sights]), [s.confidence for s in sights]
    fit = fitting.fit(model, crops, crop.points(mesh, square, size), sure, steps=0).reconstruction
    k = square.side / size
    projection = camera.crop(fit.projection, -square.x0 / k, -square.y0 / k, k)
    points["fit of each frame"] = _image_points(fit.vertices, projection)
    faces = [*fitting.track(model, clip.frames, steps=0)]
    tracked = np.stack([face.vertices for face in faces])
    points["track"] = _image_points(tracked, np.stack([face.projection for face in faces]))
    ids = model.face.landmarks
    return {name: _errors(p, truth, ids) for name, p in points.items()}


def table(numbers: Mapping[tuple[str, str], Sequence[float]]) -> str:
    """(clip, method) -> `MEASURES`, as lines of Markdown."""
    lines = ["| clip | | " + " | ".join(MEASURES) + " |", "| --- " * (2 + len(MEASURES)) + "|"]
    for (clip, method), (error, landmarks, vertices, lag) in numbers.items():
        cells = [f"{error:.2f}", f"{landmarks:.3f}", f"{vertices:.3f}"]
        cells.append("" if np.isnan(lag) else f"{lag:.2f}")
        lines.append(f"| {clip} | {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _image_points(vertices, projection):
    points = camera.project(tf.constant(vertices), tf.constant(projection))
    return points[..., :2].numpy().astype(np.float64)


def _errors(points, truth, ids):
    off = points - truth
    size = np.sqrt(np.prod(np.ptp(truth[:, ids], axis=1), axis=-1))
    error = np.linalg.norm(off[:, ids], axis=-1).mean(axis=1) / size * 100
    jitter = [_rms(np.diff(part, 2, axis=0)) for part in (off[:, ids], off)]
    return np.array([error.mean(), *jitter, lag(points[:, ids], truth[:, ids])])


def _rms(differences):
    return np.sqrt(np.mean(np.sum(np.square(differences), axis=-1)))


def lag(points: np.ndarray, truth: np.ndarray) -> float:
    """Frames by which paths `[F, K, 2]` are behind the truth; NaN where that does not move.

    What each point is off on average does not count.
    """
    if np.ptp(truth, axis=0).max() < 1e-3:
        return np.nan
    frames = np.arange(len(points))
    inner = slice(3, len(points) - 3)
    flat = truth.reshape(len(truth), -1)
    costs = []
    for shift in SHIFTS:
        moved = np.stack([np.interp(frames - shift, frames, p) for p in flat.T], axis=1)
        off = (points.reshape(len(points), -1) - moved)[inner]
        costs.append(np.mean(np.square(off - off.mean(axis=0))))
    return float(SHIFTS[int(np.argmin(costs))])
