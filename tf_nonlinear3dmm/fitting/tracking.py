"""A clip of one person -> the most probable face in every frame, smooth in time.

track = n3.track(model, frames)                  # `[H, W, 3]` each, or `photos.open_clip(path)`
for face in track: face.vertices, face.projection, face.status
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.data.photos import faces
from tf_nonlinear3dmm.fitting import following, paths, photo
from tf_nonlinear3dmm.fitting.spool import Spool
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.rendering import camera, lighting

KEY_FRAMES = 8  # at least so many of the frames, where there are as many, tell who it is
STEPS = 30  # of their fit, on the pixels


class TrackedFace(NamedTuple):
    """The face in one frame.

    Attributes:
        status: "face", or why there is none; then all else is None.
        confidence: 0 to 1, how far the landmarks are to be trusted that the face was fitted to.
        projection: `[2, 4]`, face units to pixels of the frame.
        illumination: `[9, 3]`, or None without lighting.
        shape_code: `[Ks]`.
        vertices: `[V, 3]` in the face frame.
        landmarks: `[68, 2]` pixels of the frame.
    """

    status: str
    confidence: float = 0.0
    projection: Any = None
    illumination: Any = None
    shape_code: Any = None
    vertices: Any = None
    landmarks: Any = None


class Track:
    """A tracked clip: who it is, and a `TrackedFace` for each frame, computed as one goes through.

    Attributes:
        shape_code: `[Ks]` of the person: the mean of the key frames' codes.
        albedo_code: `[Ka]`.
        vertices: `[V, 3]` of this shape.
        albedo_map: `[Hu, Wu, 3]` RGB in [0, 1].
        clearest: index of the frame that shows the face best: frontal and large.
    """

    def __init__(
        self, model: Nonlinear3DMM, sights: Spool, person: paths.Person, clearest: int
    ) -> None:
        self._model, self._sights, self._person = model, sights, person
        self.shape_code, self.albedo_code = person.shape_code, person.albedo_code
        self.vertices = model.decode_shape(person.shape_code[np.newaxis])[1][0].numpy()
        self.albedo_map = model.decode_albedo(person.albedo_code[np.newaxis])[0].numpy()
        self.clearest = clearest

    def __len__(self) -> int:
        return len(self._sights)

    def __iter__(self) -> Iterator[TrackedFace]:
        for sight, pose in paths.smooth(self._model, self._sights, self._person):
            yield TrackedFace(sight.status) if pose is None else _face(self._model, sight, pose)


def track(
    model: Nonlinear3DMM,
    frames: Iterable[np.ndarray | Exception],
    steps: int = STEPS,
    progress: Callable[[int], None] | None = None,
) -> Track:
    """Tracks the largest face of the first frame that shows one, or the one that comes after it.

    Nothing that is kept in memory grows with the clip.

    Args:
        model: `Nonlinear3DMM` on an embedded face.
        frames: `[H, W, 3]` uint8 RGB each, or an exception for a frame that cannot be read.
        steps: on the pixels of the key frames, see `fit`.
        progress: called with the number of frames that were looked at.

    Returns:
        `Track`.

    Raises:
        ValueError: no frame shows a face, frames of another shape or type, or bad `steps`.
    """
    configs.check_whole("steps", steps, 0)
    sights, keys, best, clearest = Spool(), _Keys(), -np.inf, 0
    for number, (sight, _) in enumerate(following.follow(model, frames)):
        keys.offer(sight)
        sights.append(sight._replace(crop=None))
        if sight.codes is not None and _clarity(sight) > best:
            best, clearest = _clarity(sight), number
        if progress is not None:
            progress(number + 1)
    if not keys.sights:
        unread = [s.status for s in sights if s.status != following.NO_FACE][:1]
        why = f"; {unread[0]}" if unread else ""
        raise ValueError(f"no face found in any of {len(sights)} frames{why}")
    return Track(model, sights, _person(model, keys.sights, steps), clearest)


class _Keys:
    """Some of all sights, evenly spread over a clip of any length."""

    def __init__(self):
        self.sights, self._stride, self._count = [], 1, 0

    def offer(self, sight):
        if sight.crop is None:
            return
        if self._count % self._stride == 0:
            self.sights.append(sight)
        self._count += 1
        if len(self.sights) == 2 * KEY_FRAMES:
            self.sights, self._stride = self.sights[::2], 2 * self._stride


def _clarity(sight):
    """Larger where the face looks at the camera, is large and its points are sure."""
    yaw, pitch, *_ = camera.decompose(tf.constant(sight.codes.projection))
    turned = float(tf.cos(yaw[0]) * tf.cos(pitch[0]))
    return np.log(sight.size) / 4 + 3 * turned + sight.confidence


def _person(model, keys, steps):
    """`paths.Person` of the key frames' `Sight`s."""
    size = model.config.image_size
    scale = [size / sight.square.side for sight in keys]
    points = [
        (s.mesh.points[:, :2] - [s.square.x0, s.square.y0] + 0.5) * k - 0.5
        for s, k in zip(keys, scale, strict=True)
    ]
    crops, confidence = np.stack([s.crop for s in keys]), [s.confidence for s in keys]
    fit = photo.fit(
        model, crops, np.stack(points), confidence, same_person=len(keys) > 1, steps=steps
    )
    lights = [s.codes.illumination for s in keys]
    fitted, more = fit.reconstruction, None
    if fitted.illumination is not None:  # the encoder's light goes with its own albedo
        more = np.median(fitted.illumination - np.concatenate(lights), axis=0)
    kept = fit.succeeded
    kept = kept if kept.any() else ~kept
    shape = np.asarray(fitted.shape_code)[kept].mean(axis=0)
    return paths.Person(shape, np.asarray(fitted.albedo_code)[kept].mean(axis=0), more)


def _face(model, sight, pose):
    """The `TrackedFace` of a pose in the turned frame, in pixels of the frame as it is."""
    back = faces.turn_back(sight.turns, *sight.frame_size)
    projection = (back[:, :2] @ pose.projection).astype(np.float32)
    projection[:, 3] += back[:, 2]
    light = pose.illumination
    if light is not None:
        light = lighting.turn(tf.constant(light[np.newaxis]), sight.turns)[0].numpy()
    shown = camera.project(pose.vertices[np.newaxis], projection[np.newaxis])
    landmarks = model.landmarks(shown)[0].numpy()
    return TrackedFace(
        sight.status, sight.confidence, projection, light, pose.shape_code, pose.vertices, landmarks
    )
