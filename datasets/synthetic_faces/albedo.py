"""The colour of the skin and of everything on it, painted texel by texel.

Skin is two pigments over a light base: melanin and haemoglobin absorb, so that layers add as
exponents. Hair, brows, beard and make-up are laid over it. Colours are sRGB in [0, 1], used
directly as albedo.
"""

from typing import NamedTuple

import numpy as np
import scipy.ndimage

from datasets.synthetic_faces import coats, openings
from datasets.synthetic_faces import surface as surface_lib
from datasets.synthetic_faces.fade import bump, step

BASE = np.array([0.90, 0.70, 0.57], np.float32)  # linear light
MELANIN = np.array([1.0, 1.20, 1.36], np.float32)
YELLOW = np.array([0.10, 0.50, 0.95], np.float32)  # keeps medium skin from looking grey
BLOOD = np.array([0.12, 0.90, 0.66], np.float32)
ABSORPTION = np.stack([MELANIN, YELLOW, BLOOD])
WARM = np.array([-0.4, 0.2, 1.2], np.float32)
SCALES = (0.25, 0.12, 0.06, 0.03, 0.015)  # of the mottling, dm
AMPLITUDES = (0.35, 0.30, 0.22, 0.16, 0.12)
TEXEL = 0.0145 * 192  # dm per texel near the eyes, times the height of the map
TILE = 512


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
    melanin, blood = _pigments(surface, layers, look)
    colour = skin_colour(melanin, blood, look.warmth)
    colour *= _creases(surface, look)[:, np.newaxis]
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
    colour *= (0.55 + 0.45 * surface.masks["ao"])[:, np.newaxis]
    return np.clip(colour, 0, 1)


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
    m, h = 1.75 * np.asarray(melanin, np.float32), 0.40 * np.asarray(blood, np.float32)
    pigments = np.stack([m, 0.35 * np.tanh(m / 0.35), h], axis=-1)
    constant = np.log(BASE) - np.float32(0.05 * warmth) * WARM
    return np.exp((constant - pigments @ ABSORPTION) * np.float32(1 / 2.2))  # linear to sRGB


def _cut(tiles, size, place):
    """This person's piece `[L, N]` of tiles `[L, Y, X]`."""
    height, width = size
    row, column = (place >> 9) % TILE, place % TILE
    piece = tiles[:, row : row + height, column : column + width]
    return piece.reshape(len(tiles), -1)


def _pigments(surface, layers, look):
    """Melanin and haemoglobin `[N]` each."""
    x, y, z = np.abs(surface.position[:, 0]), surface.position[:, 1], surface.position[:, 2]
    amplitudes = np.array(AMPLITUDES, np.float32)
    mottle = look.mottling * (amplitudes @ layers)
    around_eyes = bump(surface.bag, 0.07)
    melanin = look.melanin + (0.05 * look.melanin + 0.005) * mottle
    melanin += look.dark_circles * (0.03 + 0.10 * look.melanin) * around_eyes
    if look.freckles:
        face = bump(np.hypot((x - 0.2) / 1.6, y + 0.02), 0.30) * (z > 0.5)
        melanin += 0.16 * look.freckles * face * step(layers[4] + 0.6 * layers[3], 1.0, 1.9)
    if look.spots:
        melanin += 0.12 * look.spots * step(layers[3] + 0.5 * layers[1], 1.5, 2.3)
    for u, v, radius in look.moles:
        height, width = surface.size
        away = surface.position - surface.position[int(v * height) * width + int(u * width)]
        gap = np.einsum("nc,nc->n", away, away)
        melanin += 0.55 * (1 - step(gap, (0.5 * radius) ** 2, (1.4 * radius) ** 2))
    red = look.redness
    blood = look.haemoglobin * (1 + 0.08 * look.mottling * (amplitudes[::-1] @ layers))
    blood += 0.6 * red[0] * bump(np.hypot((x - 0.36) / 1.2, y + 0.10), 0.17) * (z > 0.3)
    blood += 0.6 * red[1] * bump(np.hypot(x, y + 0.13), 0.10) * (z > 0.9)
    blood += 0.5 * red[2] * surface.masks["ear"] + 0.4 * red[3] * around_eyes
    if look.blush:
        blood += 1.3 * look.blush * bump(np.hypot((x - 0.42) / 1.6, y + 0.06), 0.13)
    if look.blemishes:
        blood += 1.5 * look.blemishes * step(layers[2] + 0.5 * layers[3], 2.0, 2.8)
    lips = surface.masks["lips"]
    return melanin + 0.06 * lips, blood + (0.35 + 0.65 * look.lip) * lips


def _creases(surface, look):
    """A factor `[N]`: wrinkles and folds, darker in the crease."""
    forehead, crow, fold, marionette, bags = look.wrinkles
    depth = 0.20 * (0.15 + 0.85 * fold) * bump(surface.nasolabial, 0.014 + 0.012 * fold)
    if max(look.wrinkles) > 0.02:
        depth += 0.16 * marionette * bump(surface.marionette, 0.014)
        depth += 0.14 * bags * bump(surface.bag, 0.016)
        index, part = surface.zones["forehead"]
        depth[index] += _forehead(part, forehead, look)
        index, part = surface.zones["eyes"]
        x, y = np.abs(part.position[:, 0]), part.position[:, 1]
        rays = np.maximum(np.cos(11 * np.arctan2(y - 0.19, x - 0.38)), 0) ** 4 * (x > 0.42)
        away = np.hypot(x - 0.43, y - 0.19)
        depth[index] += 0.14 * crow * rays * bump(away - 0.06, 0.05)
    return 1 - np.clip(depth, 0, 0.6)


def _forehead(surface, strength, look):
    """Depth `[N]` of lines across the forehead."""
    x, y = np.abs(surface.position[:, 0]), surface.position[:, 1]
    wavy = y + 0.03 * np.cos(5 * x + look.noise % 5)
    lines = np.maximum(np.cos(2 * np.pi * wavy / 0.085), 0) ** 6
    return 0.13 * strength * lines * bump(y - 0.58, 0.14) * (1 - step(x, 0.25, 0.5))
