"""Hair, hats and glasses, carried from the mean face to each person's own head."""

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces.accessories import eyewear, hats
from tf_nonlinear3dmm.data.builders.synthetic_faces.drawing.translucent import TranslucentSurface
from tf_nonlinear3dmm.data.builders.synthetic_faces.hair import meshes, procedural, strands
from tf_nonlinear3dmm.data.builders.synthetic_faces.hair.styles import CLOTH, PROCEDURAL, Hairstyle
from tf_nonlinear3dmm.data.builders.synthetic_faces.head import extension
from tf_nonlinear3dmm.data.builders.synthetic_faces.people.appearance import Appearance
from tf_nonlinear3dmm.data.builders.synthetic_faces.scene.assets import SceneAssets


def fit(
    assets: SceneAssets, neutral: np.ndarray, maps: np.ndarray, people: list[Appearance]
) -> list[list[TranslucentSurface]]:
    """For every image a list of the `TranslucentSurface` that its person wears.

    Args:
        assets: `SceneAssets`.
        neutral: `[B, V, 3]` faces without expression.
        maps: `[B, 4, 3]` `extension.affine` of these.
        people: `Appearance` of each; one person's images share theirs.
    """
    fitted = {}
    for i, person in enumerate(people):
        if id(person) not in fitted:
            surfaces = around_mean_face(assets, neutral[i], maps[i], person.style)
            surfaces = [
                s._replace(vertices=extension.carry(s.vertices, maps[i : i + 1])[0])
                for s in surfaces
            ]
            if person.glasses.worn:
                surfaces += eyewear.fit(person.glasses, neutral[i, assets.contours])
            fitted[id(person)] = [
                s._replace(vertices=s.vertices.astype(np.float32)) for s in surfaces
            ]
    return [fitted[id(person)] for person in people]


def around_mean_face(
    assets: SceneAssets, neutral: np.ndarray, affine: np.ndarray, style: Hairstyle
) -> list[TranslucentSurface]:
    """The surfaces of hair and hat around the mean face.

    Args:
        assets: `SceneAssets`.
        neutral: `[V, 3]` the person's face without expression.
        affine: `[4, 3]` `extension.affine` of it.
        style: `Hairstyle`.
    """
    surfaces = []
    if style.kind in assets.hair:
        moved = neutral - extension.carry(assets.mean, affine[np.newaxis])[0]
        moved = moved @ np.linalg.inv(affine[:3])
        mesh = assets.hair[style.kind]
        surfaces.append(meshes.surface(mesh, style, moved, assets.mirror, assets.tiles))
    elif style.kind in PROCEDURAL + CLOTH:
        surfaces.append(procedural.surface(style, assets.tiles))
    single = strands.surface(style, assets.strand_texture)
    surfaces += [single] if single else []
    surfaces += hats.surfaces(style) if style.hat else []
    return surfaces
