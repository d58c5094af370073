"""Photographic skins of the embedded face, in its UV map: assets/skins.npz.

Keys: `names` [S]; `tone` [S, 3], sRGB of cheeks and forehead; `ethnicity` [S] (0 African, 1 Asian,
2 Caucasian), `male` [S] bool, `age` [S] on MakeHuman's scale; `jpeg_00` ... bytes of an image of
384 x 448 texels: the logarithm of albedo over tone (both sRGB), +-`RANGE` over 0 to 255.
"""

import io
import pathlib
from typing import NamedTuple

import numpy as np
import PIL.Image
import scipy.ndimage

from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.core.types import Size
from tf_nonlinear3dmm.face import npz

ASSET = pathlib.Path(__file__).parents[1] / "assets" / "skins.npz"
RANGE = 1.5


class Skins(NamedTuple):
    """Photographic skins, S of them.

    Attributes:
        names: `[S]` such as `young_asian_female`.
        tone: `[S, 3]` sRGB of cheeks and forehead.
        ethnicity: `[S]` 0 African, 1 Asian, 2 Caucasian.
        male: `[S]` bool.
        age: `[S]` 0.5 young, 0.75 middle-aged, 1 old.
        detail: `[S, H, W, 3]` float32, log of albedo over tone in the UV map of `makehuman`.
    """

    names: np.ndarray
    tone: np.ndarray
    ethnicity: np.ndarray
    male: np.ndarray
    age: np.ndarray
    detail: np.ndarray | None


def load_skins(size: Size | None = None) -> Skins:
    """The `Skins` on maps of `size` (height, width), by default as stored."""
    asset, kinds = array_files.arrays(ASSET), load_kinds()
    images = [npz.require(asset, f"jpeg_{i:02d}", ASSET) for i in range(len(kinds.names))]
    detail = [decode(image) for image in images]
    if size is not None:
        detail = [resize(image, size) for image in detail]
    return kinds._replace(detail=np.stack(detail))


def load_kinds() -> Skins:
    """`Skins` with everything but `detail`, which is None."""
    asset = array_files.arrays(ASSET)
    arrays = {key: npz.require(asset, key, ASSET) for key in Skins._fields[:-1]}
    return Skins(**arrays, detail=None)


def decode(data: np.ndarray) -> np.ndarray:
    """Detail `[H, W, 3]` of JPEG bytes."""
    level = np.asarray(PIL.Image.open(io.BytesIO(data.tobytes())), np.float32)
    return (level - 127.5) * np.float32(RANGE / 127.5)


def resize(image: np.ndarray, size: Size) -> np.ndarray:
    """A map `[H, W, 3]` at another size, antialiased; corner texels stay on corner texels."""
    ratio = [(old - 1) / (new - 1) for old, new in zip(image.shape, size, strict=False)]
    grid = [np.arange(new) * step for new, step in zip(size, ratio, strict=True)]
    grid = np.meshgrid(*grid, indexing="ij")
    blur = [0.45 * np.sqrt(max(step**2 - 1, 0)) for step in ratio]
    channels = []
    for channel in np.moveaxis(image, -1, 0):
        smooth = scipy.ndimage.gaussian_filter(channel, blur, mode="nearest", truncate=3)
        channels.append(scipy.ndimage.map_coordinates(smooth, grid, order=1, mode="nearest"))
    return np.stack(channels, axis=-1)
