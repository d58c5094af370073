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
    scene,
    surface,
)

SUPERSAMPLING = 2
HAIR, LINING, RIM, LENS = 0, 1, 2, 3  # labels of what covers the body
INSIDE = 0.45  # light that reaches the inner side of hair


class Mesh(NamedTuple):
    """Triangles `[T, 3]`, their labels `[T]`, and those `[Tn, 3]` that count for normals."""

    triangles: np.ndarray
    label: np.ndarray
    normal_triangles: np.ndarray


class Stage(NamedTuple):
    """Meshes and fields that every picture shares.

    Attributes:
        face: `renderer.FaceTensors`; the face's vertices come first in the body.
        mean: `[V, 3]` mean face.
        landmarks: `[68]` vertex ids.
        behind: `head.Head`; None: a face alone, and nothing that covers it.
        body: `Mesh` of face, skull, neck and shoulders; labels 0 skin, 1 mouth sheet, 2 and 3
            eyes, then those of `head`.
        cover: `Mesh` of hair and glasses; labels HAIR, LINING, RIM, LENS.
        below: `[V + M, 1]` how far down the neck a vertex of the body lies, 0 to 1.
        place: `[M, 2]` places of the cover on the hair's shell, 0 for glasses.
        eye: `[V, 3]` directions in the eyeballs.
        sheet: `[V, 2]` places in the mouth.
        noise: `albedo.Noise`.
    """

    face: object
    mean: np.ndarray
    landmarks: np.ndarray
    noise: albedo.Noise
    body: Mesh
    behind: head.Head | None = None
    cover: Mesh | None = None
    below: np.ndarray | None = None
    place: np.ndarray | None = None
    eye: np.ndarray | None = None
    sheet: np.ndarray | None = None


def make_stage(population, tensors, noise):
    """The `Stage` around a population's face; `tensors` are its `renderer.FaceTensors`."""
    behind, shell, count = head.design(population), hair.shell(), len(population.mean)
    frames, frame_label = eyewear.topology()
    label = np.where(population.face_label >= 4, surface.SKIN, population.face_label)
    body = Mesh(
        np.concatenate([tensors.triangles, behind.triangles + count]),
        np.concatenate([label, behind.labels]),
        np.concatenate([tensors.normal_triangles, behind.triangles + count]),
    )
    one_side = len(shell.triangles) // 2
    cover = np.concatenate([shell.triangles, frames + len(shell.place)])
    cover_label = np.concatenate([np.repeat([HAIR, LINING], one_side), RIM + frame_label])
    return Stage(
        face=tensors,
        mean=population.mean,
        landmarks=population.lm.astype(int),
        noise=noise,
        body=body,
        behind=behind,
        cover=Mesh(cover, cover_label, cover[cover_label != LINING]),
        below=np.append(np.zeros(count), behind.turning)[:, np.newaxis],
        place=np.concatenate([shell.place, np.zeros([eyewear.count(), 2])]),
        eye=surface.eye_directions(population, population.mean),
        sheet=surface.sheet_coordinates(population),
    )


def bare_stage(face, tensors, noise):
    """The `Stage` of a `FaceModel` that head, hair and glasses do not fit."""
    label = np.full(len(tensors.triangles), surface.SKIN)
    body = Mesh(tensors.triangles, label, tensors.normal_triangles)
    return Stage(tensors, face.mean_vertices, face.landmarks, noise, body)


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
        stage: `Stage`.
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
    pairs = zip(shots, neutral[:, stage.landmarks], strict=True)
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
    colour[:, eye] = albedo.eye(draw.spread(stage.eye, pixels.where(eye)).T, person).T
    place = draw.spread(stage.sheet, pixels.where(sheet)).T
    colour[:, sheet] = albedo.mouth(place, shot.gap, person).T
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
    is_hair = label <= LINING
    place = draw.spread(stage.place, pixels.where(is_hair))
    colour[:, is_hair], opacity[is_hair] = _hair(stage.noise, place, shot.look)
    colour[:, label == LINING] *= INSIDE
    glasses = shot.look.glasses
    colour[:, label == RIM] = glasses.colour[:, np.newaxis]
    colour[:, label == LENS] = glasses.lens[:, np.newaxis]
    opacity[label == LENS] = glasses.tint
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
