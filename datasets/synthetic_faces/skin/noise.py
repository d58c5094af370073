"""Tiles of noise that every person's skin and hair are cut from."""

from typing import NamedTuple

import numpy as np
import scipy.ndimage

SCALES = (0.25, 0.12, 0.06, 0.03, 0.015)  # of the mottling, dm
_TEXEL = 0.0145 * 192  # dm per texel near the eyes, times the height of the map
TILE = 512


class NoiseTiles(NamedTuple):
    """Tiles of noise, mean 0 and deviation 1, the same for everybody.

    Attributes:
        skin: `[5, Y, X]`, one octave for each of `SCALES`.
        short_streaks: `[Y, X]`, streaks along the columns, for beards and brows.
        long_streaks: `[Y, X]`, longer ones, for the hair of the head.
    """

    skin: np.ndarray
    short_streaks: np.ndarray
    long_streaks: np.ndarray


def make_tiles(size: tuple[int, int]) -> NoiseTiles:
    """The `NoiseTiles` for maps of `size` (height, width); the same in every process."""
    random = np.random.default_rng(20180618)
    texel = _TEXEL / size[0]

    def tile(sigma):
        field = scipy.ndimage.gaussian_filter(
            random.normal(size=(TILE, TILE)).astype(np.float32), sigma, mode="wrap", truncate=3
        )
        return np.pad(field / field.std(), [(0, size[0]), (0, size[1])], mode="wrap")

    skin = np.stack([tile(max(s / texel / 2.5, 0.01)) for s in SCALES])
    long_streaks = 0.8 * tile((30.0, 0.8)) + 0.6 * tile((40.0, 4.0))
    return NoiseTiles(skin, tile((3.0, 0.6)), long_streaks)


def cut(tiles: np.ndarray, size: tuple[int, int], offset: int) -> np.ndarray:
    """The piece `[L, N]` of tiles `[L, Y, X]` that a person's `offset` selects."""
    height, width = size
    row, column = (offset >> 9) % TILE, offset % TILE
    piece = tiles[:, row : row + height, column : column + width]
    return piece.reshape(len(tiles), -1)
