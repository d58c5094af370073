"""From a posed head to the light that reaches the camera: layers, shading, compositing."""

from typing import NamedTuple

import numpy as np

from datasets.synthetic_faces import (
    backdrop,
    draw,
    head,
    look,
    occluder,
    openings,
    scene,
    seam,
    sheets,
    surface,
    wardrobe,
)

SUPERSAMPLING = 2


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
    body, worn = vertices, [[]] * len(shots)
    if stage.behind:
        maps = head.affine(neutral, stage.behind)
        turn = [-s.random.uniform(0, 0.7) for s in shots] * np.clip(yaw, -1.2, 1.2)
        necks = np.array([shot.look.style.neck for shot in shots], np.float32)
        turn = turn.astype(np.float32)
        behind = head.grow(vertices, maps, turn, necks, stage.behind, stage.mean)
        body = np.concatenate([vertices, behind], axis=1)
        worn = wardrobe.dress(stage, neutral, maps, [shot.look for shot in shots])
    body = _rasterize(body, fine, stage.body, side)
    if stage.behind:
        seam.blend_normals(body.normals, stage.behind, len(stage.mean))
    images, masks = [], []
    for i, shot in enumerate(shots):
        image, mask = _layers(stage, body, i, worn[i], fine[i], shot, side)
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


def _layers(stage, body, i, worn, projection, shot, side):
    """Head with hair `[side, side, 4]` premultiplied, and visible face `[side, side, 1]`."""
    size = body.triangle_id.shape[1]
    pixels = draw.pixels(body, i, stage.body.triangles)
    label = stage.body.label[pixels.triangle]
    layer = np.zeros([6, size * size], np.float32)  # colour, cover, face, cover of the hair
    layer[:3, pixels.index] = _body(stage, body.normals[i], pixels, label, shot)
    layer[3, pixels.index] = 1
    layer[4, pixels.index] = label < head.SKULL
    if worn:
        depth = np.full(size * size, -np.inf, np.float32)
        depth[pixels.index] = pixels.depth
        colour, cover, place = sheets.lay(worn, projection, shot.light, depth, size)
        under = layer[:, place]
        under[:3] += colour - cover * under[:3]
        under[3] += cover * (1 - under[3])
        under[4] *= 1 - cover
        under[5] = cover
        layer[:, place] = under
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
    behind = (label == head.NECK) | (label == head.SKULL)
    tints = seam.tints(stage.behind, shot.albedo, stage.face.uv, person)
    colour[:, behind] = draw.spread(tints, pixels.where(behind))
    colour[:, label == head.CLOTH] = backdrop.colour(shot.random)[:, np.newaxis]
    gloss[eye], gloss[sheet] = 1.2, 0.1
    power = np.where(eye, np.float32(90), np.float32(14))
    return draw.shade(colour, normals, shot.light, gloss, power)


def halve(image):
    """Mean over 2 x 2 pixels of `[C, 2H, 2W]`: `[C, H, W]`."""
    rows = image[:, ::2] + image[:, 1::2]
    return (rows[..., ::2] + rows[..., 1::2]) * np.float32(0.25)
