"""The photographic camera and the dark room: blur, film, grain, few pixels, JPEG, a photo's edge.

All of it changes the image alone: labels are those of the scene.
"""

import io

import numpy as np
import PIL.Image

from tf_nonlinear3dmm.data.builders.synthetic_faces.scene import background

GREY, TONED = 0.20, 0.05  # of the photos: black and white; and one colour's shades, as sepia
_FADED = 0.12  # tinted as films and filters do
_WARMTH = (-0.04, 0.0, 0.04)  # exponents of red, green, blue in the mean photo
_BLURRED, _SHAKEN = 0.45, 0.08
_COARSE = 0.30  # were taken with fewer pixels
_COARSE_SIDE = (30, 110)  # pixels of the whole image, then
CUT = 0.08  # end within the image
_RESAMPLING = (PIL.Image.BILINEAR, PIL.Image.BICUBIC, PIL.Image.LANCZOS)
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
STEPS = np.linspace(0, 1, 256, dtype=np.float32)


def photograph(random: np.random.Generator, image: np.ndarray, inside: np.ndarray) -> bytes:
    """JPEG bytes of a photo of the light `[S, S, 3]`; it ends where `inside` `[S, S, 1]` does."""
    pixels = develop(random, blur(random, image))
    pixels = np.where(inside, grain(random, pixels), _beyond(random, pixels))
    buffer = io.BytesIO()
    quality, subsampling = int(random.triangular(25, 90, 99)), int(random.choice([0, 2]))
    PIL.Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return buffer.getvalue()


def blur(random: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """An image out of focus, or moved while the shutter was open."""
    side, chance = len(image), random.uniform()
    if chance < _SHAKEN:
        return _shaken(random, image)
    if chance < _SHAKEN + _BLURRED:
        sigma = side / 140 * random.gamma(1.2, 0.45)
        if sigma > 0.3:
            return background.blur(image, min(sigma, side / 35))
    return image


def _shaken(random, image):
    """The mean along a short straight path."""
    length, turn = len(image) * random.uniform(0.01, 0.045), random.uniform(0, np.pi)
    count = max(int(np.ceil(length)), 2)
    steps = np.linspace(-length / 2, length / 2, count)
    moves = np.round(np.stack([np.sin(turn) * steps, np.cos(turn) * steps], axis=1)).astype(int)
    reach, side = np.abs(moves).max(), len(image)
    padded = np.pad(image, [(reach, reach), (reach, reach), (0, 0)], mode="edge")
    places = moves + reach
    return sum(padded[y : y + side, x : x + side] for y, x in places) / np.float32(count)


def develop(random: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Light `[S, S, 3]` to 8 bits: exposure, vignette, colour or none, curves."""
    metering = random.uniform(0.2, 0.9)  # how far the camera makes up for much or little light
    brightness = max(float(image[::4, ::4].mean()), 0.02)
    gain = np.float32((0.4 / brightness) ** metering * np.exp(random.normal(0, 0.2)))
    if random.uniform() < 0.15:
        gain = gain * _vignette(random, len(image))
    pixels = (np.clip(image * gain, 0, 1) * 255 + 0.5).astype(np.uint8)
    kind = random.uniform()
    if kind < GREY + TONED:
        return _grey(random, pixels, toned=kind > GREY)
    curves = _curve(random)[:, np.newaxis] ** np.exp(random.normal(_WARMTH, 0.06))
    if kind < GREY + TONED + _FADED:
        low = np.maximum(random.uniform(0, 0.15) + random.normal(0, 0.03, size=3), 0)
        high = np.minimum(random.uniform(0.8, 1) + random.normal(0, 0.05, size=3), 1)
        curves = low + (high - low) * curves
    curves = np.round(255 * curves).astype(np.uint8)
    return np.stack([curves[:, c][pixels[..., c]] for c in range(3)], axis=-1)


def _grey(random, pixels, toned):
    """One film's grey, in black and white or in the shades of one colour."""
    weights = np.maximum(LUMA + random.normal(0, 0.12, size=3), 0.02).astype(np.float32)
    grey = (pixels @ (weights / weights.sum()) + 0.5).astype(np.uint8)
    curve = _curve(random)[:, np.newaxis]
    shades = np.ones(3)
    if toned:
        warm = random.normal(0.25, 0.2)
        shades = np.exp(np.array([-warm, 0.1 * random.normal(), warm]))
    return np.round(255 * np.clip(curve**shades, 0, 1)).astype(np.uint8)[grey]


def _curve(random):
    """A tone curve `[256]` from 0..1 to 0..1: gamma, contrast, shadows and highlights cut off."""
    low, high = random.gamma(1.0, 0.02), 1 - random.gamma(1.0, 0.03)
    x = np.clip((STEPS - low) / (high - low), 0, 1) ** np.exp(random.normal(0, 0.22))
    strength = np.clip(random.normal(0.15, 0.35), -0.5, 1)
    return np.clip(x + strength * (x * x * (3 - 2 * x) - x), 0, 1)


def _vignette(random, side):
    x = np.linspace(-1, 1, side, dtype=np.float32)
    square = (x - random.normal(0, 0.2)) ** 2 + (x[:, np.newaxis] - random.normal(0, 0.2)) ** 2
    return (1 - random.uniform(0.1, 0.4) * np.clip(square, 0, 2)[..., np.newaxis]).astype("f4")


def grain(random: np.random.Generator, pixels: np.ndarray) -> np.ndarray:
    """Adds noise to 8 bits `[S, S, 3]`, in as many pixels as the photo has."""
    side = len(pixels)
    small = int(np.exp(random.uniform(*np.log(_COARSE_SIDE))))
    coarse = random.uniform() < _COARSE and small < side
    if coarse:
        photo = PIL.Image.fromarray(pixels)
        pixels = np.asarray(photo.resize((small, small), PIL.Image.BOX))
    noise = 255 * random.gamma(1.5, 0.006)
    channels = 1 if random.uniform() < 0.4 or _is_grey(pixels) else 3
    speckle = random.standard_normal((*pixels.shape[:2], channels), np.float32)
    level = np.sqrt(0.1 + 0.9 * STEPS)[pixels]
    pixels = np.clip(pixels + noise * level * speckle + 0.5, 0, 255).astype(np.uint8)
    if coarse:
        photo = PIL.Image.fromarray(pixels)
        pixels = np.asarray(photo.resize((side, side), random.choice(_RESAMPLING)))
    return pixels


def _is_grey(pixels):
    middle = pixels[len(pixels) // 2]
    return np.array_equal(middle[:, 0], middle[:, 2])


def edges(random: np.random.Generator, side: int) -> np.ndarray:
    """Where in the image the photo lies, bool `[side, side, 1]`: most often everywhere."""
    inside = np.ones([side, side, 1], bool)
    if random.uniform() < CUT:
        for turn in random.choice(4, size=random.integers(1, 3), replace=False):
            depth = int(side * random.uniform(0.02, 0.28))
            np.rot90(inside, turn)[:depth] = False
    return inside


def _beyond(random, pixels):
    """What the image shows beyond the photo's edge: most often black."""
    kind = random.uniform()
    if kind < 0.75:
        return np.uint8(0)
    if kind < 0.88:
        return np.uint8(random.integers(128, 256))
    small = PIL.Image.fromarray(pixels[::-1]).resize((6, 6), PIL.Image.BOX)
    return np.asarray(small.resize((len(pixels), len(pixels)), PIL.Image.BICUBIC))
