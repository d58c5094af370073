"""From a posed head to the light that reaches the camera: layers, shading, compositing."""

from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces import (
    backdrop,
    draw,
    garment,
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
        behind = shot.light.behind * backdrop.sample(shot.random, side)
        image = image[..., :3] + (1 - image[..., 3:]) * behind
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
    face = np.flatnonzero(label < head.SKULL)
    colour, gloss = np.empty_like(normals), np.zeros(len(label), np.float32)
    colour[:, face] = draw.bilinear(shot.albedo, draw.spread(stage.face.uv, pixels.take(face)))
    gloss[face] = 0.10 * person.oiliness
    if not stage.behind:
        return draw.shade(colour, normals, shot.light, gloss, np.float32(14))
    eye = np.flatnonzero((label == surface.LEFT_EYE) | (label == surface.RIGHT_EYE))
    sheet = np.flatnonzero(label == surface.SHEET)
    colour[:, eye] = openings.eye(draw.spread(stage.eye, pixels.take(eye)).T, person).T
    place = draw.spread(stage.sheet, pixels.take(sheet)).T
    colour[:, sheet] = openings.mouth(place, shot.gap, person).T
    rest = np.flatnonzero(label >= head.SKULL)
    colour[:, rest] = _behind(stage, pixels.take(rest), label[rest], shot)
    gloss[eye], gloss[sheet] = 1.2, 0.1
    power = np.full(len(label), 14, np.float32)
    power[eye] = 90
    return draw.shade(colour, normals, shot.light, gloss, power)


def _behind(stage, pixels, label, shot):
    """Colours `[3, N]` of skull, neck and clothes."""
    tints = seam.tints(stage.behind, shot.albedo, stage.face.uv, shot.look)
    spread = draw.spread(np.concatenate([tints, stage.rest], axis=1), pixels)
    colour, place = spread[:3], spread[3:]
    low = np.flatnonzero(label > head.SKULL)
    cloth, cover = garment.colours(garment.sample(shot.random), place[:, low])
    colour[:, low] += cover * (cloth - colour[:, low])
    return colour


def halve(image):
    """Mean over 2 x 2 pixels of `[C, 2H, 2W]`: `[C, H, W]`."""
    rows = image[:, ::2] + image[:, 1::2]
    return (rows[..., ::2] + rows[..., 1::2]) * np.float32(0.25)
