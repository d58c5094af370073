"""From a posed head to the light that reaches the camera: shading, layers, background."""

from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces.accessories import (
    attachments,
    garments,
    occluders,
)
from tf_nonlinear3dmm.data.builders.synthetic_faces.drawing import raster, translucent
from tf_nonlinear3dmm.data.builders.synthetic_faces.head import border, extension
from tf_nonlinear3dmm.data.builders.synthetic_faces.people.appearance import Appearance
from tf_nonlinear3dmm.data.builders.synthetic_faces.scene import background
from tf_nonlinear3dmm.data.builders.synthetic_faces.scene.assets import SceneAssets
from tf_nonlinear3dmm.data.builders.synthetic_faces.scene.light import Light
from tf_nonlinear3dmm.data.builders.synthetic_faces.skin import eyes_and_mouth
from tf_nonlinear3dmm.data.builders.synthetic_faces.skin.surface import LEFT_EYE, MOUTH, RIGHT_EYE

_SUPERSAMPLING = 2


class Shot(NamedTuple):
    """One image to be made.

    Attributes:
        appearance: `Appearance` of the person.
        albedo: `[Hp, Wp, 3]` fine map.
        light: `Light`.
        gap: dm between the lips.
        random: generator of everything else.
    """

    appearance: Appearance
    albedo: np.ndarray
    light: Light
    gap: float
    random: np.random.Generator


def render(
    assets: SceneAssets,
    vertices: np.ndarray,
    neutral: np.ndarray,
    projection: np.ndarray,
    yaw: np.ndarray,
    shots: list[Shot],
    side: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Images before the camera.

    Args:
        assets: `SceneAssets`.
        vertices: `[B, V, 3]` of the faces.
        neutral: `[B, V, 3]` without expression: skull, hair and glasses sit on these.
        projection: `[B, 2, 4]` to pixels of the image.
        yaw: `[B]` radians.
        shots: `Shot` of each image.
        side: of the image.

    Returns:
        images `[B, side, side, 3]` of light, and masks `[B, side, side, 1]` of the visible face.
    """
    fine = projection * _SUPERSAMPLING
    fine[..., 3] += (_SUPERSAMPLING - 1) / 2
    body, worn = vertices, [[]] * len(shots)
    if assets.head:
        maps = extension.affine(neutral, assets.head)
        turn = [-s.random.uniform(0, 0.7) for s in shots] * np.clip(yaw, -1.2, 1.2)
        necks = np.array([shot.appearance.style.neck for shot in shots], np.float32)
        turn = turn.astype(np.float32)
        behind = extension.grow(vertices, maps, turn, necks, assets.head, assets.mean)
        body = np.concatenate([vertices, behind], axis=1)
        worn = attachments.fit(assets, neutral, maps, [shot.appearance for shot in shots])
    body = _rasterize(body, fine, assets.body, side)
    if assets.head:
        border.blend_normals(body.normals, assets.head, len(assets.mean))
    images, masks = [], []
    for i, shot in enumerate(shots):
        image, mask = _layers(assets, body, i, worn[i], fine[i], shot, side)
        backdrop = shot.light.background * background.sample(shot.random, side)
        image = image[..., :3] + (1 - image[..., 3:]) * backdrop
        occluder = occluders.sample(shot.random, side)
        if occluder is not None:
            image += occluder[..., 3:] * (occluder[..., :3] - image)
            mask = mask * (1 - occluder[..., 3:])
        images.append(image)
        masks.append(mask > 0.5)
    return np.stack(images), np.stack(masks)


def _rasterize(vertices, projection, mesh, side):
    return raster.rasterize(
        vertices.astype(np.float32),
        projection,
        mesh.triangles,
        mesh.normal_triangles,
        side * _SUPERSAMPLING,
    )


def _layers(assets, body, i, worn, projection, shot, side):
    """Head with hair `[side, side, 4]` premultiplied, and visible face `[side, side, 1]`."""
    size = body.triangle_id.shape[1]
    pixels = raster.visible_pixels(body, i, assets.body.triangles)
    label = assets.body.label[pixels.triangle]
    layer = np.zeros([6, size * size], np.float32)  # colour, cover, face, cover of the hair
    layer[:3, pixels.index] = _body(assets, body.normals[i], pixels, label, shot)
    layer[3, pixels.index] = 1
    layer[4, pixels.index] = label < extension.SKULL
    if worn:
        depth = np.full(size * size, -np.inf, np.float32)
        depth[pixels.index] = pixels.depth
        colour, cover, place = translucent.composite(worn, projection, shot.light, depth, size)
        under = layer[:, place]
        under[:3] += colour - cover * under[:3]
        under[3] += cover * (1 - under[3])
        under[4] *= 1 - cover
        under[5] = cover
        layer[:, place] = under
    layer = halve(layer.reshape(6, size, size)).transpose(1, 2, 0)
    shadow = np.roll(background.blur(layer[..., 5:], side / 60), side // 50, axis=0)
    colour = layer[..., :3] * (1 - 0.4 * shadow * (1 - layer[..., 5:]))
    return np.concatenate([colour, layer[..., 3:4]], axis=-1), layer[..., 4:5]


def _body(assets, normals, pixels, label, shot):
    """Colours `[3, N]` of the pixels of face, neck and shoulders."""
    person = shot.appearance
    normals = raster.unit(raster.interpolate(normals, pixels))
    face = np.flatnonzero(label < extension.SKULL)
    colour, gloss = np.empty_like(normals), np.zeros(len(label), np.float32)
    colour[:, face] = raster.bilinear(
        shot.albedo, raster.interpolate(assets.layout.uv, pixels.gather(face))
    )
    gloss[face] = 0.10 * person.oiliness
    if not assets.head:
        return raster.shade(colour, normals, shot.light, gloss, np.float32(14))
    eye = np.flatnonzero((label == LEFT_EYE) | (label == RIGHT_EYE))
    mouth = np.flatnonzero(label == MOUTH)
    colour[:, eye] = eyes_and_mouth.eye(
        raster.interpolate(assets.eye_directions, pixels.gather(eye)).T, person
    ).T
    place = raster.interpolate(assets.mouth, pixels.gather(mouth)).T
    colour[:, mouth] = eyes_and_mouth.mouth(place, shot.gap, person).T
    rest = np.flatnonzero(label >= extension.SKULL)
    colour[:, rest] = _behind(assets, pixels.gather(rest), label[rest], shot)
    gloss[eye], gloss[mouth] = 1.2, 0.1
    power = np.full(len(label), 14, np.float32)
    power[eye] = 90
    return raster.shade(colour, normals, shot.light, gloss, power)


def _behind(assets, pixels, label, shot):
    """Colours `[3, N]` of skull, neck and clothes."""
    tints = border.tints(assets.head, shot.albedo, assets.layout.uv, shot.appearance)
    interpolated = raster.interpolate(np.concatenate([tints, assets.rest], axis=1), pixels)
    colour, place = interpolated[:3], interpolated[3:]
    low = np.flatnonzero(label > extension.SKULL)
    cloth, cover = garments.colours(garments.sample(shot.random), place[:, low])
    colour[:, low] += cover * (cloth - colour[:, low])
    return colour


def halve(image: np.ndarray) -> np.ndarray:
    """Mean over 2 x 2 pixels of `[C, 2H, 2W]`: `[C, H, W]`."""
    rows = image[:, ::2] + image[:, 1::2]
    return (rows[..., ::2] + rows[..., 1::2]) * np.float32(0.25)
