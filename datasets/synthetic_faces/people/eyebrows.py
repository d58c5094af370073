"""The shape of the eyebrows."""

from typing import NamedTuple

import numpy as np


class Eyebrow(NamedTuple):
    """The shape of an eyebrow; lengths in decimetres, places along it 0 (inner) to 1 (outer)."""

    density: float
    width: float  # half of its height
    lift: float  # above the ridge
    arch: float
    tilt: float  # how much higher its outer end lies
    peak: float  # place of the arch
    start: float
    length: float
    ragged: float  # 0 plucked to 1 bushy
    seed: int


def sample(random: np.random.Generator, male: bool, years: float) -> Eyebrow:
    """Draws an `Eyebrow`; `years`: 0 at thirty to 1 in old age."""
    full = random.beta(2, 2) + 0.25 * male
    return Eyebrow(
        density=random.uniform(0.6, 1.0) * (1 - 0.3 * years * random.uniform()),
        width=(0.016 + 0.024 * full) * random.uniform(0.85, 1.15),
        lift=random.normal(-0.012, 0.008),
        arch=max(random.normal(0.006 if male else 0.022, 0.014), -0.005),
        tilt=random.normal(0.0, 0.010),
        peak=random.uniform(0.5, 0.75),
        start=random.normal(0.0, 0.07),
        length=random.uniform(0.82, 1.08),
        ragged=random.beta(2, 2) * (1.0 if male else 0.6) + 0.3 * years,
        seed=int(random.integers(1 << 31)),
    )
