"""Where the face ends and the rest of the head begins: no edge in shading or colour."""

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces.head.extension import Head
from tf_nonlinear3dmm.data.builders.synthetic_faces.people.appearance import Appearance
from tf_nonlinear3dmm.data.builders.synthetic_faces.skin.falloff import bump

AROUND = np.linspace(-0.02, 0.02, 5)[:, np.newaxis] * [1, 0]  # of the map, to even out the skin


def blend_normals(normals: np.ndarray, head: Head, count: int) -> None:
    """Gives a face's border and the vertices of the head that lie on it their mean normals.

    Args:
        normals: `[B, V + M, 3]`, changed in place.
        head: `Head`.
        count: V, vertices of the face.
    """
    joined = np.flatnonzero(head.joined)
    border = head.border[joined]
    mean = normals[:, border] + normals[:, count + joined]
    mean /= np.maximum(np.linalg.norm(mean, axis=-1, keepdims=True), 1e-6)
    normals[:, border] = normals[:, count + joined] = mean


def tints(head: Head, albedo: np.ndarray, uv: np.ndarray, person: Appearance) -> np.ndarray:
    """Colours `[V + M, 3]` of skull, neck and what clothes leave bare; 0 in the face.

    Args:
        head: `Head`.
        albedo: `[H, W, 3]` of the face.
        uv: `[V, 2]` of the face's vertices.
        person: `Appearance`.
    """
    size = np.array(albedo.shape[1::-1]) - 1
    near = uv[head.border, np.newaxis] + AROUND
    column, row = np.moveaxis(np.round(np.clip(near, 0, 1) * size).astype(int), -1, 0)
    edge = albedo[row, column].mean(axis=1)
    skin = np.median(albedo[::8, ::8].reshape(-1, 3), axis=0)
    scalp = skin + person.scalp_cover * (0.85 * person.hair - skin)
    down = head.turning[:, np.newaxis]
    shade = 1 - 0.28 * bump(down - 0.25, 0.18)  # the jaw takes light from the neck
    inner = np.where(head.of_skull[:, np.newaxis], scalp, skin * shade)
    colour = inner + head.follow[:, np.newaxis] ** 3 * (edge - inner)
    return np.concatenate([np.zeros([len(uv), 3], np.float32), colour]).astype(np.float32)
