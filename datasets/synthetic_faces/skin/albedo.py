"""The colour of the skin and of everything on it, painted texel by texel.

Skin is two pigments over a light base: melanin and haemoglobin absorb, so that layers add as
exponents. The detail of photographic skins multiplies it (`complexion`), creases darken it; brows,
beard, hair and make-up are laid over it. Colours are sRGB in [0, 1], used directly as albedo.
"""

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces.people.appearance import Appearance
from tf_nonlinear3dmm.data.builders.synthetic_faces.skin import (
    complexion,
    creases,
    eyes_and_mouth,
    layers,
    noise,
)
from tf_nonlinear3dmm.data.builders.synthetic_faces.skin.falloff import smoothstep
from tf_nonlinear3dmm.data.builders.synthetic_faces.skin.noise import NoiseTiles
from tf_nonlinear3dmm.data.builders.synthetic_faces.skin.surface import (
    LEFT_EYE,
    MOUTH,
    RIGHT_EYE,
    SkinFields,
)

_BASE = np.array([0.97, 0.74, 0.58], np.float32)  # linear light
MELANIN = np.array([1.0, 1.20, 1.36], np.float32)
_YELLOW = np.array([0.10, 0.50, 0.95], np.float32)  # keeps medium skin from looking grey
_BLOOD = np.array([0.12, 0.90, 0.66], np.float32)
_ABSORPTION = np.stack([MELANIN, _YELLOW, _BLOOD])
_WARM = np.array([-0.4, 0.2, 1.2], np.float32)
_AMPLITUDES = (0.35, 0.30, 0.22, 0.16, 0.12)
_SHADE = 0.3  # of the sky's light that hollows lack


def paint(fields: SkinFields, tiles: NoiseTiles, person: Appearance) -> np.ndarray:
    """The albedo of a person's skin and hair over the N texels of `fields`: `[N, 3]`.

    Eyes and mouth are left to `eyes_and_mouth`.
    """
    octaves = noise.cut(tiles.skin, fields.size, person.noise_offset)
    streaks = noise.cut(tiles.short_streaks[np.newaxis], fields.size, person.noise_offset // 7)[0]
    colour = _skin(fields, octaves, person)
    for zone, layer in (
        ("mouth", layers.lipstick),
        ("eyes", layers.around_eyes),
        ("beard", layers.beard),
        ("scalp", layers.scalp),
    ):
        index, part = fields.zones[zone]
        under = colour[index]
        for cover, tint in layer(part, octaves[:, index], streaks[index], person):
            under += np.clip(cover, 0, 1)[:, np.newaxis] * (tint - under)
        colour[index] = under
    return np.clip(colour, 0, 1, out=colour)


def _skin(fields, octaves, person):
    """The colour `[N, 3]` of bare skin."""
    tone = skin_colour(person.melanin, person.haemoglobin, person.warmth)
    exponent = _exponent(*_pigments(fields, octaves, person), person.warmth)
    exponent += complexion.mix(fields.skins, person.skins, person.skin_shares, tone)
    shade = np.log(1 - _SHADE * (1 - fields.masks["ao"]))
    index, part = fields.zones["creases"]
    shade[index] += creases.shade(part, octaves[:, index], person)
    exponent += shade[:, np.newaxis]
    return np.exp(exponent, out=exponent)


def whole(fields: SkinFields, tiles: NoiseTiles, person: Appearance, gap: float) -> np.ndarray:
    """`paint` with eyes and the inside of a mouth that opens by `gap`: `[N, 3]`."""
    colour = paint(fields, tiles, person)
    for label in (LEFT_EYE, RIGHT_EYE):
        where = fields.label == label
        colour[where] = eyes_and_mouth.eye(fields.eye_direction[where], person)
    return with_mouth(colour, fields, person, gap)


def with_mouth(
    colour: np.ndarray, fields: SkinFields, person: Appearance, gap: float
) -> np.ndarray:
    """A copy of `colour` `[N, 3]` with the inside of the mouth painted anew."""
    colour, where = np.copy(colour), fields.label == MOUTH
    colour[where] = eyes_and_mouth.mouth(fields.mouth[where], gap, person)
    return colour


def plain(
    tiles: NoiseTiles, size: tuple[int, int], lips: np.ndarray, person: Appearance
) -> np.ndarray:
    """The albedo of a map `[N, 3]` of nothing but skin, with `lips` `[N]` in [0, 1]."""
    octaves = noise.cut(tiles.skin, size, person.noise_offset)
    mottle = person.mottling * (np.array(_AMPLITUDES, np.float32) @ octaves)
    melanin = person.melanin + (0.05 * person.melanin + 0.005) * mottle + 0.06 * lips
    return skin_colour(
        melanin, person.haemoglobin + (0.35 + 0.65 * person.lip) * lips, person.warmth
    )


def skin_colour(
    melanin: float | np.ndarray, blood: float | np.ndarray, warmth: float = 0.0
) -> np.ndarray:
    """sRGB `[..., 3]` of skin with these pigments `[...]`, each 0 to about 1."""
    return np.exp(_exponent(melanin, blood, warmth))


def _exponent(melanin, blood, warmth):
    """The logarithm of `skin_colour`; linear light to sRGB by a power."""
    m, h = 1.75 * np.asarray(melanin, np.float32), 0.40 * np.asarray(blood, np.float32)
    pigments = np.stack([m, 0.35 * np.tanh(m / 0.35), h], axis=-1)
    constant = np.log(_BASE) - np.float32(0.05 * warmth) * _WARM
    return constant / np.float32(2.2) - pigments @ (_ABSORPTION / np.float32(2.2))


def _pigments(fields, octaves, person):
    """Melanin and haemoglobin `[N]` each."""
    masks = fields.masks
    amplitudes = np.array(_AMPLITUDES, np.float32)
    mottle = np.float32(0.6 * person.mottling) * np.einsum("l,ln->n", amplitudes, octaves)
    melanin = np.float32(0.05 * person.melanin + 0.005) * mottle
    melanin += np.float32(person.melanin)
    melanin += (
        np.float32(person.dark_circles * (0.03 + 0.10 * person.melanin)) * masks["around_eyes"]
    )
    if person.freckles:
        speck = smoothstep(octaves[4] + 0.6 * octaves[3], 1.0, 1.9)
        melanin += 0.16 * person.freckles * masks["freckled"] * speck
    if person.spots:
        melanin += 0.12 * person.spots * smoothstep(octaves[3] + 0.5 * octaves[1], 1.5, 2.3)
    for mole in person.moles:
        _add_mole(melanin, fields, mole)
    red = person.redness.astype(np.float32)
    blood = np.float32(0.4 * red[0]) * masks["cheek"] + np.float32(0.4 * red[1]) * masks["nose"]
    blood += np.float32(0.3 * red[2]) * masks["ear"]
    blood += np.float32(0.3 * red[3]) * masks["around_eyes"]
    blood += np.float32(person.haemoglobin) * (1 + np.float32(0.13) * mottle)
    if person.blush:
        blood += 1.3 * person.blush * masks["blush"]
    if person.blemishes:
        blood += 1.0 * person.blemishes * smoothstep(octaves[2] + 0.5 * octaves[3], 2.0, 2.8)
    lips = masks["lips"]
    return melanin + 0.05 * lips, blood + np.float32(0.5 * person.lip) * lips


def _add_mole(melanin, fields, mole):
    """Adds a mole of (u, v, radius) to melanin `[N]`, in the few texels around it."""
    u, v, radius = mole
    height, width = fields.size
    row, column, reach = int(v * height), int(u * width), 2 + height // 48
    box = slice(max(row - reach, 0), row + reach + 1), slice(max(column - reach, 0), column + reach)
    near = fields.position.reshape(height, width, 3)[box]
    away = near - fields.position[row * width + column]
    gap = np.einsum("ijc,ijc->ij", away, away)
    spot = 1 - smoothstep(gap, (0.5 * radius) ** 2, (1.4 * radius) ** 2)
    melanin.reshape(height, width)[box] += np.float32(0.55) * spot
