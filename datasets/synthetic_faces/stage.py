"""The meshes and fields that every picture shares."""

from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces import albedo, head, locks, surface, wig
from tf_nonlinear3dmm.rendering import uv_layout


class Mesh(NamedTuple):
    """Triangles `[T, 3]`, their labels `[T]`, and those `[Tn, 3]` that count for normals."""

    triangles: np.ndarray
    label: np.ndarray
    normal_triangles: np.ndarray


class Stage(NamedTuple):
    """Meshes and fields that every picture shares.

    Attributes:
        face: `uv_layout.UVLayout`; the face's vertices come first in the body.
        mean: `[V, 3]` mean face.
        landmarks: `[68]` vertex ids.
        contours: `[68]` vertex ids of brows, lids and lips as they are seen, in the same order.
        behind: `head.Head`; None: a face alone, and nothing that covers it.
        body: `Mesh` of face, skull, neck and shoulders; labels 0 skin, 1 mouth sheet, 2 and 3
            eyes, then those of `head`.
        wigs: name -> `wig.Wig`.
        lock: `[H, W, 2]` texture of single locks of hair.
        mirror: `[V]` vertex on the other side of the face.
        rest: `[V + M, 3]` vertices of the body around the mean face.
        eye: `[V, 3]` directions in the eyeballs.
        sheet: `[V, 2]` places in the mouth.
        noise: `albedo.Noise`.
    """

    face: uv_layout.UVLayout
    mean: np.ndarray
    landmarks: np.ndarray
    contours: np.ndarray
    noise: albedo.Noise
    body: Mesh
    behind: head.Head | None = None
    wigs: dict | None = None
    lock: np.ndarray | None = None
    mirror: np.ndarray | None = None
    rest: np.ndarray | None = None
    eye: np.ndarray | None = None
    sheet: np.ndarray | None = None


def make_stage(population, layout, noise):
    """The `Stage` around a population's face; `layout` is its `UVLayout`."""
    behind, count = head.design(population), len(population.mean)
    label = np.where(population.face_label >= 4, surface.SKIN, population.face_label)
    body = Mesh(
        np.concatenate([layout.triangles, behind.triangles + count]),
        np.concatenate([label, behind.labels]),
        np.concatenate([layout.normal_triangles, behind.triangles + count]),
    )
    return Stage(
        face=layout,
        mean=population.mean,
        landmarks=population.lm.astype(int),
        contours=population.contours.astype(int),
        noise=noise,
        body=body,
        behind=behind,
        wigs=wig.load(population.mean),
        lock=locks.texture(noise),
        mirror=population.mirror.astype(int),
        rest=np.concatenate([population.mean, behind.rest]).astype(np.float32),
        eye=surface.eye_directions(population, population.mean),
        sheet=surface.sheet_coordinates(population),
    )


def bare_stage(face, layout, noise):
    """The `Stage` of a `FaceModel` that head, hair and glasses do not fit."""
    label = np.full(len(layout.triangles), surface.SKIN)
    body = Mesh(layout.triangles, label, layout.normal_triangles)
    return Stage(layout, face.mean_vertices, face.landmarks, face.landmarks, noise, body)
