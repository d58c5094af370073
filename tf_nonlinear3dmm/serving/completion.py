"""The texture where the photo does not show it, without a seam.

Everything happens in `log_ratio`, in which the light on a face cancels, and in two bands:

    smooth    continued from where the photo is reliable, over the mirrored side, to all of the map
    detail    what is left of the photo; where it is hidden, that of the mirrored side

The mirrored side is the map read from right to left, as UV layouts of faces are symmetric.
"""

import numpy as np
import PIL.Image
import scipy.ndimage

CELL = 4  # texels of a cell's side; what varies slowly is computed in cells
SCALES = (32, 16, 8, 4, 2)  # cells, deviations of the filters that continue the smooth band
TRUST = 0.02  # weight of the coarser scale beside a finer one
MODEL = 0.15  # weight of the model's own colours beside the coarsest scale
MIRRORED = 0.1  # weight of the mirrored side in the smooth band beside the photo itself
BETWEEN = 8  # cells, deviation of the filter of how the sides differ
DARK = 0.03  # added to colours, so that black has a logarithm


def log_ratio(photo: np.ndarray, lit: np.ndarray) -> np.ndarray:
    """The logarithm of a photo over the model, both `[Hu, Wu, 3]` RGB in [0, 1]."""
    return np.log((np.clip(photo, 0, 1) + DARK) / (lit + DARK)).astype(np.float32)


def complete(ratio: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The `log_ratio` of a face of which a photo shows a part.

    Args:
        ratio: `[Hu, Wu, 3]`, the photo's `log_ratio`.
        weight: `[Hu, Wu, 1]` in [0, 1], how reliable it is; where it is 1, the photo stays.

    Returns:
        `[Hu, Wu, 3]`.
    """
    smooth = fine(_continued(*cells(ratio, weight)))
    detail = weight * (ratio - smooth)
    return smooth + detail + (1 - weight) * detail[:, ::-1]


def colours(ratio: np.ndarray, model: np.ndarray) -> np.ndarray:
    """`[Hu, Wu, 3]` RGB in [0, 1] of a `log_ratio` to the colours `model` `[Hu, Wu, 3]`."""
    return np.clip((model + DARK) * np.exp(ratio) - DARK, 0, 1)


def cells(values: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means over cells.

    Args:
        values: `[Hu, Wu, C]`; Hu and Wu are multiples of `CELL`.
        weight: `[Hu, Wu, 1]`, of the texels.

    Returns:
        The values' weighted means `[Hu / CELL, Wu / CELL, C]`, 0 without weight, and the weights'
        means.
    """
    total = _block_means(weight)
    return _block_means(values * weight) / np.maximum(total, 1e-6), total


def fine(values: np.ndarray) -> np.ndarray:
    """`[h, w, C]` of cells as texels `[CELL h, CELL w, C]`, bilinear between the cells' centres."""
    height, width, _ = values.shape
    size = width * CELL, height * CELL
    channels = [
        PIL.Image.fromarray(np.ascontiguousarray(channel, np.float32)).resize(
            size, PIL.Image.Resampling.BILINEAR
        )
        for channel in np.moveaxis(values, -1, 0)
    ]
    return np.stack([np.asarray(channel) for channel in channels], axis=-1)


def blurred(values: np.ndarray, deviation: float) -> np.ndarray:
    """`[h, w, C]` with a Gaussian filter over h and w; 0 lies outside."""
    return scipy.ndimage.gaussian_filter(
        values, (deviation, deviation, 0), mode="constant", truncate=2.5
    )


def _block_means(values):
    height, width, channels = values.shape
    blocks = values.reshape(height // CELL, CELL, width // CELL, CELL, channels)
    return blocks.mean(axis=(1, 3))


def _continued(values, weight):
    """`values` `[h, w, C]`, low-passed, where `weight` `[h, w, 1]` is large, and continued beyond.

    Coarse to fine, each scale counts as far as there is weight within its reach; where there is
    none at all, the result is 0: the model's own colours.
    """
    reliable = weight**2  # so that what is half hair does not colour its surroundings
    mirrored = MIRRORED * reliable[:, ::-1] * (1 - reliable)
    total = reliable + mirrored
    sums = reliable * values + mirrored * _mirrored(values, reliable)
    sums = np.concatenate([sums, total], axis=-1)
    result, trust = np.zeros_like(values), MODEL
    for deviation in SCALES:
        near = blurred(sums, deviation)
        result = (near[..., :-1] + trust * result) / (near[..., -1:] + trust)
        trust = TRUST
    return result


def _mirrored(values, weight):
    """`values` of the other side, less how the sides differ where both are reliable."""
    both = weight * weight[:, ::-1]
    other = values[:, ::-1]
    near = blurred(np.concatenate([both * (values - other), both], axis=-1), BETWEEN)
    return other + near[..., :-1] / (near[..., -1:] + TRUST)
