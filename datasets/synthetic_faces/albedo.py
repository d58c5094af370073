"""The colour of the skin and of everything on it, painted texel by texel.

Skin is two pigments over a light base: melanin and haemoglobin absorb, so that layers add as
exponents. Hair, brows, beard and make-up are laid over it. Colours are sRGB in [0, 1], used
directly as albedo.
"""

from typing import NamedTuple

import numpy as np
import scipy.ndimage

from datasets.synthetic_faces import surface as surface_lib

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
IRIS_DEGREES = 24.5


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

    Eyes and mouth sheet are left to `eye` and `mouth`.
    """
    layers = _cut(noise.skin, surface.size, look.noise)
    strands = _cut(noise.strands[np.newaxis], surface.size, look.noise // 7)[0]
    melanin, blood = _pigments(surface, layers, look)
    colour = skin_colour(melanin, blood, look.warmth)
    colour *= _creases(surface, look)[:, np.newaxis]
    for zone, coats in (
        ("mouth", _lipstick),
        ("eyes", _around_eyes),
        ("beard", _beard),
        ("scalp", _scalp),
    ):
        index, part = surface.zones[zone]
        under = colour[index]
        for cover, tint in coats(part, layers[:, index], strands[index], look):
            under += np.clip(cover, 0, 1)[:, np.newaxis] * (tint - under)
        colour[index] = under
    colour *= (0.55 + 0.45 * surface.masks["ao"])[:, np.newaxis]
    return np.clip(colour, 0, 1)


def whole(surface, noise, look, gap):
    """`paint` with eyes and the inside of a mouth that opens by `gap`: `[N, 3]`."""
    colour = paint(surface, noise, look)
    for label in (surface_lib.LEFT_EYE, surface_lib.RIGHT_EYE):
        where = surface.label == label
        colour[where] = eye(surface.eye[where], look)
    return with_mouth(colour, surface, look, gap)


def with_mouth(colour, surface, look, gap):
    """A copy of `colour` `[N, 3]` with the inside of the mouth painted anew."""
    colour, where = np.copy(colour), surface.label == surface_lib.SHEET
    colour[where] = mouth(surface.sheet[where], gap, look)
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


def _bump(value, width):
    return np.exp(-np.square(value * (1 / width)))


def _step(value, low, high):
    t = np.clip((value - low) * (1 / (high - low)), 0, 1)
    return t * t * (3 - 2 * t)


def _pigments(surface, layers, look):
    """Melanin and haemoglobin `[N]` each."""
    x, y, z = np.abs(surface.position[:, 0]), surface.position[:, 1], surface.position[:, 2]
    amplitudes = np.array(AMPLITUDES, np.float32)
    mottle = look.mottling * (amplitudes @ layers)
    around_eyes = _bump(surface.bag, 0.07)
    melanin = look.melanin + (0.05 * look.melanin + 0.005) * mottle
    melanin += look.dark_circles * (0.03 + 0.10 * look.melanin) * around_eyes
    if look.freckles:
        face = _bump(np.hypot((x - 0.2) / 1.6, y + 0.02), 0.30) * (z > 0.5)
        melanin += 0.16 * look.freckles * face * _step(layers[4] + 0.6 * layers[3], 1.0, 1.9)
    if look.spots:
        melanin += 0.12 * look.spots * _step(layers[3] + 0.5 * layers[1], 1.5, 2.3)
    for u, v, radius in look.moles:
        height, width = surface.size
        away = surface.position - surface.position[int(v * height) * width + int(u * width)]
        gap = np.einsum("nc,nc->n", away, away)
        melanin += 0.55 * (1 - _step(gap, (0.5 * radius) ** 2, (1.4 * radius) ** 2))
    red = look.redness
    blood = look.haemoglobin * (1 + 0.08 * look.mottling * (amplitudes[::-1] @ layers))
    blood += 0.6 * red[0] * _bump(np.hypot((x - 0.36) / 1.2, y + 0.10), 0.17) * (z > 0.3)
    blood += 0.6 * red[1] * _bump(np.hypot(x, y + 0.13), 0.10) * (z > 0.9)
    blood += 0.5 * red[2] * surface.masks["ear"] + 0.4 * red[3] * around_eyes
    if look.blush:
        blood += 1.3 * look.blush * _bump(np.hypot((x - 0.42) / 1.6, y + 0.06), 0.13)
    if look.blemishes:
        blood += 1.5 * look.blemishes * _step(layers[2] + 0.5 * layers[3], 2.0, 2.8)
    lips = surface.masks["lips"]
    return melanin + 0.06 * lips, blood + (0.35 + 0.65 * look.lip) * lips


def _creases(surface, look):
    """A factor `[N]`: wrinkles and folds, darker in the crease."""
    forehead, crow, fold, marionette, bags = look.wrinkles
    depth = 0.20 * (0.15 + 0.85 * fold) * _bump(surface.nasolabial, 0.014 + 0.012 * fold)
    if max(look.wrinkles) > 0.02:
        depth += 0.16 * marionette * _bump(surface.marionette, 0.014)
        depth += 0.14 * bags * _bump(surface.bag, 0.016)
        index, part = surface.zones["forehead"]
        depth[index] += _forehead(part, forehead, look)
        index, part = surface.zones["eyes"]
        x, y = np.abs(part.position[:, 0]), part.position[:, 1]
        rays = np.maximum(np.cos(11 * np.arctan2(y - 0.19, x - 0.38)), 0) ** 4 * (x > 0.42)
        away = np.hypot(x - 0.43, y - 0.19)
        depth[index] += 0.14 * crow * rays * _bump(away - 0.06, 0.05)
    return 1 - np.clip(depth, 0, 0.6)


def _forehead(surface, strength, look):
    """Depth `[N]` of lines across the forehead."""
    x, y = np.abs(surface.position[:, 0]), surface.position[:, 1]
    wavy = y + 0.03 * np.cos(5 * x + look.noise % 5)
    lines = np.maximum(np.cos(2 * np.pi * wavy / 0.085), 0) ** 6
    return 0.13 * strength * lines * _bump(y - 0.58, 0.14) * (1 - _step(x, 0.25, 0.5))


def _lipstick(surface, layers, strands, look):
    yield look.lipstick * surface.masks["lips"], look.lipstick_colour


def _around_eyes(surface, layers, strands, look):
    """(cover `[N]`, colour) of eye shadow, brows, lashes and liner, from the skin upwards."""
    x, y = np.abs(surface.position[:, 0]), surface.position[:, 1]
    if look.eye_shadow:
        lid = _bump(surface.upper_lid, 0.06) * (y > 0.17 + 0.02 * (x > 0.4))
        yield look.eye_shadow * lid, look.eye_shadow_colour
    yield _brow(surface, strands, layers[4], look), look.brow_colour
    outwards = 0.5 + 0.5 * _step(x, 0.18, 0.4)
    lashes = look.lashes * outwards * _bump(surface.upper_lid, 0.011)
    liner = look.liner * outwards * _bump(surface.upper_lid, 0.017)
    lower = (0.3 * look.lashes + 0.35 * look.liner) * outwards * _bump(surface.lower_lid, 0.009)
    skin = surface.label == surface_lib.SKIN
    dark = np.minimum(look.hair * 0.5, np.float32(0.09))
    yield np.maximum(np.maximum(lashes, liner), lower) * skin, dark


def _brow(surface, strands, fine, look):
    """Cover `[N]` of the eyebrows."""
    density, width, lift, arch, length, start = look.brow
    place, above = surface.brow.T
    inside = np.clip((place - start) / (length - start), 0, 1)
    rise = lift + arch * np.sin(np.pi * inside**1.3)
    half = width * (0.75 + 0.5 * np.sin(np.pi * np.clip(inside * 0.9 + 0.1, 0, 1)))
    half *= 1 - 0.75 * _step(inside, 0.55, 1.0)
    across = 1 - _step(np.abs(above - rise), 0.45 * half, 1.15 * half)
    along = _step(place, start - 0.05, start + 0.12) * (1 - _step(place, length - 0.1, length))
    hairs = np.clip(0.85 + 0.22 * strands + 0.12 * fine, 0, 1.1)
    return density * across * along * hairs


def _beard(surface, layers, strands, look):
    """(cover `[N]`, colour) of the beard."""
    if look.beard == "shaven":
        return
    fine = layers[4]
    x, y, z = np.abs(surface.position[:, 0]), surface.position[:, 1], surface.position[:, 2]
    line = np.interp(x, [0.0, 0.22, 0.33, 0.48, 0.6, 0.66], [-0.3, -0.38, -0.42, -0.30, -0.08, 0.1])
    edge = 0.05 if look.beard == "full" else 0.09
    below = _step(line.astype(np.float32) + look.beard_line - y + 0.02 * fine, -edge, edge)
    upper_lip = _step(-0.25 - y, -0.02, 0.03) * (1 - _step(x, 0.20, 0.28)) * (z > 0.7)
    moustache = upper_lip * (y > -0.5 + 0.4 * np.maximum(0.2 - x, 0))
    chin = (1 - _step(x, 0.20, 0.27)) * _step(-0.45 - y, 0.0, 0.1)
    area = {
        "moustache": moustache * (y > -0.53),
        "goatee": np.maximum(moustache, chin * below),
    }.get(look.beard, np.maximum(below * (z > -0.05), moustache * (y > -0.6)))
    lips = 1 - surface.masks["lips"]
    if look.beard in ("shadow", "stubble"):
        sparse = np.clip(0.75 + 0.3 * fine, 0.2, 1.2)
    else:
        sparse = 1 - 0.25 * _step(fine, 0.0, 1.5)
    cover = area * lips * sparse * (surface.masks["ear"] < 0.3) * (surface.label == 0)
    yield look.beard_density * cover, look.beard_colour * (1 + 0.22 * strands)[:, np.newaxis]


def _scalp(surface, layers, strands, look):
    """(cover `[N]`, colour) of hair above the hairline and before and behind the ears."""
    x, y, z = np.abs(surface.position[:, 0]), surface.position[:, 1], surface.position[:, 2]
    height, peak, temples, burns = look.hairline
    level = y - (0.31 + 0.80 * (z - 0.10)) - height - 0.015 * layers[2] - 0.012 * layers[4]
    level += peak * _bump(x, 0.12) - temples * _bump(x - 0.38, 0.16)
    top = _step(level, -0.02, 0.035)
    no_ear = surface.masks["ear"] < 0.2
    front = 0.36 + 0.012 * layers[4]
    burn = _step(front - z, 0, 0.06) * _step(y + burns, -0.02, 0.03) * (z > 0.12) * (x > 0.5)
    behind = _step(0.05 - z, 0, 0.05) * _step(y - 0.1, -0.05, 0.1)
    cover = np.maximum(top, np.maximum(burn, behind) * no_ear)
    yield look.hair_paint * cover, look.hair * (1 + 0.22 * strands)[:, np.newaxis]


def eye(directions, look):
    """sRGB `[N, 3]` of an eyeball at unit `directions` `[N, 3]`, optical axis +z."""
    length = np.maximum(np.linalg.norm(directions, axis=1), 1e-6)
    x, y, z = (directions / length[:, np.newaxis]).T
    angle = np.degrees(np.arccos(np.clip(z, -1, 1))) / IRIS_DEGREES
    turn = np.arctan2(y, x)
    yellow = np.array([0.02, 0.06, 0.12]) * look.sclera
    white = np.array([0.86, 0.84, 0.82]) - yellow
    veins = 0.10 + 0.25 * look.sclera
    reddish = _step(angle, 1.2, 2.6)[:, np.newaxis] * np.array([0.06, 0.30, 0.28]) * veins
    sclera = (white - reddish) * (1 - 0.22 * _step(angle, 1.5, 3.0))[:, np.newaxis]
    streaks = 0.5 + 0.25 * np.sin(23 * turn + 3 * np.sin(5 * turn)) + 0.25 * np.sin(41 * turn)
    brightness = 0.75 + 0.35 * streaks + 0.35 * _bump(angle - 0.55, 0.25)
    iris = np.clip(look.iris * brightness[:, np.newaxis], 0, 1)
    iris = iris * (1 - 0.6 * _step(angle, 0.78, 1.0))[:, np.newaxis]
    colour = iris + _step(angle, 0.94, 1.08)[:, np.newaxis] * (sclera - iris)
    pupil = 1 - _step(angle, look.pupil - 0.06, look.pupil + 0.06)
    colour = colour + pupil[:, np.newaxis] * (0.03 - colour)
    under_lid = 1 - 0.40 * _step(y, 0.05, 0.45)
    return np.clip(colour * under_lid[:, np.newaxis], 0, 1).astype(np.float32)


def mouth(sheet, gap, look):
    """sRGB `[N, 3]` of the mouth's inside at `sheet` `[N, 2]` (column, row).

    Teeth keep their height as the mouth opens: `gap` is how far, in decimetres.
    """
    column, row = sheet.T
    gap = max(gap, 1e-3)
    depth = row * gap
    arch = 0.02 * column**2
    upper = 1 - _step(depth + arch, 0.070, 0.082)
    lower = _step(depth + arch - (gap - 0.030), -0.006, 0.006) * (gap > 0.08)
    lower = lower * (1 - _step(np.abs(column), 0.55, 0.8))
    seams = 1 - 0.25 * np.maximum(np.cos(2 * np.pi * 5.5 * column), 0) ** 12
    enamel = np.array([0.86, 0.83, 0.76]) - look.teeth * np.array([0.05, 0.09, 0.17])
    enamel = enamel * (seams * (1 - 0.55 * _step(np.abs(column), 0.4, 0.95)))[:, np.newaxis]
    tongue = _step(depth, 0.35 * gap, 0.75 * gap) * (1 - _step(np.abs(column), 0.45, 0.8))
    dark = np.array([0.14, 0.05, 0.05])
    flesh = dark + (0.55 * tongue)[:, np.newaxis] * (np.array([0.62, 0.28, 0.27]) - dark)
    teeth = np.clip(np.maximum(upper, 0.75 * lower), 0, 1)[:, np.newaxis]
    colour = flesh + teeth * (enamel - flesh)
    opening = 0.25 + 0.75 * _step(gap, 0.01, 0.08)  # a slit between the lips is dark
    return np.clip(colour * opening, 0, 1).astype(np.float32)
