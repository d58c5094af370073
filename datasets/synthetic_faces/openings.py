"""What shows through the openings of the skin: eyeballs, and the inside of the mouth."""

import numpy as np

from datasets.synthetic_faces.fade import bump, step

IRIS_DEGREES = 24.5  # half the angle of the iris at the eyeball's centre


def eye(directions, look):
    """sRGB `[N, 3]` of an eyeball at unit `directions` `[N, 3]`, optical axis +z."""
    length = np.maximum(np.linalg.norm(directions, axis=1), 1e-6)
    x, y, z = (directions / length[:, np.newaxis]).T
    angle = np.degrees(np.arccos(np.clip(z, -1, 1))) / IRIS_DEGREES
    turn = np.arctan2(y, x)
    yellow = np.array([0.02, 0.06, 0.12]) * look.sclera
    white = np.array([0.86, 0.84, 0.82]) - yellow
    veins = 0.10 + 0.25 * look.sclera
    reddish = step(angle, 1.2, 2.6)[:, np.newaxis] * np.array([0.06, 0.30, 0.28]) * veins
    sclera = (white - reddish) * (1 - 0.22 * step(angle, 1.5, 3.0))[:, np.newaxis]
    streaks = 0.5 + 0.25 * np.sin(23 * turn + 3 * np.sin(5 * turn)) + 0.25 * np.sin(41 * turn)
    brightness = 0.75 + 0.35 * streaks + 0.35 * bump(angle - 0.55, 0.25)
    iris = np.clip(look.iris * brightness[:, np.newaxis], 0, 1)
    iris = iris * (1 - 0.6 * step(angle, 0.78, 1.0))[:, np.newaxis]
    colour = iris + step(angle, 0.94, 1.08)[:, np.newaxis] * (sclera - iris)
    pupil = 1 - step(angle, look.pupil - 0.06, look.pupil + 0.06)
    colour = colour + pupil[:, np.newaxis] * (0.03 - colour)
    under_lid = 1 - 0.40 * step(y, 0.05, 0.45)
    return np.clip(colour * under_lid[:, np.newaxis], 0, 1).astype(np.float32)


def mouth(sheet, gap, look):
    """sRGB `[N, 3]` of the mouth's inside at `sheet` `[N, 2]` (column, row).

    Teeth keep their height as the mouth opens: `gap` is how far, in decimetres.
    """
    column, row = sheet.T
    gap = max(gap, 1e-3)
    depth = row * gap
    arch = 0.02 * column**2
    upper = 1 - step(depth + arch, 0.070, 0.082)
    lower = step(depth + arch - (gap - 0.030), -0.006, 0.006) * (gap > 0.08)
    lower = lower * (1 - step(np.abs(column), 0.55, 0.8))
    seams = 1 - 0.25 * np.maximum(np.cos(2 * np.pi * 5.5 * column), 0) ** 12
    enamel = np.array([0.86, 0.83, 0.76]) - look.teeth * np.array([0.05, 0.09, 0.17])
    enamel = enamel * (seams * (1 - 0.55 * step(np.abs(column), 0.4, 0.95)))[:, np.newaxis]
    tongue = step(depth, 0.35 * gap, 0.75 * gap) * (1 - step(np.abs(column), 0.45, 0.8))
    dark = np.array([0.14, 0.05, 0.05])
    flesh = dark + (0.55 * tongue)[:, np.newaxis] * (np.array([0.62, 0.28, 0.27]) - dark)
    teeth = np.clip(np.maximum(upper, 0.75 * lower), 0, 1)[:, np.newaxis]
    colour = flesh + teeth * (enamel - flesh)
    opening = 0.25 + 0.75 * step(gap, 0.01, 0.08)  # a slit between the lips is dark
    return np.clip(colour * opening, 0, 1).astype(np.float32)
