"""The colour of the skin and of everything on it, painted texel by texel.

Skin is two pigments over a light base: melanin and haemoglobin absorb, so that layers add as
exponents. The detail of photographic skins multiplies it (`complexion`), creases darken it; brows,
beard, hair and make-up are laid over it. Colours are sRGB in [0, 1], used directly as albedo.
"""

from typing import NamedTuple

import numpy as np
import scipy.ndimage

from tf_nonlinear3dmm.data.builders.synthetic_faces import coats, complexion, creases, openings
from tf_nonlinear3dmm.data.builders.synthetic_faces import surface as surface_lib
from tf_nonlinear3dmm.data.builders.synthetic_faces.fade import step

BASE = np.array([0.97, 0.74, 0.58], np.float32)  # linear light
MELANIN = np.array([1.0, 1.20, 1.36], np.float32)
YELLOW = np.array([0.10, 0.50, 0.95], np.float32)  # keeps medium skin from looking grey
BLOOD = np.array([0.12, 0.90, 0.66], np.float32)
ABSORPTION = np.stack([MELANIN, YELLOW, BLOOD])
WARM = np.array([-0.4, 0.2, 1.2], np.float32)
SCALES = (0.25, 0.12, 0.06, 0.03, 0.015)  # of the mottling, dm
AMPLITUDES = (0.35, 0.30, 0.22, 0.16, 0.12)
TEXEL = 0.0145 * 192  # dm per texel near the eyes, times the height of the map
TILE = 512
SHADE = 0.3  # of the sky's light that hollows lack


class Noise(NamedTuple):
    """Tiles of noise, mean 0 and deviation 1, that people cut their skin from.

    Attributes:
        skin: `[5, Y, X]`, one layer for each of `SCALES`.
        strands: `[Y, X]`, streaks along the columns, for beards and brows.
        locks: `[Y, X]`, longer streaks, for the hair of the head.
    """

    skin: np.ndarray
    strands: np.ndarray
    locks: np.ndarray


def make_noise(size):
    """The `Noise` for maps of `size` (height, width); the same in every process."""
    random = np.random.default_rng(20180618)
    texel = TEXEL / size[0]

    def tile(sigma):
        field = scipy.ndimage.gaussian_filter(
            random.normal(size=(TILE, TILE)).astype(np.float32), sigma, mode="wrap", truncate=3
        )
        return np.pad(field / field.std(), [(0, size[0]), (0, size[1])], mode="wrap")

    skin = np.stack([tile(max(s / texel / 2.5, 0.01)) for s in SCALES])
    locks = 0.8 * tile((30.0, 0.8)) + 0.6 * tile((40.0, 4.0))
    return Noise(skin, tile((3.0, 0.6)), locks)


def paint(surface, noise, look):
    """The albedo of a person's skin and hair over the N texels of `surface`: `[N, 3]`.

    Eyes and mouth sheet are left to `openings`.
    """
    layers = _cut(noise.skin, surface.size, look.noise)
    strands = _cut(noise.strands[np.newaxis], surface.size, look.noise // 7)[0]
    colour = _skin(surface, layers, look)
    for zone, coat in (
        ("mouth", coats.lipstick),
        ("eyes", coats.around_eyes),
        ("beard", coats.beard),
        ("scalp", coats.scalp),
    ):
        index, part = surface.zones[zone]
        under = colour[index]
        for cover, tint in coat(part, layers[:, index], strands[index], look):
            under += np.clip(cover, 0, 1)[:, np.newaxis] * (tint - under)
        colour[index] = under
    return np.clip(colour, 0, 1, out=colour)


def _skin(surface, layers, look):
    """The colour `[N, 3]` of bare skin."""
    tone = skin_colour(look.melanin, look.haemoglobin, look.warmth)
    exponent = _exponent(*_pigments(surface, layers, look), look.warmth)
    exponent += complexion.mix(surface.skins, look, tone)
    shade = np.log(1 - SHADE * (1 - surface.masks["ao"]))
    index, part = surface.zones["creases"]
    shade[index] += creases.shade(part, layers[:, index], look)
    exponent += shade[:, np.newaxis]
    return np.exp(exponent, out=exponent)


def whole(surface, noise, look, gap):
    """`paint` with eyes and the inside of a mouth that opens by `gap`: `[N, 3]`."""
    colour = paint(surface, noise, look)
    for label in (surface_lib.LEFT_EYE, surface_lib.RIGHT_EYE):
        where = surface.label == label
        colour[where] = openings.eye(surface.eye[where], look)
    return with_mouth(colour, surface, look, gap)


def with_mouth(colour, surface, look, gap):
    """A copy of `colour` `[N, 3]` with the inside of the mouth painted anew."""
    colour, where = np.copy(colour), surface.label == surface_lib.SHEET
    colour[where] = openings.mouth(surface.sheet[where], gap, look)
    return colour


def plain(noise, size, lips, look):
    """The albedo of a map `[N, 3]` of nothing but skin, with `lips` `[N]` in [0, 1]."""
    layers = _cut(noise.skin, size, look.noise)
    mottle = look.mottling * (np.array(AMPLITUDES, np.float32) @ layers)
    melanin = look.melanin + (0.05 * look.melanin + 0.005) * mottle + 0.06 * lips
    return skin_colour(melanin, look.haemoglobin + (0.35 + 0.65 * look.lip) * lips, look.warmth)


def skin_colour(melanin, blood, warmth=0.0):
    """sRGB `[..., 3]` of skin with these pigments `[...]`, each 0 to about 1."""
    return np.exp(_exponent(melanin, blood, warmth))


def _exponent(melanin, blood, warmth):
    """The logarithm of `skin_colour`; linear light to sRGB by a power."""
    m, h = 1.75 * np.asarray(melanin, np.float32), 0.40 * np.asarray(blood, np.float32)
    pigments = np.stack([m, 0.35 * np.tanh(m / 0.35), h], axis=-1)
    constant = np.log(BASE) - np.float32(0.05 * warmth) * WARM
    return constant / np.float32(2.2) - pigments @ (ABSORPTION / np.float32(2.2))


def _cut(tiles, size, place):
    """This person's piece `[L, N]` of tiles `[L, Y, X]`."""
    height, width = size
    row, column = (place >> 9) % TILE, place % TILE
    piece = tiles[:, row : row + height, column : column + width]
    return piece.reshape(len(tiles), -1)


def _pigments(surface, layers, look):
    """Melanin and haemoglobin `[N]` each."""
    masks = surface.masks
    amplitudes = np.array(AMPLITUDES, np.float32)
    mottle = np.float32(0.6 * look.mottling) * np.einsum("l,ln->n", amplitudes, layers)
    melanin = np.float32(0.05 * look.melanin + 0.005) * mottle
    melanin += np.float32(look.melanin)
    melanin += np.float32(look.dark_circles * (0.03 + 0.10 * look.melanin)) * masks["around_eyes"]
    if look.freckles:
        speck = step(layers[4] + 0.6 * layers[3], 1.0, 1.9)
        melanin += 0.16 * look.freckles * masks["freckled"] * speck
    if look.spots:
        melanin += 0.12 * look.spots * step(layers[3] + 0.5 * layers[1], 1.5, 2.3)
    for mole in look.moles:
        _add_mole(melanin, surface, mole)
    red = look.redness.astype(np.float32)
    blood = np.float32(0.4 * red[0]) * masks["cheek"] + np.float32(0.4 * red[1]) * masks["nose"]
    blood += np.float32(0.3 * red[2]) * masks["ear"]
    blood += np.float32(0.3 * red[3]) * masks["around_eyes"]
    blood += np.float32(look.haemoglobin) * (1 + np.float32(0.13) * mottle)
    if look.blush:
        blood += 1.3 * look.blush * masks["blush"]
    if look.blemishes:
        blood += 1.0 * look.blemishes * step(layers[2] + 0.5 * layers[3], 2.0, 2.8)
    lips = masks["lips"]
    return melanin + 0.05 * lips, blood + np.float32(0.5 * look.lip) * lips


def _add_mole(melanin, surface, mole):
    """Adds a mole of (u, v, radius) to melanin `[N]`, in the few texels around it."""
    u, v, radius = mole
    height, width = surface.size
    row, column, reach = int(v * height), int(u * width), 2 + height // 48
    box = slice(max(row - reach, 0), row + reach + 1), slice(max(column - reach, 0), column + reach)
    near = surface.position.reshape(height, width, 3)[box]
    away = near - surface.position[row * width + column]
    gap = np.einsum("ijc,ijc->ij", away, away)
    spot = 1 - step(gap, (0.5 * radius) ** 2, (1.4 * radius) ** 2)
    melanin.reshape(height, width)[box] += np.float32(0.55) * spot
