"""Reconstructions as pictures: panels of faces, landmarks, bare meshes, as uint8 RGB arrays."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont

from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import camera, lighting, rasterizer, renderer
from tf_nonlinear3dmm.rendering.uv_layout import UVLayout

COLUMNS = ("input", "render", "landmarks", "albedo", "shading", "mesh")
_PREDICTED, _GROUND_TRUTH = (255, 70, 60), (90, 230, 255)  # colours of landmarks
# Polylines through the 68 landmarks: jaw, brows, nose, eyes, lips; (first, last, closed).
_LINES = (
    *((0, 16, False), (17, 21, False), (22, 26, False), (27, 30, False), (31, 35, False)),
    *((36, 41, True), (42, 47, True), (48, 59, True), (60, 67, True)),
)
_CLAY, _PAPER = (0.80, 0.76, 0.72), 1.0
FINE = 2  # geometry is drawn at this many times the size, then averaged: no steps at edges


_FAST = {"PNG": {"compress_level": 1}}  # a seventh of the time; a fifth more bytes


def save(path: Path, image: np.ndarray) -> None:
    """Writes a uint8 `[H, W, 3]` picture; the name's ending says the format."""
    kinds, ending = Image.registered_extensions(), pathlib.Path(path).suffix.lower()
    if ending not in kinds:
        raise ValueError(f"{path}: must end as pictures do, such as .png, got `{ending}`")
    with array_files.replacing(path) as file:
        Image.fromarray(image).save(file, kinds[ending], **_FAST.get(kinds[ending], {}))


def to_uint8(image: npt.ArrayLike) -> np.ndarray:
    """Floats in [0, 1], clipped, to uint8; an int or uint8 array stays as it is."""
    image = np.asarray(image)
    if image.dtype == np.uint8:
        return image
    return (np.clip(np.nan_to_num(image), 0, 1) * 255 + 0.5).astype(np.uint8)


def panel(
    images: np.ndarray,
    reconstruction: Any,
    batch: Mapping[str, Any] | None,
    layout: UVLayout,
    tile: int = 168,
) -> np.ndarray:
    """One row per face: input, render over it, landmarks, albedo, shading, mesh.

    Args:
        images: `[B, S, S, 3]` in [0, 1].
        reconstruction: `Reconstruction` of these images.
        batch: dict with ground-truth `landmarks` `[B, 68, 2]` and `has_landmarks` `[B]`; or None.
        layout: `uv_layout.UVLayout` of the texture maps.
        tile: at least this many pixels per picture.

    Returns:
        uint8 `[h, w, 3]` with a line of titles. Landmarks: predicted red, ground truth
        blue. The albedo is the predicted face from the front without light; the others keep the
        input's pose.
        Shading is drawn at half its strength, so that white is twice the light of no light model.
    """
    k = -(-tile // images.shape[1])
    size = k * images.shape[1]
    background = enlarge(images, size)
    vertices = tf.convert_to_tensor(reconstruction.vertices)
    projection = camera.crop(tf.convert_to_tensor(reconstruction.projection), 0.0, 0.0, float(k))
    fragments = see(vertices, projection, layout, size)
    front = see(vertices, frontal(vertices, size), layout, size)
    columns = [
        background,
        paint(reconstruction.texture, fragments, layout, background),
        overlay(background, reconstruction.landmarks, batch, k),
        paint(reconstruction.albedo_map, front, layout),
        paint(reconstruction.shading * 0.5, fragments, layout),
        mesh(vertices, projection, layout, size, fragments=fragments),
    ]
    rows = np.stack([to_uint8(column) for column in columns], axis=1)  # [B, columns, size, size, 3]
    return grid(rows, COLUMNS)


def grid(rows: np.ndarray, titles: Sequence[str], gap: int = 4) -> np.ndarray:
    """Tiles `[rows, columns, h, w, 3]` uint8 on white, under a line of `titles` (may be empty)."""
    count, columns, height, width, _ = rows.shape
    head = 22 if titles else 0
    shape = [head + count * (height + gap), columns * (width + gap) - gap, 3]
    picture = np.full(shape, 255, np.uint8)
    for i, row in enumerate(rows):
        for j, image in enumerate(row):
            y, x = head + i * (height + gap), j * (width + gap)
            picture[y : y + height, x : x + width] = image
    if not titles:
        return picture
    canvas = Image.fromarray(picture)
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(14)
    for j, title in enumerate(titles):
        middle = j * (width + gap) + width / 2
        pen.text((middle, head / 2), title, fill=(40, 40, 40), font=font, anchor="mm")
    return np.asarray(canvas)


def enlarge(images: np.ndarray, size: int) -> np.ndarray:
    """`[B, S, S, C]` float pictures at `size` pixels; centres move as in `camera.crop`."""
    return tf.clip_by_value(tf.image.resize(images, [size, size], "bicubic"), 0, 1).numpy()


def overlay(
    images: np.ndarray, predicted: np.ndarray, batch: Mapping[str, Any] | None = None, k: float = 1
) -> np.ndarray:
    """Landmarks on pictures.

    Args:
        images: `[B, H, W, 3]` in [0, 1] or uint8.
        predicted: `[B, 68, 2]` in pixels of the picture before it was enlarged `k` times.
        batch: None, or dict with `landmarks` and maybe `has_landmarks`, drawn underneath.
        k: factor.

    Returns:
        uint8 pictures of the same size.
    """
    pictures = [Image.fromarray(image) for image in to_uint8(images)]
    everywhere = [True] * len(pictures)
    for i, picture in enumerate(pictures):
        if batch is not None and np.all(batch.get("has_landmarks", everywhere)[i]):
            _draw_points(picture, np.asarray(batch["landmarks"][i]), _GROUND_TRUTH, k)
        _draw_points(picture, np.asarray(predicted)[i], _PREDICTED, k)
    return np.stack([np.asarray(picture) for picture in pictures])


def _draw_points(picture, points, colour, k):
    """Lines and dots, drawn at four times the size and averaged, so that they have no steps."""
    fine = picture.resize([4 * n for n in picture.size], Image.Resampling.NEAREST)
    pen = ImageDraw.Draw(fine)
    at = np.round(4 * k * (points + 0.5) - 0.5)
    at = [tuple(p) for p in at if np.isfinite(p).all()]
    if len(at) == 68:
        for first, last, closed in _LINES:
            line = at[first : last + 1] + [at[first]] * closed
            pen.line(line, fill=tuple(int(0.75 * c) for c in colour), width=4)
    for x, y in at:
        pen.ellipse((x - 6, y - 6, x + 6, y + 6), fill=colour)
    picture.paste(fine.resize(picture.size, Image.Resampling.BOX))


def see(
    vertices: tf.Tensor, projection: tf.Tensor, layout: UVLayout | FaceModel, size: int
) -> rasterizer.Fragments:
    """`Fragments` of faces in pictures of `size` pixels, on a grid `FINE` times as fine."""
    projection = camera.crop(projection, 0.0, 0.0, float(FINE))
    points = camera.project(vertices, projection)
    return rasterizer.rasterize(points, layout.triangles, (FINE * size, FINE * size))


def paint(
    texture: tf.Tensor,
    fragments: rasterizer.Fragments,
    layout: UVLayout,
    background: float | tf.Tensor = _PAPER,
) -> tf.Tensor:
    """Texture maps `[B, Hu, Wu, 3]` on faces seen by `see`, over a background in [0, 1]."""
    return over(*renderer.draw(texture, fragments, layout), background)


def over(image: tf.Tensor, mask: tf.Tensor, background: float | tf.Tensor = _PAPER) -> tf.Tensor:
    """What is drawn on the fine grid of `see`, averaged, over a background in [0, 1]."""
    parts = tf.clip_by_value(image, 0, 1) * mask, mask
    image, mask = (tf.nn.avg_pool2d(part, FINE, FINE, "VALID") for part in parts)
    return image + background * (1 - mask)


def frontal(vertices: tf.Tensor, size: int, yaw_deg: float = 0.0) -> tf.Tensor:
    """Projections `[B, 2, 4]` that show each face from the front, filling `size` pixels.

    Args:
        vertices: `[B, V, 3]`.
        size: side of the picture in pixels.
        yaw_deg: turns the face; positive to the picture's right.
    """
    count = vertices.shape[0]
    low, high = tf.reduce_min(vertices, axis=1), tf.reduce_max(vertices, axis=1)
    scale = 0.92 * size / tf.reduce_max((high - low)[:, :2], axis=-1)
    none = tf.zeros([count])
    yaw = none + np.float32(np.radians(yaw_deg))
    zero = camera.compose(yaw, none, none, scale, tf.zeros([count, 2]))
    points = camera.project(vertices, zero)[..., :2]
    middle = (tf.reduce_min(points, axis=1) + tf.reduce_max(points, axis=1)) / 2
    return camera.compose(yaw, none, none, scale, (size - 1) / 2 - middle)


def mesh(
    vertices: tf.Tensor,
    projection: tf.Tensor,
    layout: UVLayout | FaceModel,
    size: int,
    colours: tf.Tensor | None = None,
    fragments: rasterizer.Fragments | None = None,
) -> np.ndarray:
    """The bare geometry under a directional light, on white.

    Args:
        vertices: `[B, V, 3]`.
        projection: `[B, 2, 4]`.
        layout: `UVLayout` or `FaceModel`, whose `normal_triangles` are ids or a mask.
        size: side of the pictures.
        colours: `[B, V, 3]` in [0, 1]; clay where None.
        fragments: what `see` returned for this view, if it is known.

    Returns:
        uint8 `[B, size, size, 3]`.
    """
    return to_uint8(clay(vertices, projection, layout, size, colours, fragments))


def clay(
    vertices: tf.Tensor,
    projection: tf.Tensor,
    layout: UVLayout | FaceModel,
    size: int,
    colours: tf.Tensor | None = None,
    fragments: rasterizer.Fragments | None = None,
) -> tf.Tensor:
    """`mesh` as floats, `[B, size, size, 3]`, also in a graph."""
    vertices, projection = tf.convert_to_tensor(vertices), tf.convert_to_tensor(projection)
    counted = np.asarray(layout.normal_triangles)
    counted = layout.triangles[counted] if counted.dtype == bool else counted
    normals = lighting.vertex_normals(vertices, counted)
    normals = tf.matmul(normals, camera.rotation(projection), transpose_b=True)
    shadow = 0.22 if colours is None else 0.6  # a map of colours must stay legible
    colours = tf.ones_like(vertices) * _CLAY if colours is None else tf.cast(colours, tf.float32)
    if fragments is None:
        fragments = see(vertices, projection, layout, size)
    attributes = tf.concat([normals, colours], axis=-1)
    pixels = rasterizer.interpolate(attributes, layout.triangles, fragments)
    normals, colours = tf.math.l2_normalize(pixels[..., :3], axis=-1), pixels[..., 3:]
    direction = tf.math.l2_normalize(tf.constant([0.35, 0.55, 1.0]))
    light = shadow + (1 - shadow) * tf.nn.relu(
        tf.reduce_sum(normals * direction, -1, keepdims=True)
    )
    mask = tf.cast(fragments.triangle_id >= 0, tf.float32)[..., tf.newaxis]
    return over(colours * light * 1.1, mask)
