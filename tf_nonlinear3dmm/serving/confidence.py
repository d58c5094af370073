"""How far the colours that a photo has where a face should be are those of the face.

Hair, hands, glasses and the background are not. They differ from the model's albedo times light,
once a smooth change of the light is fitted, over more than a few texels. Brows, lashes, beards and
make-up differ as well, but lie in the middle of the face, where more is tolerated.
"""

from typing import NamedTuple

import numpy as np
import scipy.ndimage

from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import uv_layout
from tf_nonlinear3dmm.rendering.uv_layout import UVLayout
from tf_nonlinear3dmm.serving import completion

FEATURES = ("brows", "eyelids", "eyes", "lips", "mouth", "nostril")  # regions of a `FaceModel`
DARKER, BRIGHTER, TINT = 0.4, 0.25, 0.12  # deviations of skin's log ratios; tint: without grey
OUTLIER = 4.0  # squared deviations at which the confidence is a half
GRAZING, FACING = 0.25, 0.6  # cosines to the viewing direction: nothing to see, all to see
SEAM = 3.0  # cells over which the confidence falls towards what is hidden


class Tolerance(NamedTuple):
    """How many times as far as those of bare skin the colours of a place may be off.

    Attributes:
        dark: `[h, w, 1]`, when darker: features and beards.
        tint: `[h, w, 1]`, otherwise: features.
    """

    dark: np.ndarray
    tint: np.ndarray


def tolerance(face: FaceModel, layout: UVLayout) -> Tolerance:
    """The `Tolerance` of a `FaceModel` in cells, of which `layout` is the `UVLayout`."""
    regions = [face.regions[name] for name in FEATURES if name in face.regions]
    features = np.max([*regions, np.zeros(len(face.uv))], axis=0)
    mouth = face.landmarks[31:][face.landmarks[31:] >= 0]
    at = face.uv[mouth] if len(mouth) else face.uv
    away = (face.uv - at[-20:].mean(axis=0)) / at.std(axis=0)
    beard = np.exp(-0.5 * (away**2).sum(axis=-1))
    attributes = np.stack([1 + 1.5 * np.maximum(features, beard), 1 + 1.5 * features], axis=-1)
    maps = uv_layout.to_texels(attributes[np.newaxis].astype(np.float32), layout)[0].numpy()
    return Tolerance(maps[..., :1], maps[..., 1:])


def reliable(
    ratio: np.ndarray, visible: np.ndarray, towards: np.ndarray, tolerance: Tolerance
) -> np.ndarray:
    """Weights of a photo's colours in [0, 1].

    Args:
        ratio: `[Hu, Wu, 3]`, the `completion.log_ratio` of the photo.
        visible: `[Hu, Wu, 1]`, 1 where the photo shows the texel.
        towards: `[h, w, 1]`, cosines of the angle to the viewing direction, in cells.
        tolerance: `Tolerance`, in cells.

    Returns:
        `[Hu, Wu, 1]`, 0 where the photo does not show the texel.
    """
    values, shown = completion.cells(ratio, visible)
    view = np.clip((towards - GRAZING) / (FACING - GRAZING), 0, 1) * _inside(shown)
    return visible * completion.fine(view * of_skin(values, shown * view, tolerance))


def of_skin(ratio: np.ndarray, weight: np.ndarray, tolerance: Tolerance) -> np.ndarray:
    """How far colours are those of skin, `[h, w, 1]` in [0, 1], whatever the light.

    Args:
        ratio: `[h, w, 3]` log ratios to the model's colours.
        weight: `[h, w, 1]`, how well each is seen.
        tolerance: `Tolerance`.
    """
    if not weight.any():
        return np.zeros_like(weight)
    light = _polynomials(*ratio.shape[:2])
    confidence = (tolerance.dark > np.median(tolerance.dark)).astype(
        ratio.dtype
    )  # the middle is skin
    for _ in range(4):
        residual = ratio - _fitted(ratio, light, weight * confidence)
        lightness = residual.mean(axis=-1, keepdims=True)
        tint = np.sum((residual - lightness) ** 2, axis=-1, keepdims=True)
        grey = np.where(lightness < 0, DARKER * tolerance.dark, BRIGHTER * tolerance.tint)
        squares = (lightness / grey) ** 2 + tint / (TINT * tolerance.tint) ** 2
        near = completion.blurred(np.concatenate([weight * squares, weight], axis=-1), 1.2)
        squares = near[..., :1] / np.maximum(near[..., 1:], 1e-6)
        confidence = 1 / (1 + (squares / OUTLIER) ** 3)
    certain = np.clip(1.5 * confidence - 0.25, 0, 1)
    return _shrunk(np.where(weight > 0, certain, 1))


def _fitted(values, basis, weight):
    """`values` `[h, w, C]` as combinations of `basis` `[h, w, K]`, the first its constant."""
    weighted = np.reshape(basis * weight, [-1, basis.shape[-1]])
    flat = basis.reshape(-1, basis.shape[-1])
    rigid = np.diag([1e-6, *[0.02] * (flat.shape[1] - 1)]) * weight.sum()
    normal = weighted.T @ flat + rigid + 1e-6 * np.eye(flat.shape[1])
    return basis @ np.linalg.solve(normal, weighted.T @ values.reshape(len(flat), -1))


def _polynomials(height, width):
    """`[h, w, 6]`: 1, and what is linear and quadratic in the place in [-1, 1]."""
    v, u = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return np.stack([np.ones_like(u), u, v, u * u, v * v, u * v], axis=-1).astype(np.float32)


def _inside(shown):
    """Weights `[h, w, 1]` that fall to 0 towards what is hidden, but for holes such as nostrils.

    `shown` is `[h, w, 1]`, the share of a cell that is seen.
    """
    seen = scipy.ndimage.binary_closing(np.pad(shown[..., 0] > 0.9, 3), iterations=2)
    depth = scipy.ndimage.distance_transform_edt(seen)[3:-3, 3:-3, None]
    return np.clip((depth - 0.5) / SEAM, 0, 1) * shown


def _shrunk(confidence):
    """A confidence that is lost already beside what is not skin, with a soft edge."""
    lost = scipy.ndimage.minimum_filter(confidence, size=(3, 3, 1), mode="nearest")
    return completion.blurred(np.pad(lost, ((4, 4), (4, 4), (0, 0)), "edge"), 1.0)[4:-4, 4:-4]
