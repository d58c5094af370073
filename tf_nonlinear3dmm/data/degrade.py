"""What happens to an image before and in the camera, as random changes of crops.

Images are `[B, S, S, 3]` in [0, 1]; sizes are fractions of S. `random` is a `RandomStream`.
"""

import functools
import math
from typing import NamedTuple

import tensorflow as tf

from tf_nonlinear3dmm.configs import DataConfig
from tf_nonlinear3dmm.data.augment import compiled
from tf_nonlinear3dmm.data.random_stream import RandomStream

GAMMA, GAIN, CONTRAST, BRIGHTNESS, GREY = 1.8, 1.25, 0.4, 0.2, 0.2
PATCH = (0.05, 0.22)  # half sides
_WIDTH = (24 / 112, 90 / 112)  # of an image of low resolution
_BLUR = (0.004, 0.02)  # standard deviation of the Gaussian
_MOTION = (0.03, 0.10)  # length of the line
NOISE = (0.01, 0.08)  # standard deviation at white
SPARE = 32  # pixels by which the noise of a step is wider than an image
LUMA = (0.299, 0.587, 0.114)


class Patch(NamedTuple):
    """Something in front of each image, a rectangle or an ellipse.

    Attributes:
        shown: `[B]` bool; the rest are not covered.
        centre, half: `[B, 2]` (x, y) its place and half sides, fractions of S.
        angle: `[B]` radians.
        ellipse: `[B]` bool.
        own: `[B]` bool, filled with the image itself, upside down: skin and hair in the wrong
            place, as hands are, without reading another example.
        colour: `[B, 3]` that fills it otherwise.
        roughness: `[B]` standard deviation of the noise on `colour`.
    """

    shown: tf.Tensor
    centre: tf.Tensor
    half: tf.Tensor
    angle: tf.Tensor
    ellipse: tf.Tensor
    own: tf.Tensor
    colour: tf.Tensor
    roughness: tf.Tensor


class Colour(NamedTuple):
    """A change of each image's colours.

    Attributes:
        gamma, contrast, brightness: `[B]`.
        gain: `[B, 3]`.
        grey: `[B]` bool.
    """

    gamma: tf.Tensor
    gain: tf.Tensor
    contrast: tf.Tensor
    brightness: tf.Tensor
    grey: tf.Tensor


def random_patch(share: float, random: RandomStream) -> Patch:
    """A `Patch` that is shown in this share of the images."""
    return Patch(
        shown=random.chosen(share),
        centre=random.uniform(0.1, 0.9, [2]),
        half=random.uniform(*PATCH, [2]),
        angle=random.uniform(0.0, math.pi),
        ellipse=random.chosen(0.5),
        own=random.chosen(0.4),
        colour=random.uniform(columns=[3]),
        roughness=tf.nn.relu(random.uniform(-0.3, 0.3)),
    )


def random_colour(strength: float, random: RandomStream) -> Colour:
    """A random `Colour`.

    At strength 1 gamma lies between 1/1.8 and 1.8, the gain of each channel between 1/1.25 and
    1.25, contrast changes by +-0.4, brightness by +-0.2, and a fifth turn grey.
    """
    return Colour(
        gamma=GAMMA ** random.uniform(-strength, strength),
        gain=GAIN ** random.uniform(-strength, strength, [3]),
        contrast=1.0 + CONTRAST * random.uniform(-strength, strength),
        brightness=BRIGHTNESS * random.uniform(-strength, strength),
        grey=random.chosen(GREY * strength),
    )


def cover(batch: dict[str, tf.Tensor], patch: Patch, grain: tf.Tensor) -> dict[str, tf.Tensor]:
    """Puts a `Patch` in front of the image, and clears the face mask there.

    Images without a face mask stay as they are: nothing would tell the losses of the patch.
    `grain` `[S, S, 3]` is noise of standard deviation 1.
    """
    shown = patch.shown & batch["has_face_mask"]
    names = [name for name in ("image", "face_mask") if name in batch]
    return batch | _cover({name: batch[name] for name in names}, patch._replace(shown=shown), grain)


@compiled
def _cover(images, patch, grain):
    paint = tf.clip_by_value(
        _per_image(patch.colour) + _per_image(patch.roughness) * grain, 0.0, 1.0
    )
    fill = {
        "image": lambda image: tf.where(_per_image(patch.own), tf.reverse(image, [1, 2]), paint),
        "face_mask": tf.zeros_like,
    }
    covered = _inside(patch, grain.shape[0]) & patch.shown[:, tf.newaxis, tf.newaxis]
    covered = covered[..., tf.newaxis]
    return {name: tf.where(covered, fill[name](old), old) for name, old in images.items()}


def _inside(patch, size):
    """`[B, S, S]` bool: the pixels in a patch's outline."""
    place = (tf.range(size, dtype=tf.float32) + 0.5) / size
    centre, half = (value[..., tf.newaxis, tf.newaxis] for value in (patch.centre, patch.half))
    x, y = place - centre[:, 0], place[:, tf.newaxis] - centre[:, 1]
    c, s = (f(patch.angle)[:, tf.newaxis, tf.newaxis] for f in (tf.cos, tf.sin))
    along, across = (c * x + s * y) / half[:, 0], (c * y - s * x) / half[:, 1]
    rectangle = tf.maximum(tf.abs(along), tf.abs(across)) < 1.0
    ellipse = along**2 + across**2 < 1.0
    return tf.where(patch.ellipse[:, tf.newaxis, tf.newaxis], ellipse, rectangle)


def recolour(batch: dict[str, tf.Tensor], colour: Colour) -> dict[str, tf.Tensor]:
    """Changes the image by a `Colour`, and the texture `[B, Hu, Wu, 3]`, its colours, alike."""
    names = [name for name in ("image", "texture") if name in batch]
    return batch | _recolour({name: batch[name] for name in names}, colour)


@compiled
def _recolour(images, colour):
    gamma, gain = _per_image(colour.gamma), _per_image(colour.gain)

    def expose(image):  # exp and log take a quarter of the time of pow
        return gain * tf.exp(gamma * tf.math.log(tf.maximum(image, 1e-4)))

    mean = tf.reduce_mean(expose(images["image"]), axis=[1, 2], keepdims=True)

    def develop(image):
        image = (expose(image) - mean) * _per_image(colour.contrast) + mean
        image = tf.clip_by_value(image + _per_image(colour.brightness), 0.0, 1.0)
        luma = tf.reduce_sum(image * LUMA, axis=-1, keepdims=True)
        return tf.where(_per_image(colour.grey), luma, image)

    return {name: develop(image) for name, image in images.items()}


def camera(image: tf.Tensor, data: DataConfig, grain: tf.Tensor, random: RandomStream) -> tf.Tensor:
    """Blur, noise and low resolution, in the order in which a photograph gets them.

    Each changes only the images that it chooses. `data` is a `DataConfig`, `grain` as in `noise`.
    """
    blurred, moved = (random.chosen(data.blur / 2) for _ in range(2))
    noisy, coarse = random.chosen(data.noise), random.chosen(data.low_resolution)
    size = image.shape[1]
    if data.blur:
        deviation = size * random.uniform(*_BLUR)
        image = _where_chosen(image, blurred, blur, deviation)
        length, angle = size * random.uniform(*_MOTION), random.uniform(0.0, math.pi)
        image = _where_chosen(image, moved, motion, length, angle)
    if data.noise:
        amount = random.uniform(*NOISE)
        place = tf.cast(random.uniform(0.0, SPARE, [2]), tf.int32)
        image = _where_chosen(image, noisy, functools.partial(noise, grain=grain), amount, place)
    if data.low_resolution:
        low, high = (math.log(width * size) for width in _WIDTH)
        image = _where_chosen(image, coarse, low_resolution, tf.exp(random.uniform(low, high)))
    return image


def blur(image: tf.Tensor, deviation: tf.Tensor) -> tf.Tensor:
    """Gaussian blur with `deviation` `[B]` pixels."""
    place = tf.range(image.shape[1], dtype=image.dtype)
    distance = (place - place[:, tf.newaxis]) / deviation[:, tf.newaxis, tf.newaxis]
    return _separable(image, _normalised_rows(tf.exp(-0.5 * distance**2)))


def motion(image: tf.Tensor, length: tf.Tensor, angle: tf.Tensor) -> tf.Tensor:
    """Blur along a line of `length` `[B]` pixels at `angle` `[B]` radians."""
    size, reach = image.shape[1], math.ceil(_MOTION[1] * image.shape[1] / 2)
    place = tf.range(-reach, reach + 1, dtype=image.dtype)
    c, s = (f(angle)[:, tf.newaxis, tf.newaxis] for f in (tf.cos, tf.sin))
    along = tf.abs(c * place - s * place[:, tf.newaxis])
    across = tf.abs(s * place + c * place[:, tf.newaxis])
    half = length[:, tf.newaxis, tf.newaxis] / 2
    kernel = tf.clip_by_value(half + 0.5 - along, 0.0, 1.0) * tf.nn.relu(1.0 - across)
    kernel /= tf.reduce_sum(kernel, axis=[1, 2], keepdims=True)
    # One convolution per channel, each with its own kernel: the images become channels.
    margin = [reach, reach]
    image = tf.pad(image, [[0, 0], margin, margin, [0, 0]], "SYMMETRIC")
    layers = tf.transpose(image, [1, 2, 0, 3])
    layers = tf.reshape(layers, [1, size + 2 * reach, size + 2 * reach, -1])
    kernels = tf.repeat(tf.transpose(kernel, [1, 2, 0]), 3, axis=-1)[..., tf.newaxis]
    layers = tf.nn.depthwise_conv2d(layers, kernels, [1, 1, 1, 1], "VALID")
    return tf.transpose(tf.reshape(layers, [size, size, -1, 3]), [2, 0, 1, 3])


def noise(image: tf.Tensor, amount: tf.Tensor, place: tf.Tensor, grain: tf.Tensor) -> tf.Tensor:
    """Adds noise whose variance is a quarter of `amount`^2 in black and all of it in white.

    `amount` `[B]`; each image takes the window of `grain` `[S + 32, S + 32, 3]`, standard normal,
    at `place` `[B, 2]`, since numbers of its own would cost more than all other changes together.
    """
    step = tf.range(image.shape[1])
    y = (place[:, :1] + step)[:, :, tf.newaxis]
    x = (place[:, 1:] + step)[:, tf.newaxis]
    width = grain.shape[1]
    own = tf.gather(tf.reshape(grain, [-1, 3]), y * width + x)
    own *= _per_image(amount) * tf.sqrt(0.25 + 0.75 * image)
    return tf.clip_by_value(image + own, 0.0, 1.0)


def low_resolution(image: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """Resamples to `width` `[B]` pixels, rounded, and back, both with a triangle filter."""
    size = image.shape[1]
    width = tf.round(width)[:, tf.newaxis, tf.newaxis]
    place = tf.range(size, dtype=image.dtype)
    coarse = tf.range(math.ceil(_WIDTH[1] * size), dtype=image.dtype)
    at = (place + 0.5) * width / size - 0.5  # of fine pixels among the coarse ones, [B, 1, S]
    away = tf.abs(at - coarse[:, tf.newaxis])
    down = _normalised_rows(tf.nn.relu(1.0 - away))
    inside = tf.clip_by_value(at, 0.0, width - 1.0)
    up = tf.nn.relu(1.0 - tf.abs(inside - coarse[:, tf.newaxis]))
    return _separable(image, tf.matmul(up, down, transpose_a=True))


def _separable(image, matrix):
    """Applies `[B, S, S]` to the rows and to the columns of `[B, S, S, 3]`."""
    image = tf.einsum("bij,bjkc->bikc", matrix, image)
    return tf.einsum("bkj,bijc->bikc", matrix, image)


def _normalised_rows(weights):
    """Weights whose rows sum to 1."""
    return tf.math.divide_no_nan(weights, tf.reduce_sum(weights, axis=-1, keepdims=True))


def _where_chosen(image, chosen, change, *settings):
    """`change` of the chosen images with their rows of the settings; the rest as they are."""
    rows = tf.where(chosen)

    def changed():
        chosen_rows = (tf.gather_nd(values, rows) for values in (image, *settings))
        return tf.tensor_scatter_nd_update(image, rows, change(*chosen_rows))

    return tf.cond(tf.reduce_any(chosen), changed, lambda: image)


def _per_image(values):
    """`[B]` or `[B, 3]` shaped to multiply `[B, S, S, 3]`."""
    return tf.reshape(values, [-1, 1, 1, values.shape[1] if len(values.shape) > 1 else 1])
