"""The teacher's albedo: what a photo shows of it, seen through a linear model of 200 scans.

A training face has the shape and camera of the teacher's fit, and the paper's label of texture is
the photo as that shape unwraps it. Here the light is taken out of it: the model's albedo and light
are fitted to the photo, in turn; where the photo shows a texel, or the one across the face, it is
the photo over that light, and elsewhere it is the model's. A dark face and dim light are told apart
no better than the photo tells them.
"""

from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm import metrics
from tf_nonlinear3dmm.configs import Config
from tf_nonlinear3dmm.networks import linear
from tf_nonlinear3dmm.rendering import uv_layout
from tf_nonlinear3dmm.studies.paper import autoencoder, linear_models, texture_targets
from tf_nonlinear3dmm.studies.study import Study

ALBEDO = "teacher_albedo"  # what `data.Source` reads as the albedo of the teacher
_ROUNDS = 4  # of light and code in turn
_STRIDE = 4  # every fourth texel is enough for 40 modes
_RIDGE = 0.25  # squared colours: the residual is 0.05, alike over a hundred texels
_CHUNK = 50  # faces
_DIM, _BRIGHT = 0.2, 0.4  # shading at which a texel begins to count, and counts in full
_DARKER, _BRIGHTER = -0.4, 0.15  # than the model: beyond, it is no skin, or light not fitted
_FEATURES = ("vertices", "projection", "texture", "texture_mask")


def needed(config: Config) -> bool:
    """Whether models of a `Config` learn from the albedo of labels, before any image."""
    return any(stage.steps and stage.trains != "all" for _, stage in config.stages())


def ensure_albedo(study: Study) -> None:
    """Adds the teacher's albedo to the training faces, where they do not have it yet."""
    split = study.split("train")
    if ALBEDO in split:
        return
    split.prepare([f"teacher_{name}" for name in _FEATURES])
    basis = linear_models.read(study, "scan-200-albedo")
    layout = uv_layout.build(study.face(), study.config.model.uv_size)
    texels = np.flatnonzero(metrics.covered(layout))[::_STRIDE]
    fit = at_texels(basis, texels)
    chunks = np.array_split(np.arange(split.size), -(-split.size // _CHUNK))
    photos = (_unwrapped(split, rows, layout) for rows in chunks)
    split.derive(ALBEDO, (_to_bytes(_albedo(photo, basis, fit, texels)) for photo in photos))


def _albedo(photo, basis, fit, texels):
    """`[N, Hu, Wu, 3]` of `Unwrapped` photos."""
    flat = (values.reshape(len(values), -1, values.shape[-1])[:, texels] for values in photo)
    codes, light = fit_codes(fit, texture_targets.Unwrapped(*flat))
    return with_details(linear.decode(basis, codes), light, photo)


def with_details(
    albedo: np.ndarray, light: np.ndarray, photos: texture_targets.Unwrapped
) -> np.ndarray:
    """The albedo that photos show, and that of a model where neither side of the face is seen.

    Args:
        albedo: `[N, Hu, Wu, 3]` of the model.
        light: `[N, 9, 3]`.
        photos: `Unwrapped` maps, symmetric about the middle column.
    """
    shading = np.einsum("nhwk,nkc->nhwc", photos.harmonics, light)
    lit = np.clip((shading.min(axis=-1, keepdims=True) - _DIM) / (_BRIGHT - _DIM), 0, 1)
    weight = photos.visible * lit
    details = photos.photo / np.maximum(shading, _DIM) - albedo
    details = np.clip(details, _DARKER, _BRIGHTER) * weight
    across = details[:, :, ::-1] * (1 - weight)
    return albedo + details + across


class Fit(NamedTuple):
    """A linear model of albedo at some texels.

    Attributes:
        mean: `[D]`, D = 3 T colours of the texels.
        directions: `[K, D]` modes times standard deviations.
        products: `[K K, D]` of any two directions.
    """

    mean: np.ndarray
    directions: np.ndarray
    products: np.ndarray


def at_texels(basis: linear.Basis, texels: np.ndarray) -> Fit:
    """The `Fit` of an albedo basis `[Hu, Wu, 3]` at `texels`, `[T]` indices row by row."""
    modes = basis.std[:, np.newaxis] * basis.modes.reshape(len(basis.modes), -1)
    some = modes.reshape(len(modes), -1, 3)[:, texels].reshape(len(modes), -1)
    products = (some[:, np.newaxis] * some).reshape(len(modes) ** 2, -1)
    return Fit(basis.mean.reshape(-1, 3)[texels].reshape(-1), some, products)


def fit_codes(fit: Fit, photos: texture_targets.Unwrapped) -> tuple[np.ndarray, np.ndarray]:
    """Codes `[N, K]` of albedo that make `photos` of T texels, and the light `[N, 9, 3]`.

    Args:
        fit: `Fit` at those texels.
        photos: `Unwrapped`, with `[N, T, 3]` colours.
    """
    count, modes = len(photos.photo), len(fit.directions)
    codes = np.zeros([count, modes], np.float32)
    colours, seen = photos.photo.reshape(count, -1), np.repeat(photos.visible[..., 0], 3, axis=1)
    for _ in range(_ROUNDS):
        albedo = (fit.mean + codes @ fit.directions).reshape(photos.photo.shape)
        light = texture_targets.best_light(photos, albedo)
        shading = np.einsum("ntk,nkc->ntc", photos.harmonics, light).reshape(count, -1)
        normal = ((seen * shading**2) @ fit.products.T).reshape(count, modes, modes)
        right = (seen * shading * (colours - shading * fit.mean)) @ fit.directions.T
        ridged = normal.astype(np.float64) + _RIDGE * np.eye(modes)
        codes = np.linalg.solve(ridged, right[..., np.newaxis].astype(np.float64))[..., 0]
        codes = codes.astype(np.float32)
    return codes, light


def _unwrapped(split, rows, layout):
    vertices, projection, texture, mask = (split[f"teacher_{n}"][rows] for n in _FEATURES)
    harmonics = texture_targets.harmonics(vertices, projection, layout)
    visible = (mask > 127).astype(np.float32)
    return texture_targets.Unwrapped(autoencoder.as_float(texture), visible, harmonics)


def _to_bytes(albedo):
    return np.clip(np.round(255 * albedo), 0, 255).astype(np.uint8)
