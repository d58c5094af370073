"""Wrinkles and folds of age: dark along the crease, a little lighter beside it."""

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces.people.appearance import Appearance
from tf_nonlinear3dmm.data.builders.synthetic_faces.skin.falloff import bump, smoothstep
from tf_nonlinear3dmm.data.builders.synthetic_faces.skin.surface import SkinFields

_OLD_SKIN = 1.6  # strength of the fine detail of old skins


def shade(fields: SkinFields, octaves: np.ndarray, person: Appearance) -> np.ndarray:
    """What creases add to the logarithm of albedo, `[N]`, over a part of the surface."""
    forehead, crow, fold, marionette, bags = person.wrinkles
    depth = 0.26 * (0.10 + 0.9 * fold) * _crease(fields.nasolabial, 0.016 + 0.012 * fold)
    worst = person.wrinkles.max()
    if worst > 0.02:
        wobble = 0.008 * octaves[1] + 0.004 * octaves[2]
        depth += 0.26 * marionette * _crease(fields.marionette + wobble, 0.017)
        depth += 0.24 * bags * _crease(fields.bag + 0.5 * wobble, 0.018)
        depth -= 0.05 * bags * bump(fields.lower_lid - 0.035, 0.025)
        depth += _forehead(fields, wobble, forehead)
        depth += _frown(fields, wobble, forehead)
        depth += _crows_feet(fields, wobble, crow)
        depth += _lips(fields, wobble, marionette)
        depth -= _OLD_SKIN * person.wrinkles.mean() * fields.ageing
    return -np.clip(depth, -0.3, 0.8)


def _crease(away, width):
    """1 in a crease, slightly negative beside it."""
    return 1.25 * bump(away, width) - 0.25 * bump(away, 2.4 * width)


def _lines(phase):
    """Thin lines, one for each turn of `phase`, between broad and slightly lighter bands."""
    wave = np.maximum(np.cos(np.float32(2 * np.pi) * phase), 0)
    return np.square(np.square(wave)) * wave - np.float32(0.12)


def _forehead(fields, wobble, strength):
    x, y = np.abs(fields.position[:, 0]), fields.position[:, 1]
    wavy = y + 0.03 * np.cos(5 * x) + 1.6 * wobble
    zone = bump(y - 0.58, 0.14) * (1 - smoothstep(x, 0.25, 0.5))
    return 0.22 * strength * _lines(wavy / 0.085) * zone


def _frown(fields, wobble, strength):
    """Upright folds between the brows."""
    x, y = np.abs(fields.position[:, 0]), fields.position[:, 1]
    return 0.20 * strength * _crease(x - 0.055 + wobble, 0.014) * bump(y - 0.36, 0.08)


def _crows_feet(fields, wobble, strength):
    x, y = np.abs(fields.position[:, 0]), fields.position[:, 1]
    angle = np.arctan2(y - 0.19, x - 0.36) + 4 * wobble
    away = np.hypot(x - 0.43, y - 0.19)
    zone = bump(away - 0.075, 0.05) * smoothstep(x, 0.41, 0.45)
    return 0.28 * strength * _lines(11 / (2 * np.pi) * angle) * zone


def _lips(fields, wobble, strength):
    """Fine upright lines around the lips."""
    x, y = fields.position[:, 0], fields.position[:, 1]
    zone = (bump(y + 0.37, 0.045) + 0.6 * bump(y + 0.60, 0.05)) * (
        1 - smoothstep(np.abs(x), 0.13, 0.24)
    )
    zone = zone * (1 - fields.masks["lips"])
    return 0.12 * strength * _lines(x / 0.045 + 12 * wobble) * zone
