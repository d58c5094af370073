"""The meshes and fields that every image shares."""

from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces.hair import meshes, strands
from tf_nonlinear3dmm.data.builders.synthetic_faces.hair.meshes import BoundHair
from tf_nonlinear3dmm.data.builders.synthetic_faces.head import extension
from tf_nonlinear3dmm.data.builders.synthetic_faces.skin import surface
from tf_nonlinear3dmm.data.builders.synthetic_faces.skin.noise import NoiseTiles
from tf_nonlinear3dmm.face import FaceModel, Population
from tf_nonlinear3dmm.rendering import uv_layout


class BodyMesh(NamedTuple):
    """Triangles `[T, 3]`, their labels `[T]`, and those `[Tn, 3]` that count for normals."""

    triangles: np.ndarray
    label: np.ndarray
    normal_triangles: np.ndarray


class SceneAssets(NamedTuple):
    """Meshes and fields that every image shares.

    Attributes:
        layout: `uv_layout.UVLayout`; the face's vertices come first in the body.
        mean: `[V, 3]` mean face.
        landmarks: `[68]` vertex ids.
        contours: `[68]` vertex ids of brows, lids and lips as they are seen, in the same order.
        head: `extension.Head`; None: a face alone, and nothing that covers it.
        body: `BodyMesh` of face, skull, neck and shoulders; labels 0 skin, 1 mouth, 2 and 3 eyes,
            then those of `extension`.
        hair: name -> `BoundHair`.
        strand_texture: `[H, W, 2]` of single strands of hair.
        mirror: `[V]` vertex on the other side of the face.
        rest: `[V + M, 3]` vertices of the body around the mean face.
        eye_directions: `[V, 3]` unit vectors in the eyeballs.
        mouth: `[V, 2]` places in the mouth.
        tiles: `NoiseTiles`.
    """

    layout: uv_layout.UVLayout
    mean: np.ndarray
    landmarks: np.ndarray
    contours: np.ndarray
    tiles: NoiseTiles
    body: BodyMesh
    head: extension.Head | None = None
    hair: dict[str, BoundHair] | None = None
    strand_texture: np.ndarray | None = None
    mirror: np.ndarray | None = None
    rest: np.ndarray | None = None
    eye_directions: np.ndarray | None = None
    mouth: np.ndarray | None = None


def load(population: Population, layout: uv_layout.UVLayout, tiles: NoiseTiles) -> SceneAssets:
    """The `SceneAssets` around a population's face; `layout` is its `uv_layout.UVLayout`."""
    head, count = extension.design(population), len(population.mean)
    label = np.where(population.face_label >= 4, surface.SKIN, population.face_label)
    body = BodyMesh(
        np.concatenate([layout.triangles, head.triangles + count]),
        np.concatenate([label, head.labels]),
        np.concatenate([layout.normal_triangles, head.triangles + count]),
    )
    return SceneAssets(
        layout=layout,
        mean=population.mean,
        landmarks=population.lm.astype(int),
        contours=population.contours.astype(int),
        tiles=tiles,
        body=body,
        head=head,
        hair=meshes.load(population.mean),
        strand_texture=strands.make_texture(tiles),
        mirror=population.mirror.astype(int),
        rest=np.concatenate([population.mean, head.rest]).astype(np.float32),
        eye_directions=surface.eye_directions(population, population.mean),
        mouth=surface.mouth_coordinates(population),
    )


def face_only(face: FaceModel, layout: uv_layout.UVLayout, tiles: NoiseTiles) -> SceneAssets:
    """The `SceneAssets` of a `FaceModel` that head, hair and glasses do not fit."""
    label = np.full(len(layout.triangles), surface.SKIN)
    body = BodyMesh(layout.triangles, label, layout.normal_triangles)
    return SceneAssets(layout, face.mean_vertices, face.landmarks, face.landmarks, tiles, body)
