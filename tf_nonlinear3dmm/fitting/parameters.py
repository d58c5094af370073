"""What a fit changes of a face, in numbers that are about as far off as the encoder is.

All of them are 0 where a fit starts, and their distribution is taken to be N(0, 1) there. The units
of camera and shape are how far the encoder is off on generated faces that no training saw, a third
more; those of the shape are in `spread`. What a pixel does not tell of skin and light goes to the
light, whose unit is wide: with 1 for the albedo, the deviation of people, and 0.25 for the light,
fits took the albedo away from the true one.
"""

from typing import NamedTuple

import tensorflow as tf

from tf_nonlinear3dmm.networks.encoder import Codes
from tf_nonlinear3dmm.rendering import camera

TURN, LOG_SCALE, PLACE = 0.08, 0.06, 0.016  # radians, log, of the image's side
LIGHT, ALBEDO = 0.6, 0.5  # spherical harmonics, code


class Units(NamedTuple):
    """What the numbers of a `Change` mean for a model.

    Attributes:
        image_size: side of the images in pixels.
        centre: `[3]`, what a face turns about, in its frame.
        shape: `[Ks, Ks]`: what one of each number of the shape adds to the code.
    """

    image_size: int
    centre: tf.Tensor
    shape: tf.Tensor


class Change(NamedTuple):
    """What is added to a face's `encoder.Codes`.

    Attributes:
        camera: `[B, 6]`: a rotation vector about right, up and the viewing axis of the camera
            frame, through the middle of the face; log scale, place (x, y) of that middle.
        light: `[B, 9, 3]`, or None.
        shape: `[B, Ks]`, in `Units.shape`.
        albedo: `[B, Ka]`.
    """

    camera: tf.Tensor
    light: tf.Tensor | None
    shape: tf.Tensor
    albedo: tf.Tensor


def start(codes: Codes) -> Codes:
    """`codes` whose camera is the nearest scaled rotation."""
    turn, scale = camera.rotation(codes.projection), camera.scale(codes.projection)
    projection = camera.from_rotation(turn, scale, codes.projection[..., 3])
    return codes._replace(projection=projection)


def none(face: Codes) -> Change:
    """The `Change` that leaves a face as it is."""
    batch = tf.shape(face.shape_code)[0]
    light = None if face.illumination is None else tf.zeros_like(face.illumination)
    camera_ = tf.zeros([batch, 6], face.shape_code.dtype)
    return Change(camera_, light, tf.zeros_like(face.shape_code), tf.zeros_like(face.albedo_code))


def changed(face: Codes, change: Change, units: Units) -> Codes:
    """The face's `Codes` after a `Change`."""
    light = face.illumination
    return Codes(
        moved(face.projection, change.camera, units),
        light if light is None or change.light is None else light + LIGHT * change.light,
        face.shape_code + tf.matmul(change.shape, units.shape),
        face.albedo_code + ALBEDO * change.albedo,
    )


def moved(projection: tf.Tensor, change: tf.Tensor, units: Units) -> tf.Tensor:
    """Cameras `[B, 2, 4]` after changes `[B, 6]`: scaled rotations, whatever the change is."""
    vector, log_scale, place = tf.split(change, [3, 1, 2], axis=-1)
    turn = tf.matmul(_turn(TURN * vector), camera.rotation(projection))
    scale = camera.scale(projection) * tf.exp(LOG_SCALE * log_scale[:, 0])
    middle = camera.seen(projection, units.centre) + PLACE * units.image_size * place
    return camera.from_rotation(turn, scale, middle, units.centre)


def between(start: tf.Tensor, projection: tf.Tensor, units: Units) -> tf.Tensor:
    """The change `[B, 6]` that `moved` needs from cameras `start` to cameras `projection`."""
    turn = tf.matmul(camera.rotation(projection), camera.rotation(start), transpose_b=True)
    skew = tf.stack([turn[:, 2, 1], turn[:, 0, 2], turn[:, 1, 0]], axis=-1)
    skew -= tf.stack([turn[:, 1, 2], turn[:, 2, 0], turn[:, 0, 1]], axis=-1)
    sine, cosine = tf.norm(skew, axis=-1, keepdims=True) / 2, (tf.linalg.trace(turn) - 1) / 2
    angle = tf.atan2(sine, cosine[:, tf.newaxis])
    vector = tf.where(sine > 1e-6, angle * skew / tf.maximum(2 * sine, 1e-6), skew / 2)
    scale = tf.math.log(camera.scale(projection) / camera.scale(start))[:, tf.newaxis]
    place = camera.seen(projection, units.centre) - camera.seen(start, units.centre)
    place /= PLACE * units.image_size
    return tf.concat([vector / TURN, scale / LOG_SCALE, place], axis=-1)


def _turn(vector):
    """Rotations `[B, 3, 3]` of rotation vectors `[B, 3]`, with a finite gradient at 0."""
    square = tf.reduce_sum(tf.square(vector), axis=-1)[:, tf.newaxis, tf.newaxis]
    angle = tf.sqrt(square + 1e-12)
    x, y, z = tf.unstack(vector, axis=-1)
    o = tf.zeros_like(x)
    cross = tf.stack(
        [tf.stack(row, axis=-1) for row in ([o, -z, y], [z, o, -x], [-y, x, o])], axis=1
    )
    half = tf.sin(angle / 2) / angle
    around = tf.sin(angle) / angle * cross + 2 * tf.square(half) * tf.matmul(cross, cross)
    return tf.eye(3, dtype=vector.dtype) + around
