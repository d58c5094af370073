"""From a posed head to the light that reaches the camera: layers, shading, compositing."""

from typing import NamedTuple

import numpy as np

from datasets.synthetic_faces import (
    albedo,
    backdrop,
    draw,
    eyewear,
    hair,
    head,
    look,
    occluder,
    openings,
    scene,
    surface,
)
from datasets.synthetic_faces import stage as stages

SUPERSAMPLING = 2
INSIDE = 0.45  # light that reaches the inner side of hair


class Shot(NamedTuple):
    """One picture to be made.

    Attributes:
        look: `look.Look` of the person.
        albedo: `[Hp, Wp, 3]` fine map.
        light: `scene.Light`.
        gap: dm between the lips.
        random: generator of everything else.
    """

    look: look.Look
    albedo: np.ndarray
    light: scene.Light
    gap: float
    random: np.random.Generator


def compose(stage, vertices, neutral, projection, yaw, shots, side):
    """Pictures before the camera.

    Args:
        stage: `stage.Stage`.
        vertices: `[B, V, 3]` of the faces.
        neutral: `[B, V, 3]` without expression: skull, hair and glasses sit on these.
        projection: `[B, 2, 4]` to pixels of the image.
        yaw: `[B]` radians.
        shots: `Shot` of each picture.
        side: of the image.

    Returns:
        images `[B, side, side, 3]` of light, and masks `[B, side, side, 1]` of the visible face.
    """
    fine = projection * SUPERSAMPLING
    fine[..., 3] += (SUPERSAMPLING - 1) / 2
    body, cover = vertices, None
    if stage.behind:
        maps = head.affine(neutral, stage.behind)
        turn = [-s.random.uniform(0, 0.7) for s in shots] * np.clip(yaw, -1.2, 1.2)
        behind = head.grow(vertices, maps, turn.astype(np.float32), stage.behind, stage.mean)
        body = np.concatenate([vertices, behind], axis=1)
        cover = _rasterize(_covers(stage, neutral, maps, shots), fine, stage.cover, side)
    body = _rasterize(body, fine, stage.body, side)
    images, masks = [], []
    for i, shot in enumerate(shots):
        image, mask = _layers(stage, body, cover, i, shot, side)
        image = image[..., :3] + (1 - image[..., 3:]) * backdrop.sample(shot.random, side)
        thing = occluder.sample(shot.random, side)
        if thing is not None:
            image += thing[..., 3:] * (thing[..., :3] - image)
            mask = mask * (1 - thing[..., 3:])
        images.append(image)
        masks.append(mask > 0.5)
    return np.stack(images), np.stack(masks)


def _rasterize(vertices, projection, mesh, side):
    return draw.rasterize(
        vertices.astype(np.float32),
        projection,
        mesh.triangles,
        mesh.normal_triangles,
        side * SUPERSAMPLING,
    )


def _covers(stage, neutral, maps, shots):
    """Vertices `[B, M, 3]` of hair and glasses."""
    shells = np.stack([hair.surface(shot.look.style) for shot in shots])
    pairs = zip(shots, neutral[:, stage.contours], strict=True)
    glasses = np.stack([eyewear.surface(shot.look.glasses, marks) for shot, marks in pairs])
    return np.concatenate([head.carry(shells, maps), glasses], axis=1)


def _layers(stage, body, cover, i, shot, side):
    """Head with hair `[side, side, 4]` premultiplied, and visible face `[side, side, 1]`."""
    size = body.triangle_id.shape[1]
    pixels = draw.pixels(body, i, stage.body.triangles)
    label = stage.body.label[pixels.triangle]
    layer = np.zeros([6, size * size], np.float32)  # colour, cover, face, cover of the hair
    layer[:3, pixels.index] = _body(stage, body.normals[i], pixels, label, shot)
    layer[3, pixels.index] = 1
    layer[4, pixels.index] = label < head.SKULL
    if cover:
        depth = np.full(size * size, -np.inf, np.float32)
        depth[pixels.index] = pixels.depth
        pixels = draw.pixels(cover, i, stage.cover.triangles)
        pixels = pixels.where(pixels.depth > depth[pixels.index])
        colour, opacity = _cover(stage, cover.normals[i], pixels, shot)
        under = layer[:, pixels.index]
        under[:3] += opacity * (colour - under[:3])
        under[3] += opacity * (1 - under[3])
        under[4] *= 1 - opacity
        under[5] = opacity
        layer[:, pixels.index] = under
    layer = halve(layer.reshape(6, size, size)).transpose(1, 2, 0)
    shadow = np.roll(backdrop.soften(layer[..., 5:], side / 60), side // 50, axis=0)
    colour = layer[..., :3] * (1 - 0.4 * shadow * (1 - layer[..., 5:]))
    return np.concatenate([colour, layer[..., 3:4]], axis=-1), layer[..., 4:5]


def _body(stage, normals, pixels, label, shot):
    """Colours `[3, N]` of the pixels of face, neck and shoulders."""
    person = shot.look
    normals = draw.unit(draw.spread(normals, pixels))
    is_face = label < head.SKULL
    colour = np.empty_like(normals)
    uv = draw.spread(stage.face.uv, pixels.where(is_face))
    colour[:, is_face] = draw.bilinear(shot.albedo, uv)
    gloss = np.where(is_face, np.float32(0.10 * person.oiliness), np.float32(0))
    if not stage.behind:
        return draw.shade(colour, normals, shot.light, gloss, np.float32(14))
    eye, sheet = (label == surface.LEFT_EYE) | (label == surface.RIGHT_EYE), label == surface.SHEET
    colour[:, eye] = openings.eye(draw.spread(stage.eye, pixels.where(eye)).T, person).T
    place = draw.spread(stage.sheet, pixels.where(sheet)).T
    colour[:, sheet] = openings.mouth(place, shot.gap, person).T
    skin = albedo.skin_colour(person.melanin, person.haemoglobin, person.warmth)[:, np.newaxis]
    neck = label == head.NECK
    below = draw.spread(stage.below, pixels.where(neck))
    colour[:, neck] = 0.93 * skin * (0.62 + 0.38 * np.clip(2.5 * below, 0, 1))
    scalp = skin + person.hair_paint * (0.85 * person.hair[:, np.newaxis] - skin)
    colour[:, label == head.SKULL] = 0.93 * scalp
    colour[:, label == head.CLOTH] = backdrop.colour(shot.random)[:, np.newaxis]
    gloss[eye], gloss[sheet] = 1.2, 0.1
    power = np.where(eye, np.float32(90), np.float32(14))
    return draw.shade(colour, normals, shot.light, gloss, power)


def _cover(stage, normals, pixels, shot):
    """Colours `[3, N]` and opacities `[N]` of the pixels of hair and glasses."""
    label = stage.cover.label[pixels.triangle]
    normals = draw.unit(draw.spread(normals, pixels))
    normals *= np.where(normals[2] < 0, np.float32(-1), np.float32(1))
    colour, opacity = np.empty_like(normals), np.ones(len(label), np.float32)
    is_hair = label <= stages.LINING
    place = draw.spread(stage.place, pixels.where(is_hair))
    colour[:, is_hair], opacity[is_hair] = _hair(stage.noise, place, shot.look)
    colour[:, label == stages.LINING] *= INSIDE
    glasses = shot.look.glasses
    colour[:, label == stages.RIM] = glasses.colour[:, np.newaxis]
    colour[:, label == stages.LENS] = glasses.lens[:, np.newaxis]
    opacity[label == stages.LENS] = glasses.tint
    soft = shot.look.style.kind not in hair.CLOTH
    gloss = np.array([shot.look.hair_gloss * soft, 0, 0.5, 0.6], np.float32)[label]
    power = np.array([9, 9, 40, 40], np.float32)[label]
    return draw.shade(colour, normals, shot.light, gloss, power), opacity


def _hair(noise, place, person):
    """Colours `[3, N]` and opacities `[N]` of hair or cloth at shell places `[2, N]`."""
    style, tile = person.style, albedo.TILE
    turn, row = place
    length = 1 + 1.2 * style.hang
    v = (row * np.float32(length * 220)).astype(np.int32) + style.seed % tile
    lock = noise.locks[v % tile, (turn * tile).astype(np.int32) % tile]
    tint = style.colour.astype(np.float32)[:, np.newaxis]
    if style.kind in hair.CLOTH:
        ribs = np.sin(2 * np.pi * (90 * turn if style.seed % 2 else 40 * length * row))
        return tint * (1 + 0.08 * ribs + 0.04 * lock), np.ones_like(row)
    roots = 0.72 + 0.28 * np.minimum(3 * row, 1)
    colour = tint * np.clip((1 + 0.15 * lock) * roots, 0.4, 1.5) + 0.012 * np.maximum(lock, 0)
    return colour, np.clip(1.6 + 0.6 * lock - 7 * np.maximum(row - 0.8, 0), 0, 1)


def halve(image):
    """Mean over 2 x 2 pixels of `[C, 2H, 2W]`: `[C, H, W]`."""
    rows = image[:, ::2] + image[:, 1::2]
    return (rows[..., ::2] + rows[..., 1::2]) * np.float32(0.25)
