"""Photographic skin over a person's tone: mixtures of the embedded skins, and what age adds."""

import functools
from typing import NamedTuple

import numpy as np
import scipy.ndimage
import scipy.spatial

from tf_nonlinear3dmm.face import FaceModel, load_kinds, load_skins
from tf_nonlinear3dmm.rendering import uv_layout

MIXED = 3  # skins in a person's mixture
FINE = 4.0  # texels at 192 rows: what is finer is creases and pores, not colour
CONTRAST = 0.6  # how far a skin's contrast follows the brightness it is laid on


class Complexions(NamedTuple):
    """Skins on the N texels of a map.

    Attributes:
        brightness: `[S]` of the skins' tones.
        detail: `[S, N, 3]` log of albedo over tone.
        ageing: `[N]` what the fine detail of old skin has and that of young skin lacks.
    """

    brightness: np.ndarray
    detail: np.ndarray
    ageing: np.ndarray


def on_map(face: FaceModel, size: tuple[int, int]) -> Complexions:
    """The `Complexions` on a map of `size` of an embedded `FaceModel`, of either level."""
    skins = load_skins(size)
    brightness = np.log(skins.tone.mean(axis=1))
    bright = skins.detail.mean(axis=-1)
    old = bright[skins.age == 1].mean(axis=0) - bright[skins.age == 0.5].mean(axis=0)
    width = FINE * size[0] / 192
    ageing = old - scipy.ndimage.gaussian_filter(old, width, mode="nearest")
    ageing = (ageing + ageing[:, ::-1]) / 2
    detail = skins.detail.reshape(len(skins.names), -1, 3)
    ageing = ageing.ravel()
    if face.name != "makehuman":
        same = _same_place(face, size)
        detail, ageing = detail[:, same], ageing[same]
    return Complexions(brightness, detail, ageing)


def _same_place(face, size):
    """For each texel of another level's map, the texel of the stored map at the same place."""
    stored, own = (_positions(f, size) for f in (FaceModel.load("makehuman"), face))
    return scipy.spatial.cKDTree(stored).query(own)[1]


def _positions(face, size):
    layout = uv_layout.build(face, size)
    corners = face.mean_vertices[np.reshape(layout.texel_vertices, [-1, 3])]
    weights = np.reshape(layout.texel_weights, [-1, 3])
    return np.einsum("nk,nkc->nc", weights, corners)


@functools.cache
def _kinds():
    return load_kinds()


def sample(
    random: np.random.Generator, race: np.ndarray, male: bool, age: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draws the skins `[3]` that a person's is mixed from, and their shares `[3]`."""
    kinds = _kinds()
    ages = np.unique(kinds.age)
    likely = np.asarray(race)[kinds.ethnicity] * np.where(kinds.male == male, 0.92, 0.08)
    near = np.interp(age, ages, ages)
    likely *= np.maximum(1 - np.abs(kinds.age - near) / np.diff(ages)[0], 0) + 0.01
    likely = likely + 1e-4
    chosen = random.choice(len(likely), MIXED, replace=False, p=likely / likely.sum())
    share = likely[chosen] * random.gamma(1.0, size=MIXED)
    return chosen, share / share.sum()


def mix(
    complexions: Complexions, skins: np.ndarray, shares: np.ndarray, tone: np.ndarray
) -> np.ndarray:
    """The person's detail `[N, 3]` over a `tone` `[3]` in sRGB."""
    own = np.log(tone.mean())
    detail = None
    for skin, share in zip(skins, shares, strict=True):
        gain = np.exp(CONTRAST * (complexions.brightness[skin] - own))
        part = complexions.detail[skin] * np.float32(share * np.clip(gain, 0.5, 1.25))
        detail = part if detail is None else np.add(detail, part, out=detail)
    return detail
