"""What shows through the openings of the skin: eyeballs, and the inside of the mouth."""

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces.people.appearance import Appearance
from tf_nonlinear3dmm.data.builders.synthetic_faces.skin.falloff import bump, smoothstep

_IRIS_DEGREES = 24.5  # half the angle of the iris at the eyeball's centre


def eye(directions: np.ndarray, person: Appearance) -> np.ndarray:
    """sRGB `[N, 3]` of an eyeball at unit `directions` `[N, 3]`, optical axis +z."""
    length = np.maximum(np.linalg.norm(directions, axis=1), 1e-6)
    x, y, z = (directions / length[:, np.newaxis]).T
    angle = np.degrees(np.arccos(np.clip(z, -1, 1))) / _IRIS_DEGREES
    colour, white = _iris(angle, np.arctan2(y, x), person), _sclera(angle, person)
    colour = colour + smoothstep(angle, 0.95, 1.09)[:, np.newaxis] * (white - colour)
    pupil = 1 - smoothstep(angle, person.pupil - 0.05, person.pupil + 0.05)
    colour = colour + pupil[:, np.newaxis] * (0.02 - colour)
    under_lid = 1 - 0.55 * smoothstep(y, 0.0, 0.40)
    return np.clip(colour * under_lid[:, np.newaxis], 0, 1).astype(np.float32)


def _iris(angle, turn, person):
    """Fibres, a lighter ring around the pupil, the dark limbal ring, and light gathered below."""
    fibres = 0.5 * np.sin(23 * turn + 3 * np.sin(5 * turn)) + 0.5 * np.sin(41 * turn)
    collar = bump(angle - person.pupil - 0.16, 0.12)
    caustic = np.clip(-np.sin(turn), 0, 1) * bump(angle - 0.62, 0.22)
    brightness = 0.85 + 0.18 * fibres + 0.25 * collar + 0.28 * caustic
    brightness = brightness * (1 - 0.72 * bump(angle - 0.97, 0.13))
    warm = 0.18 * collar[:, np.newaxis] * (np.array([0.5, 0.34, 0.16]) - person.iris)
    return np.clip((person.iris + warm) * brightness[:, np.newaxis], 0, 1)


def _sclera(angle, person):
    """Off-white, redder and darker towards the corners."""
    yellow = np.array([0.02, 0.06, 0.12]) * person.sclera
    white = np.array([0.68, 0.65, 0.63]) - yellow
    outer = smoothstep(angle, 1.2, 2.7)[:, np.newaxis]
    reddish = outer * np.array([0.05, 0.24, 0.22]) * (0.25 + 0.45 * person.sclera)
    return (white - reddish) * (1 - 0.30 * outer)


def mouth(place: np.ndarray, gap: float, person: Appearance) -> np.ndarray:
    """sRGB `[N, 3]` of the mouth's inside at `place` `[N, 2]` (column, row).

    Teeth keep their height as the mouth opens: `gap` is how far, in decimetres.
    """
    column, row = place.T
    gap = max(gap, 1e-3)
    depth = row * gap
    arch = 0.02 * column**2 + 0.008 * np.maximum(np.cos(2 * np.pi * 5.5 * column), 0) ** 12
    upper = 1 - smoothstep(depth + arch, 0.070, 0.082)
    lower = smoothstep(depth + arch - (gap - 0.030), -0.006, 0.006) * (gap > 0.08)
    lower = lower * (1 - smoothstep(np.abs(column), 0.55, 0.8))
    between = np.maximum(np.cos(2 * np.pi * 5.5 * column), 0) ** 12
    seams = 1 - 0.3 * between
    enamel = np.array([0.86, 0.83, 0.76]) - person.teeth * np.array([0.05, 0.09, 0.17])
    enamel = enamel * (seams * (1 - 0.55 * smoothstep(np.abs(column), 0.4, 0.95)))[:, np.newaxis]
    tongue = smoothstep(depth, 0.35 * gap, 0.75 * gap) * (1 - smoothstep(np.abs(column), 0.45, 0.8))
    dark = np.array([0.14, 0.05, 0.05])
    flesh = dark + (0.55 * tongue)[:, np.newaxis] * (np.array([0.62, 0.28, 0.27]) - dark)
    teeth = np.clip(np.maximum(upper, 0.75 * lower), 0, 1)[:, np.newaxis]
    colour = flesh + teeth * (enamel - flesh)
    opening = 0.25 + 0.75 * smoothstep(gap, 0.01, 0.08)  # a slit between the lips is dark
    return np.clip(colour * opening, 0, 1).astype(np.float32)
