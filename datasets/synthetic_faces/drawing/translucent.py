"""Translucent surfaces before and beside the body: every layer of them, from the front to the back.

Hair is many surfaces over each other, with holes. All fragments that lie before the body are found,
sorted by pixel and depth, and laid over each other; only those that show are lit.
"""

from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces.drawing import raster
from tf_nonlinear3dmm.data.builders.synthetic_faces.scene.light import Light

_INSIDE = np.float32(0.5)  # light that reaches a side turned away from the outside
_FAINTEST = np.float32(0.03)  # cover that counts
_DEPTHS = 1 << 20  # steps of depth in a sorting key


class TranslucentSurface(NamedTuple):
    """A surface of one material, seen from both sides.

    Attributes:
        vertices: `[N, 3]` around a face.
        normals: `[N, 3]`, outwards, of any length.
        triangles: `[T, 3]`.
        uv: `[N, 2]` in [0, 1], v down.
        texture: `[H, W, 2]` lightness (1 on average) and cover in [0, 1].
        colour: `[3]`.
        gloss: of its highlights.
        power: of its highlights.
        lined: whether less light reaches the inside.
    """

    vertices: np.ndarray
    normals: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    texture: np.ndarray
    colour: np.ndarray
    gloss: float
    power: float
    lined: bool


class PixelSpans(NamedTuple):
    """Rows of pixels that lie in a triangle each, S of them.

    Attributes:
        triangle: `[S]` ids.
        x: `[S]` first column.
        y: `[S]` row.
        count: `[S]` of columns.
        start: `[C, S]` values of the corners, extrapolated to the first column.
        slope: `[C, S]` of these per column.
    """

    triangle: np.ndarray
    x: np.ndarray
    y: np.ndarray
    count: np.ndarray
    start: np.ndarray
    slope: np.ndarray


def smooth_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Normals `[N, 3]`, not of unit length."""
    a, b, c = vertices[triangles.T]
    face = np.cross(b - a, c - a)
    count, corners = len(vertices), triangles.T.ravel()
    sums = [np.bincount(corners, np.tile(face[:, k], 3), count) for k in range(3)]
    return np.stack(sums, axis=1).astype(np.float32)


def composite(
    surfaces: list[TranslucentSurface],
    projection: np.ndarray,
    light: Light,
    behind: np.ndarray,
    side: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the surfaces add to an image.

    Args:
        surfaces: list of `TranslucentSurface`.
        projection: `[2, 4]` to pixels.
        light: `Light`.
        behind: `[side * side]` depth of the body, -inf where there is none.
        side: of the image.

    Returns:
        premultiplied colours `[3, P]` and cover `[P]` of P pixels, and their places `[P]`.
    """
    scale = np.linalg.norm(projection[:, :3], axis=1).mean()
    right, down = projection[:, :3] / np.linalg.norm(projection[:, :3], axis=1, keepdims=True)
    turned = np.stack([right, -down, np.cross(right, -down)])
    parts = [
        _fragments(surface, projection, turned, scale, light, behind, side) for surface in surfaces
    ]
    pixel, depth, cover, colour = (np.concatenate(p, axis=-1) for p in zip(*parts, strict=True))
    return _over(pixel, depth, cover, colour)


def _over(pixel, depth, cover, colour):
    """Fragments laid over each other, the nearest first: as `composite` returns them."""
    if len(pixel) == 0:
        return np.zeros([3, 0], np.float32), np.zeros(0, np.float32), pixel
    low, high = depth.min(), depth.max()
    far = ((high - depth) * ((_DEPTHS - 1) / max(high - low, 1e-6))).astype(np.int64)
    key = (pixel.astype(np.int64) << 42) | (far << 22) | np.arange(len(pixel))
    key.sort()
    order = key & ((1 << 22) - 1)
    pixel, cover = pixel[order], cover[order]
    first = np.flatnonzero(np.diff(pixel, prepend=-1))
    clear = np.cumsum(np.log1p(-np.minimum(cover, np.float32(0.995))), dtype=np.float64)
    before = np.concatenate([[0.0], clear])[first]
    counts = np.diff(first, append=len(pixel))
    passed = np.concatenate([[0.0], clear[:-1]]) - np.repeat(before, counts)
    weight = cover * np.exp(passed).astype(np.float32)
    colour = np.take(colour, order, axis=1) * weight
    added = [np.add.reduceat(values, first) for values in (*colour, weight)]
    return np.stack(added[:3]), np.minimum(added[3], 1), pixel[first]


def _fragments(surface, projection, turned, scale, light, behind, side):
    """Pixels `[F]`, depths `[F]`, covers `[F]` and colours `[3, F]` before the body."""
    x, y = (surface.vertices @ projection[:, :3].T + projection[:, 3]).T
    depth = surface.vertices @ (turned[2] * scale)
    values = np.stack([depth, *surface.uv.T, *_lit(surface, turned, light)]).astype(np.float32)
    corners = np.ascontiguousarray(surface.triangles.T)
    spans = _spans(x.astype("f4")[corners], y.astype("f4")[corners], values[:, corners], side)
    owner = np.repeat(np.arange(len(spans.x)), spans.count)
    place = np.arange(len(owner)) - (np.cumsum(spans.count) - spans.count)[owner]
    pixel = (spans.y * side + spans.x)[owner] + place
    place = place.astype(np.float32)
    depth = spans.start[0][owner] + place * spans.slope[0][owner]
    near = np.flatnonzero(depth > behind[pixel])
    owner, place, pixel, depth = owner[near], place[near], pixel[near], depth[near]
    height, width, _ = surface.texture.shape
    u = spans.start[1][owner] + place * spans.slope[1][owner]
    v = spans.start[2][owner] + place * spans.slope[2][owner]
    texel = np.clip((v * height).astype(np.int32), 0, height - 1) * width
    texel += np.clip((u * width).astype(np.int32), 0, width - 1)
    lightness, cover = surface.texture.reshape(-1, 2)[texel].T
    shown = np.flatnonzero(cover > _FAINTEST)
    owner, place, lightness = owner[shown], place[shown], lightness[shown]
    lit = spans.start[3:, owner] + place * spans.slope[3:, owner]
    return pixel[shown], depth[shown], cover[shown], np.maximum(lit, 0) * lightness


def _lit(surface, turned, light):
    """The colours `[3, N]` of the vertices under the light, of lightness 1."""
    normals = turned @ surface.normals.T
    away = normals[2] < 0
    normals = raster.unit(np.where(away, -normals, normals).astype(np.float32))
    colour = np.repeat(surface.colour.astype(np.float32)[:, np.newaxis], len(away), axis=1)
    if surface.lined:
        colour[:, away] *= _INSIDE
    gloss, power = np.float32(surface.gloss), np.float32(surface.power)
    return raster.shade(colour, normals, light, gloss, power)


def _spans(x, y, values, side):
    """`PixelSpans` of triangles with corners `x`, `y` `[3, T]` and `values` `[C, 3, T]` there."""
    area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])
    top = np.clip(np.ceil(y.min(axis=0)), 0, side).astype(np.int32)
    rows = np.clip(np.floor(y.max(axis=0)), -1, side - 1).astype(np.int32) - top + 1
    visible = (np.abs(area) > 1e-3) & (rows > 0) & (x.max(axis=0) >= 0) & (x.min(axis=0) < side)
    kept = np.flatnonzero(visible)
    x, y, area, top, rows = x[:, kept], y[:, kept], area[kept], top[kept], rows[kept]
    owner = np.repeat(np.arange(len(kept)), rows)
    row = np.arange(len(owner)) - (np.cumsum(rows) - rows)[owner] + top[owner]
    first, last = _crossings(x, y, area, owner, row.astype(np.float32), side)
    full = np.flatnonzero(last >= first)
    owner, first, row, last = owner[full], first[full], row[full], last[full]
    a, b, c = (values[:, k, kept] for k in range(3))
    b, c = b - a, c - a
    across = (b * (y[2] - y[0]) - c * (y[1] - y[0])) / area
    down = (c * (x[1] - x[0]) - b * (x[2] - x[0])) / area
    right, below = first - x[0, owner], row - y[0, owner]
    slope = across[:, owner]
    start = a[:, owner] + slope * right + down[:, owner] * below
    return PixelSpans(kept[owner], first, row, last - first + 1, start.astype(np.float32), slope)


def _crossings(x, y, area, owner, row, side):
    """First and last columns `[S]` of the rows `row` `[S]` in the triangles `owner` `[S]`."""
    low, high = np.zeros(len(owner), np.float32), np.full(len(owner), side - 1, np.float32)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        tall = y[j] - y[i]
        slope = (x[j] - x[i]) / np.where(np.abs(tall) < 1e-6, np.float32(1e-6), tall)
        cross = x[i][owner] + slope[owner] * (row - y[i][owner])
        left = (tall * area < 0)[owner]  # the inside lies to the right of this edge
        low = np.where(left, np.maximum(low, cross), low)
        right = (tall * area > 0)[owner]
        high = np.where(right, np.minimum(high, cross), high)
    return np.ceil(low).astype(np.int32), np.floor(high).astype(np.int32)
