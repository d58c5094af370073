"""Wrinkles and folds of age: dark along the crease, a little lighter beside it."""

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces.fade import bump, step

OLD_SKIN = 1.6  # strength of the fine detail of old skins


def shade(surface, layers, look):
    """What creases add to the logarithm of albedo, `[N]`, over a part of the surface."""
    forehead, crow, fold, marionette, bags = look.wrinkles
    depth = 0.26 * (0.10 + 0.9 * fold) * _crease(surface.nasolabial, 0.016 + 0.012 * fold)
    worst = look.wrinkles.max()
    if worst > 0.02:
        wobble = 0.008 * layers[1] + 0.004 * layers[2]
        depth += 0.26 * marionette * _crease(surface.marionette + wobble, 0.017)
        depth += 0.24 * bags * _crease(surface.bag + 0.5 * wobble, 0.018)
        depth -= 0.05 * bags * bump(surface.lower_lid - 0.035, 0.025)
        depth += _forehead(surface, wobble, forehead)
        depth += _frown(surface, wobble, forehead)
        depth += _crows_feet(surface, wobble, crow)
        depth += _lips(surface, wobble, marionette)
        depth -= OLD_SKIN * look.wrinkles.mean() * surface.ageing
    return -np.clip(depth, -0.3, 0.8)


def _crease(away, width):
    """1 in a crease, slightly negative beside it."""
    return 1.25 * bump(away, width) - 0.25 * bump(away, 2.4 * width)


def _lines(phase):
    """Thin lines, one for each turn of `phase`, between broad and slightly lighter bands."""
    wave = np.maximum(np.cos(np.float32(2 * np.pi) * phase), 0)
    return np.square(np.square(wave)) * wave - np.float32(0.12)


def _forehead(surface, wobble, strength):
    x, y = np.abs(surface.position[:, 0]), surface.position[:, 1]
    wavy = y + 0.03 * np.cos(5 * x) + 1.6 * wobble
    zone = bump(y - 0.58, 0.14) * (1 - step(x, 0.25, 0.5))
    return 0.22 * strength * _lines(wavy / 0.085) * zone


def _frown(surface, wobble, strength):
    """Upright folds between the brows."""
    x, y = np.abs(surface.position[:, 0]), surface.position[:, 1]
    return 0.20 * strength * _crease(x - 0.055 + wobble, 0.014) * bump(y - 0.36, 0.08)


def _crows_feet(surface, wobble, strength):
    x, y = np.abs(surface.position[:, 0]), surface.position[:, 1]
    angle = np.arctan2(y - 0.19, x - 0.36) + 4 * wobble
    away = np.hypot(x - 0.43, y - 0.19)
    zone = bump(away - 0.075, 0.05) * step(x, 0.41, 0.45)
    return 0.28 * strength * _lines(11 / (2 * np.pi) * angle) * zone


def _lips(surface, wobble, strength):
    """Fine upright lines around the lips."""
    x, y = surface.position[:, 0], surface.position[:, 1]
    zone = (bump(y + 0.37, 0.045) + 0.6 * bump(y + 0.60, 0.05)) * (1 - step(np.abs(x), 0.13, 0.24))
    zone = zone * (1 - surface.masks["lips"])
    return 0.12 * strength * _lines(x / 0.045 + 12 * wobble) * zone
