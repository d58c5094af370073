"""One face through the frames of a clip: where it is, its points, and what the encoder sees."""

import functools
import os
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import PIL.Image
import tensorflow as tf

from tf_nonlinear3dmm.core import graphs, shapes
from tf_nonlinear3dmm.data import crop, photos
from tf_nonlinear3dmm.data.photos import detector, face_mesh, faces
from tf_nonlinear3dmm.fitting import detection, parameters
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.rendering import camera

FACE = "face"  # the status of a frame that shows it
NO_FACE = "no face found"
EYES = [36, 45]  # of the 68 landmarks: outer corners


class Sight(NamedTuple):
    """What one frame shows, in pixels of the frame turned by `turns`, where the face is upright.

    Attributes:
        status: `FACE`, `NO_FACE`, or why the frame could not be read; then all else is None.
        follows: whether the face was followed here from the frame before.
        frame_size: (height, width) of the frame.
        turns: quarter turns, counter-clockwise, see `faces.PhotoFace`.
        mesh: `face_mesh.MeshPoints`.
        square: `crop.Square` that the encoder saw.
        crop: `[S, S, 3]` in [0, 1] of this square.
        codes: `encoder.Codes` of a batch of this one face, as the encoder sees it.
        size: pixels, of the face: sqrt(width * height) of its 68 points' box.
    """

    status: str
    follows: bool = False
    frame_size: Any = None
    turns: int = 0
    mesh: Any = None
    square: Any = None
    crop: Any = None
    codes: Any = None
    size: float = 0.0

    @property
    def confidence(self) -> float:
        """How far the points are to be trusted, 0 to 1."""
        return float(detection.trust(self.mesh.score))


def follow(
    model: Nonlinear3DMM, frames: Iterable[np.ndarray | Exception]
) -> Iterator[tuple[Sight, np.ndarray | None]]:
    """Looks for one face in every frame: near where it was, or anew where it is lost.

    Args:
        model: `Nonlinear3DMM` on an embedded face.
        frames: `[H, W, 3]` uint8, or the error that stands for a frame that cannot be read.

    Yields:
        (`Sight`, the frame; None where it cannot be read).

    Raises:
        ValueError: no frames, or some of another shape or type.
    """
    if isinstance(frames, str | bytes | os.PathLike) or not isinstance(frames, Iterable):
        raise ValueError(
            "`frames` must be arrays [H, W, 3] one after the other, as those of photos.Clip(path), "
            f"got {frames!r}"
        )
    last = Sight(NO_FACE)
    for frame in frames:
        if isinstance(frame, Exception):
            last, frame = Sight(" ".join(str(frame).split())), None
        else:
            frame = _checked(frame)
            last = _look(model, frame, last)
        yield last, frame


def _checked(frame):
    """A frame as an array; one of another shape or type is refused."""
    shapes.check(frames=(frame, "H W 3"))
    frame = np.asarray(frame)
    if frame.dtype != np.uint8 or not frame.size:
        raise ValueError(f"`frames` must be uint8 and not empty, got {frame.dtype} {frame.shape}")
    return frame


def _look(model, frame, last):
    """The `Sight` of a frame after the `Sight` of the one before."""
    place = _near(frame, last) or _anew(frame, last)
    if place is None:
        return Sight(NO_FACE)
    follows, turns, mesh, square = place
    size = model.config.image_size
    image = crop.image(np.rot90(frame, turns), square, size)
    image = tf.clip_by_value(image / 255, 0, 1)
    codes, landmarks = _encoder(model)(image[tf.newaxis])
    k = size / square.side
    back = (-square.x0 * k, -square.y0 * k, 1 / k)
    codes = codes._replace(projection=camera.crop(codes.projection, *back))
    points = camera.crop_points(landmarks, *back)[0].numpy()
    face_size = float(np.sqrt(np.prod(np.ptp(points, axis=0))))
    codes = tf.nest.map_structure(np.asarray, codes)
    place = turns, mesh, crop.Square(*map(float, square)), np.asarray(image)
    return Sight(FACE, follows, frame.shape[:2], *place, codes, max(face_size, 1.0))


def _near(frame, last):
    """(True, turns, mesh, square) where the face was, or None where it is no longer."""
    if last.mesh is None or last.mesh.score < faces.CROPPED or last.frame_size != frame.shape[:2]:
        return None
    points = last.mesh.points[:, :2]
    low, high = points.min(axis=0), points.max(axis=0)
    eyes = points[list(face_mesh.EYE_CORNERS)]
    before = detector.Detection(np.concatenate([low, high - low]), eyes, 1.0)
    mesh = face_mesh.fit(detector.Photo(_picture(frame, last.turns)), before)
    if mesh.score < faces.CROPPED:
        return None
    return True, last.turns, mesh, faces.points_square(mesh.points[face_mesh.LANDMARKS, :2])


def _anew(frame, last):
    """(follows, turns, mesh, square) of the detector's face: the one that was, or the largest."""
    found = photos.detect(np.ascontiguousarray(frame))
    if not found:
        return None
    same = [face for face in found if _is(face, last)]
    face = (same or found)[0]
    follows = bool(same) and (last.frame_size, last.turns) == (
        frame.shape[:2],
        face.quarter_turns,
    )
    there = faces.turn(face.quarter_turns, *frame.shape[:2])
    box = faces.move_box(face.box, there)
    eyes = box[:2] + box[2:] * [[0.2, 0.3], [0.8, 0.3]]
    if face.landmarks is not None:
        eyes = faces.move(face.landmarks[EYES], there)
    picture = detector.Photo(_picture(frame, face.quarter_turns))
    mesh = face_mesh.fit(picture, detector.Detection(box, eyes, face.confidence))
    place = face.quarter_turns, mesh, face.square
    settled = _near(frame, Sight(FACE, False, frame.shape[:2], *place))
    return (follows, *settled[1:]) if settled else (follows, *place)


def _is(face, last):
    """Whether a `faces.PhotoFace` is where the last `Sight` was."""
    if last.square is None:
        return False
    x0, y0, side = crop.grow(last.square, 1 / faces.BOX_TO_SIDE)
    back = faces.turn_back(last.turns, *last.frame_size)
    return detector.same(face.box, faces.move_box(np.array([x0, y0, side, side]), back))


def _picture(frame, turns):
    return PIL.Image.fromarray(np.ascontiguousarray(np.rot90(frame, turns)))


@functools.lru_cache(maxsize=8)
def _encoder(model):
    """Crops `[B, S, S, 3]` -> `Codes` that a fit starts from, and the landmarks they put there."""

    @graphs.function(reduce_retracing=True)
    def run(crops):
        codes = parameters.start(model.encode(crops))
        _, vertices = model.decode_shape(codes.shape_code)
        return codes, model.landmarks(camera.project(vertices, codes.projection))

    return run
