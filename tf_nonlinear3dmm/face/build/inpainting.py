"""Filling in parts of an image from what surrounds them."""

import numpy as np
import scipy.ndimage


def fill(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """`image` `[H, W, C]` with unknown texels filled in from known ones, coarser with distance."""
    if known.all():
        return image
    weight = known[..., np.newaxis].astype(np.float64)
    levels = [(image * weight, weight)]
    while min(levels[-1][0].shape[:2]) > 2:
        levels.append(tuple(_halve(part) for part in levels[-1]))
    total, weight = levels.pop()
    result = total / np.maximum(weight, 1e-12)
    for total, weight in reversed(levels):
        mean = total / np.maximum(weight, 1e-12)
        above = _double(result, total.shape[:2])
        share = np.clip(weight, 0, 1)
        result = share * mean + (1 - share) * above
    return np.where(known[..., np.newaxis], image, result)


def feather(mask: np.ndarray, width: int = 4) -> np.ndarray:
    """`[H, W, 1]` 0 outside `mask` `[H, W]`, growing to 1 at `width` texels inside."""
    return np.clip(scipy.ndimage.distance_transform_edt(mask) / width, 0, 1)[..., np.newaxis]


def _halve(image):
    height, width = image.shape[:2]
    padded = np.pad(image, [(0, height % 2), (0, width % 2), (0, 0)], mode="edge")
    smooth = scipy.ndimage.gaussian_filter(padded, (1, 1, 0), mode="nearest")
    return (smooth[::2, ::2] + smooth[1::2, ::2] + smooth[::2, 1::2] + smooth[1::2, 1::2]) / 4


def _double(image, size):
    rows = np.clip((np.arange(size[0]) - 0.5) / 2, 0, image.shape[0] - 1)
    columns = np.clip((np.arange(size[1]) - 0.5) / 2, 0, image.shape[1] - 1)
    grid = np.meshgrid(rows, columns, indexing="ij")
    channels = np.moveaxis(image, -1, 0)
    return np.stack(
        [scipy.ndimage.map_coordinates(c, grid, order=1, mode="nearest") for c in channels], -1
    )
