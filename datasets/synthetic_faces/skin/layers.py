"""Hair and make-up that lie on the skin: brows, lashes, beard, scalp, eye shadow, lipstick.

Each function yields `Layer`s, from the skin upwards, over the N texels of `SkinFields`: `octaves`
`[5, N]` and `streaks` `[N]` are the person's noise.
"""

from collections.abc import Iterator

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces.people.appearance import Appearance
from tf_nonlinear3dmm.data.builders.synthetic_faces.skin.falloff import bump, smoothstep
from tf_nonlinear3dmm.data.builders.synthetic_faces.skin.surface import SKIN, SkinFields

Layer = tuple[np.ndarray, np.ndarray]  # cover `[N]`, colour `[3]` or `[N, 3]`
_INNER = 0.022  # dm, the inner end of a brow lies higher than the ridge
_FOLD = np.array([0.22, 0.12, 0.10], np.float32)  # the shadow in the crease of the upper lid


def lipstick(
    fields: SkinFields, octaves: np.ndarray, streaks: np.ndarray, person: Appearance
) -> Iterator[Layer]:
    """Lipstick."""
    yield person.lipstick * fields.masks["lips"], person.lipstick_colour


def around_eyes(
    fields: SkinFields, octaves: np.ndarray, streaks: np.ndarray, person: Appearance
) -> Iterator[Layer]:
    """Eye shadow, brows, lashes and liner, from the skin upwards."""
    x, y = np.abs(fields.position[:, 0]), fields.position[:, 1]
    if person.eye_shadow:
        lid = bump(fields.upper_lid, 0.06) * (y > 0.17 + 0.02 * (x > 0.4))
        yield person.eye_shadow * lid, person.eye_shadow_colour
    yield (
        0.35 * (1 - person.liner) * bump(fields.upper_lid - 0.045, 0.012) * (y > 0.2),
        person.hair * 0.3 + _FOLD,
    )
    yield _brow(fields, streaks, octaves[4], person), person.brow_colour
    outwards = 0.55 + 0.45 * smoothstep(x, 0.18, 0.4)
    lashes = person.lashes * outwards * bump(fields.upper_lid, 0.015)
    liner = person.liner * outwards * bump(fields.upper_lid, 0.018)
    lower = (0.35 * person.lashes + 0.35 * person.liner) * outwards * bump(fields.lower_lid, 0.008)
    skin = fields.label == SKIN
    dark = np.minimum(person.hair * 0.5, np.float32(0.09))
    yield np.maximum(np.maximum(lashes, liner), lower) * skin, dark


def _brow(fields, streaks, fine, person):
    """Cover `[N]` of the eyebrows: single hairs that fan out from upright to flat."""
    brow = person.brow
    place, above = fields.brow.T
    inside = np.clip((place - brow.start) / (brow.length - brow.start), 0, 1)
    bend = np.where(inside < brow.peak, inside / brow.peak, (1 - inside) / (1 - brow.peak))
    rise = brow.lift + brow.arch * np.sin(0.5 * np.pi * bend) + brow.tilt * (inside - 0.4)
    rise += _INNER * (1 - smoothstep(inside, -0.05, 0.4))
    half = (
        brow.width
        * (0.8 + 0.45 * smoothstep(inside, 0.0, 0.4))
        * (1 - 0.8 * smoothstep(inside, 0.5, 1.0))
    )
    hairs = _hairs(inside * 0.5, above - rise, inside, fields.size, brow.seed)
    offset = np.abs(above - rise) / half
    across = 1 - smoothstep(offset - brow.ragged * 0.35 * hairs, 0.55, 1.1)
    ends = 0.06 * brow.ragged * hairs
    along = smoothstep(place + ends, brow.start - 0.04, brow.start + 0.12)
    along = along * (1 - smoothstep(place + ends, brow.length - 0.14, brow.length + 0.02))
    strokes = np.clip(0.78 + 0.42 * hairs + 0.08 * fine, 0.1, 1.15)
    return brow.density * across * along * strokes


def _hairs(along, across, inside, size, seed):
    """Strokes `[N]`, mean 0: a random value for each hair, faded along its length."""
    turn = 1.25 * (1 - smoothstep(inside, -0.3, 0.75)) + 0.1
    root = along * np.sin(turn) - across * np.cos(turn)
    length = along * np.cos(turn) + across * np.sin(turn)
    finest = np.float32(2.2 / size[0])  # two texels near the eyes
    cell, phase = np.divmod(root / finest + seed % 997, 1)
    which = (cell + 131 * np.floor(length / 0.07 + 0.5 * (cell % 2))).astype(np.int64)
    value = np.sin(which * 12.9898 + seed % 89) * 43758.5453
    value = value - np.floor(value)
    return (2 * value - 1) * np.sin(np.pi * phase) ** 0.5


def beard(
    fields: SkinFields, octaves: np.ndarray, streaks: np.ndarray, person: Appearance
) -> Iterator[Layer]:
    """The beard."""
    if person.beard == "shaven":
        return
    fine = octaves[4]
    x, y, z = np.abs(fields.position[:, 0]), fields.position[:, 1], fields.position[:, 2]
    line = np.interp(x, [0.0, 0.22, 0.33, 0.48, 0.6, 0.66], [-0.3, -0.38, -0.42, -0.30, -0.08, 0.1])
    edge = 0.07 if person.beard == "full" else 0.15
    below = smoothstep(line.astype(np.float32) + person.beard_line - y + 0.02 * fine, -edge, edge)
    upper_lip = smoothstep(-0.25 - y, -0.02, 0.03) * (1 - smoothstep(x, 0.20, 0.28)) * (z > 0.7)
    moustache = upper_lip * (y > -0.5 + 0.4 * np.maximum(0.2 - x, 0))
    chin = (1 - smoothstep(x, 0.20, 0.27)) * smoothstep(-0.45 - y, 0.0, 0.1)
    area = {
        "moustache": moustache * (y > -0.53),
        "goatee": np.maximum(moustache, chin * below),
    }.get(person.beard, np.maximum(below * (z > -0.05), moustache * (y > -0.6)))
    lips = 1 - fields.masks["lips"]
    if person.beard in ("shadow", "stubble"):
        sparse = np.clip(0.8 + 0.2 * fine, 0.2, 1.2)
    else:
        sparse = 1 - 0.25 * smoothstep(fine, 0.0, 1.5)
    cover = area * lips * sparse * (fields.masks["ear"] < 0.3) * (fields.label == 0)
    yield person.beard_density * cover, person.beard_colour * (1 + 0.22 * streaks)[:, np.newaxis]


def scalp(
    fields: SkinFields, octaves: np.ndarray, streaks: np.ndarray, person: Appearance
) -> Iterator[Layer]:
    """Hair above the hairline and before and behind the ears."""
    x, y, z = np.abs(fields.position[:, 0]), fields.position[:, 1], fields.position[:, 2]
    height, peak, temples, burns = person.hairline
    level = y - (0.31 + 0.80 * (z - 0.10)) - height - 0.02 * octaves[2] - 0.012 * octaves[4]
    level += peak * bump(x, 0.12) - temples * bump(x - 0.38, 0.16) + 0.012 * streaks
    top = smoothstep(level, -0.03, 0.06)
    no_ear = 1 - smoothstep(fields.masks["ear"], 0.02, 0.2)
    front = 0.34 + 0.016 * octaves[4] + 0.1 * (y - 0.2)
    burn = smoothstep(front - z, -0.01, 0.08) * smoothstep(y + burns + 0.02 * streaks, -0.06, 0.08)
    burn = burn * (z > 0.12) * (x > 0.5)
    behind = smoothstep(0.05 - z, 0, 0.05) * smoothstep(y - 0.1, -0.05, 0.1)
    cover = np.maximum(np.maximum(top, 0.9 * burn), behind) * no_ear
    yield person.scalp_cover * cover, person.hair * (1 + 0.17 * streaks)[:, np.newaxis]
