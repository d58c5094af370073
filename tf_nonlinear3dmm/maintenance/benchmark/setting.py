"""What is measured, and how thoroughly."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tf_nonlinear3dmm import configs

FACES = {"train_examples": 512, "validation_examples": 64, "test_examples": 64}


class Setting(NamedTuple):
    """What the sections share.

    Attributes:
        preset: whose networks and images are measured.
        folder: of generated faces; those that are missing are generated.
        runs: of which the median is taken, after one that warms up.
        quick: smaller work, which shows that a section runs, not how fast.
        say: called with a line now and then.
    """

    preset: str = "small"
    folder: str = "data"
    runs: int = 15
    quick: bool = False
    say: Callable[[str], None] = print

    def config(self, preset: str = "", faces: Mapping[str, int] = FACES) -> configs.Config:
        """The `Config` of a preset, by default `self.preset`, with at most so many faces."""
        config = configs.preset(preset or self.preset)
        few = {name: min(n, getattr(config.data, name)) for name, n in faces.items()}
        return dataclasses.replace(
            config, data=dataclasses.replace(config.data, folder=self.folder, **few)
        )
