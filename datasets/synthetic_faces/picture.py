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
INSIDE = 0.45  # light that reaches the inner side of hair


class Set(NamedTuple):
    """Meshes and fields that every picture shares; made once by `make_set`.

    Attributes:
        face: `renderer.FaceTensors`; the face's vertices come first in the body.
        head: `head.Head`.
        mean: `[V, 3]` mean face.
        body: `[T, 3]` triangles of face, skull, neck and shoulders; `body_label` `[T]`.
        body_label: see `body`; 0 skin, 1 mouth sheet, 2 and 3 eyes, then those of `head`.
        cover: `[T, 3]` triangles of hair and glasses; `cover_label` `[T]` 0 hair outside, 1 hair
            inside, 2 rims, 3 lenses.
        cover_label: see `cover`.
        below: `[V + M, 1]` how far down the neck a vertex of the body lies, 0 to 1.
        place: `[M, 2]` places on the hair's shell, 0 for glasses.
        eye: `[V, 3]` directions in the eyeballs; `sheet` `[V, 2]` places in the mouth.
        sheet: see `eye`.
        noise: `albedo.Noise`.
    """

    face: object
    head: head.Head
    mean: np.ndarray
    body: np.ndarray
    body_label: np.ndarray
    cover: np.ndarray
    cover_label: np.ndarray
    below: np.ndarray
    place: np.ndarray
    eye: np.ndarray
    sheet: np.ndarray
    noise: albedo.Noise


HAIR, LINING, RIM, LENS = 0, 1, 2, 3


def make_set(population, face, noise):
    """The `Set` around a population's face; `face` are its `renderer.FaceTensors`."""
    behind, shell = head.design(population), hair.shell()
    glasses, glass_label = eyewear.topology()
    label = np.where(population.face_label >= 4, surface.SKIN, population.face_label)
    half = len(shell.triangles) // 2
    return Set(
        face=face,
        head=behind,
        mean=population.mean,
        body=np.concatenate([face.triangles, behind.triangles + len(population.mean)]),
        body_label=np.concatenate([label, behind.labels]),
        cover=np.concatenate([shell.triangles, glasses + len(shell.place)]),
        cover_label=np.concatenate([np.repeat([HAIR, LINING], half), RIM + glass_label]),
        below=np.append(np.zeros(len(population.mean)), behind.turning)[:, np.newaxis],
        place=np.concatenate([shell.place, np.zeros([eyewear.count(), 2])]).astype(np.float32),
        eye=surface.eye_directions(population, population.mean),
        sheet=surface.sheet_coordinates(population),
        noise=noise,
    )


class Shot(NamedTuple):
    """One picture to be made."""

    look: look.Look
    albedo: np.ndarray  # [Hp, Wp, 3]
    light: scene.Light
    gap: float
    cloth: np.ndarray  # [3] colour of the clothes


def compose(set_, vertices, neutral, landmarks, projection, shots, shoulder_turn, randoms, side):
    """Images `[B, side, side, 3]` of light, and masks `[B, side, side, 1]` of the visible face.

    Args:
        set_: `Set`.
        vertices: `[B, V, 3]` of the faces.
        neutral: `[B, V, 3]` without expression: skull, hair and glasses sit on these.
        landmarks: `[68]` vertex ids.
        projection: `[B, 2, 4]` to pixels of the image.
        shots: `Shot` of each picture.
        shoulder_turn: `[B]` radians.
        randoms: a generator for each picture.
        side: of the image.
    """
    fine = projection * SUPERSAMPLING
    fine[..., 3] += (SUPERSAMPLING - 1) / 2
    maps = head.affine(neutral, set_.head)
    body = np.concatenate(
        [vertices, head.grow(vertices, maps, shoulder_turn, set_.head, set_.mean)], axis=1
    )
    shells = head.carry(np.stack([hair.surface(shot.look.style) for shot in shots]), maps)
    glasses = np.stack(
        [eyewear.surface(s.look.glasses, n[landmarks]) for s, n in zip(shots, neutral, strict=True)]
    )
    cover = np.concatenate([shells, glasses], axis=1).astype(np.float32)
    size = side * SUPERSAMPLING
    under = draw.rasterize(body, fine, set_.body, set_.body[set_.body_label >= 0], size)
    over = draw.rasterize(cover, fine, set_.cover, set_.cover[set_.cover_label != LINING], size)
    images, masks = [], []
    for i, (shot, random) in enumerate(zip(shots, randoms, strict=True)):
        image, mask = _layers(set_, under, over, i, shot, side)
        background = backdrop.sample(random, side)
        images.append(image[..., :3] + (1 - image[..., 3:]) * background)
        masks.append(mask)
        thing = occluder.sample(random, side)
        if thing is not None:
            images[i] += thing[..., 3:] * (thing[..., :3] - images[i])
            masks[i] = mask * (1 - thing[..., 3:])
    return np.stack(images), np.stack(masks) > 0.5


def _layers(set_, under, over, i, shot, side):
    """Head with hair `[side, side, 4]` premultiplied, and visible face `[side, side, 1]`."""
    size = under.triangle_id.shape[1]
    body, cover = draw.pixels(under, i, set_.body), draw.pixels(over, i, set_.cover)
    label = set_.body_label[body.triangle]
    layer = np.zeros([6, size * size], np.float32)  # colour, cover, face, cover of the hair
    layer[:3, body.index] = _body(set_, under.normals[i], body, label, shot)
    layer[3, body.index] = 1
    layer[4, body.index] = label < head.SKULL
    depth = np.full(size * size, -np.inf, np.float32)
    depth[body.index] = body.depth
    cover = cover.where(cover.depth > depth[cover.index])
    colour, opacity = _cover(set_, over.normals[i], cover, shot)
    before = layer[:, cover.index]
    before[:3] += opacity * (colour - before[:3])
    before[3] += opacity * (1 - before[3])
    before[4] *= 1 - opacity
    before[5] = opacity
    layer[:, cover.index] = before
    layer = halve(layer.reshape(6, size, size)).transpose(1, 2, 0)
    shadow = np.roll(backdrop.soften(layer[..., 5:], side / 60), side // 50, axis=0)
    colour = layer[..., :3] * (1 - 0.4 * shadow * (1 - layer[..., 5:]))
    return np.concatenate([colour, layer[..., 3:4]], axis=-1), layer[..., 4:5]


def _body(set_, normals, pixels, label, shot):
    """Colours `[3, N]` of the pixels of face, neck and shoulders."""
    person = shot.look
    normals = draw.unit(draw.spread(normals, pixels))
    is_face = label < head.SKULL
    colour = np.empty_like(normals)
    uv = draw.spread(set_.face.uv, pixels.where(is_face))
    colour[:, is_face] = draw.bilinear(shot.albedo, uv)
    eye, sheet = (label == surface.LEFT_EYE) | (label == surface.RIGHT_EYE), label == surface.SHEET
    colour[:, eye] = albedo.eye(draw.spread(set_.eye, pixels.where(eye)).T, person).T
    place = draw.spread(set_.sheet, pixels.where(sheet)).T
    colour[:, sheet] = albedo.mouth(place, shot.gap, person).T
    skin = albedo.skin_colour(person.melanin, person.haemoglobin, person.warmth)[:, np.newaxis]
    neck = label == head.NECK
    below = draw.spread(set_.below, pixels.where(neck))
    colour[:, neck] = 0.93 * skin * (0.62 + 0.38 * np.clip(2.5 * below, 0, 1))
    scalp = skin + person.hair_paint * (0.85 * person.hair[:, np.newaxis] - skin)
    colour[:, label == head.SKULL] = 0.93 * scalp
    colour[:, label == head.CLOTH] = shot.cloth[:, np.newaxis]
    gloss = np.where(is_face, np.float32(0.10 * person.oiliness), np.float32(0))
    gloss[eye], gloss[sheet] = 1.2, 0.1
    power = np.where(eye, np.float32(90), np.float32(14))
    return draw.shade(colour, normals, shot.light, gloss, power)


def _cover(set_, normals, pixels, shot):
    """Colours `[3, N]` and opacities `[N]` of the pixels of hair and glasses."""
    label = set_.cover_label[pixels.triangle]
    normals = draw.unit(draw.spread(normals, pixels))
    normals *= np.where(normals[2] < 0, np.float32(-1), np.float32(1))
    colour, opacity = np.empty_like(normals), np.ones(len(label), np.float32)
    is_hair = label <= LINING
    place = draw.spread(set_.place, pixels.where(is_hair))
    colour[:, is_hair], opacity[is_hair] = _hair(set_.noise, place, shot.look)
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
