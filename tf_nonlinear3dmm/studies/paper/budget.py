"""How many images a network learns from, and whether more of them would have helped.

Every network of a study has the same number of images. Its error has become flat where the best
validation error, NME plus vertex error, fell by less than `GAIN` over the last `SHARE` of them.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tf_nonlinear3dmm.configs import Config, StageConfig
from tf_nonlinear3dmm.training.loop import stages

SHARE, GAIN = 1 / 3, 0.01

Curve = Sequence[tuple[int, float]]  # (images so far, validation error)


class Flatness(NamedTuple):
    """Whether a network was trained long enough.

    Attributes:
        images: that it has learned from.
        before: best validation error until the last `SHARE` of them.
        after: best one in all.
    """

    images: int
    before: float
    after: float

    @property
    def gain(self) -> float:
        """By what fraction the best error fell over the last `SHARE` of the images."""
        return 1 - self.after / self.before

    @property
    def flat(self) -> bool:
        """Whether that is less than `GAIN`."""
        return self.gain < GAIN


def images(config: Config) -> int:
    """Images that a run of `config` learns from, each time that it sees one."""
    return sum(stage.steps * config.batch_size(stage) for _, stage in _with_images(config))


def first_stage(config: Config) -> StageConfig:
    """The first stage that sees images."""
    return next(stage for _, stage in _with_images(config))


def batch_size(config: Config) -> int:
    """Images per step of the first stage that sees any."""
    return config.batch_size(first_stage(config))


def steps(config: Config) -> int:
    """Steps of `batch_size` that take as many images as a run of `config`."""
    return images(config) // batch_size(config)


def judge(curve: Curve, total: int) -> Flatness | None:
    """The `Flatness` of a network of `total` images.

    None where nothing was validated before the last `SHARE` of them, or nothing in it.
    """
    last = (1 - SHARE) * total
    points = [point for point in curve if math.isfinite(point[1])]
    before = [error for seen, error in points if seen <= last]
    after = [error for seen, error in points if seen > last]
    if not before or not after:
        return None
    return Flatness(total, min(before), min(before + after))


def curve(lines: Iterable[Mapping[str, Any]], config: Config) -> Curve:
    """The validation errors in the lines of a run's metrics.jsonl, by images."""
    errors, seen = [], 0
    lines, seeing = list(lines), dict(_with_images(config))
    for name, stage, first, last in stages(config):
        if name in seeing:
            size = config.batch_size(stage)
            errors += [(seen + (step - first) * size, e) for step, e in validations(lines, name)]
            seen += (last - first) * size
    return errors


def validations(lines: Iterable[Mapping[str, Any]], stage: str) -> list[tuple[int, float]]:
    """[(step, NME plus vertex error)] of the validations of one stage."""
    return [
        (line["step"], line["nme"] + line["vertices"])
        for line in lines
        if (line["stage"], line["kind"]) == (stage, "validation")
    ]


def _with_images(config):
    return [
        (n, stage) for n, stage in config.stages() if stage.steps and stage.trains != "decoders"
    ]
