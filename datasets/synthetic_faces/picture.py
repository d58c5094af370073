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
        shell: `hair.Shell`.
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
    shell: hair.Shell
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
        body=np.concatenate([face.triangles, head.weld(behind, len(population.mean))]),
        body_label=np.concatenate([label, behind.labels]),
        cover=np.concatenate([shell.triangles, glasses + len(shell.place)]),
        cover_label=np.concatenate([np.repeat([HAIR, LINING], half), RIM + glass_label]),
        shell=shell,
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
    shown = under.triangle_id[i] >= 0
    label = set_.body_label[under.triangle_id[i][shown]]
    layer = np.zeros([*shown.shape, 6], np.float32)  # colour, cover, face, cover of the hair
    layer[shown, :3] = _body(set_, under, i, shown, label, shot)
    layer[shown, 3] = 1
    layer[shown, 4] = label < head.SKULL
    front = over.triangle_id[i] >= 0
    front &= ~shown | (over.depth[i] > under.depth[i])
    colour, cover = _cover(set_, over, i, front, shot)
    cover = cover[:, np.newaxis]
    layer[front, :3] += cover * (colour - layer[front, :3])
    layer[front, 3:4] += cover * (1 - layer[front, 3:4])
    layer[front, 4:5] *= 1 - cover
    layer[front, 5:] = cover
    layer = pool(layer, (side, side))
    shadow = np.roll(backdrop.soften(layer[..., 5:], side / 60), side // 50, axis=0)
    layer[..., :3] *= 1 - 0.4 * shadow * (1 - layer[..., 5:])
    return layer[..., :4], layer[..., 4:5]


def _body(set_, buffers, i, shown, label, shot):
    """Colours `[N, 3]` of the pixels `shown` of face, neck and shoulders."""
    corners = set_.body[buffers.triangle_id[i][shown]]
    weights = buffers.barycentric[i][shown][:, np.newaxis]
    normals = draw.unit((weights @ buffers.normals[i][corners])[:, 0])
    person, colour = shot.look, np.empty_like(normals)
    face, eye, sheet = label < head.SKULL, label == surface.LEFT_EYE, label == surface.SHEET
    eye |= label == surface.RIGHT_EYE
    colour[face] = draw.bilinear(shot.albedo, (weights[face] @ set_.face.uv[corners[face]])[:, 0])
    colour[eye] = albedo.eye((weights[eye] @ set_.eye[corners[eye]])[:, 0], person)
    place = (weights[sheet] @ set_.sheet[corners[sheet]])[:, 0]
    colour[sheet] = albedo.mouth(place, shot.gap, person)
    skin = albedo.skin_colour(person.melanin, person.haemoglobin, person.warmth) * 0.93
    colour[label == head.NECK] = skin
    colour[label == head.SKULL] = skin + person.hair_paint * (0.85 * person.hair - skin)
    colour[label == head.CLOTH] = shot.cloth
    gloss = np.select([eye, sheet, label >= head.SKULL], [1.2, 0.1, 0.0], 0.10 * person.oiliness)
    power = np.where(eye, 90, 14).astype(np.float32)
    return draw.shade(colour, normals, shot.light, gloss.astype(np.float32), power)


def _cover(set_, buffers, i, shown, shot):
    """Colours `[N, 3]` and covers `[N]` of the pixels `shown` of hair and glasses."""
    triangle = buffers.triangle_id[i][shown]
    corners, label = set_.cover[triangle], set_.cover_label[triangle]
    weights = buffers.barycentric[i][shown][:, np.newaxis]
    normals = draw.unit((weights @ buffers.normals[i][corners])[:, 0])
    normals *= np.where(normals[:, 2:] < 0, -1, 1).astype(np.float32)
    colour, cover = np.empty_like(normals), np.ones(len(normals), np.float32)
    is_hair = label <= LINING
    count = len(set_.shell.place)
    place = (weights[is_hair] @ set_.shell.place[np.minimum(corners[is_hair], count - 1)])[:, 0]
    colour[is_hair], cover[is_hair] = _hair(set_.noise, place, shot.look)
    colour[label == LINING] *= INSIDE
    glasses = shot.look.glasses
    colour[label == RIM] = glasses.colour
    colour[label == LENS], cover[label == LENS] = glasses.lens, glasses.tint
    soft = shot.look.style.kind not in hair.CLOTH
    gloss = np.select([label == RIM, label == LENS, is_hair], [0.5, 0.6, 0.0])
    gloss[label == HAIR] = shot.look.hair_gloss * soft
    power = np.where(is_hair, 9, 40).astype(np.float32)
    return draw.shade(colour, normals, shot.light, gloss.astype(np.float32), power), cover


def _hair(noise, place, person):
    """Colours `[N, 3]` and covers `[N]` of hair or cloth at shell places `[N, 2]`."""
    style, tile = person.style, albedo.TILE
    turn, row = place.T
    length = 1 + 1.2 * style.hang
    v = (row * length * 220).astype(int) + style.seed % tile
    lock = noise.locks[v % tile, (turn * tile).astype(int) % tile]
    if style.kind in hair.CLOTH:
        ribs = np.sin(2 * np.pi * (90 * turn if style.seed % 2 else 40 * length * row))
        return style.colour * (1 + 0.08 * ribs + 0.04 * lock)[:, np.newaxis], np.ones_like(row)
    roots = 0.72 + 0.28 * np.clip(3 * row, 0, 1)
    shade = np.clip((1 + 0.26 * lock) * roots, 0.3, 1.8)
    colour = style.colour * shade[:, np.newaxis] + 0.012 * np.maximum(lock, 0)[:, np.newaxis]
    return colour, np.clip(1.3 + 0.7 * lock - 6 * np.clip(row - 0.8, 0, 1), 0, 1)


def pool(image, size):
    """Mean over the cells of an image `[kH, kW, C]`: `[H, W, C]`."""
    height, width = size
    k = image.shape[0] // height
    return image.reshape(height, k, width, k, -1).mean(axis=(1, 3))
