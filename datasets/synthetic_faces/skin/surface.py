"""Where everything lies on the skin: distances and masks per texel, measured on the mean face."""

from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm.data.builders.synthetic_faces.head import topology
from tf_nonlinear3dmm.data.builders.synthetic_faces.skin import complexion, curves
from tf_nonlinear3dmm.data.builders.synthetic_faces.skin.falloff import bump, smoothstep
from tf_nonlinear3dmm.face import FaceModel, Population
from tf_nonlinear3dmm.rendering import uv_layout

SKIN, MOUTH, LEFT_EYE, RIGHT_EYE = 0, 1, 2, 3
# Half-face curves on the mean face (dm), right half by mirror symmetry.
_NASOLABIAL = ((0.17, -0.19, 0.96), (0.24, -0.27, 0.95), (0.29, -0.37, 0.91), (0.30, -0.46, 0.87))
_MARIONETTE = ((0.25, -0.49, 0.90), (0.27, -0.56, 0.87), (0.26, -0.62, 0.85))
_BAG = ((0.19, 0.11, 0.87), (0.26, 0.07, 0.86), (0.34, 0.08, 0.82), (0.41, 0.12, 0.77))
_UPPER_LID = """.191 .177 .836  .199 .194 .839  .220 .218 .846  .252 .230 .850  .293 .237 .848
    .328 .238 .840  .361 .232 .826  .383 .226 .809  .399 .218 .794  .411 .199 .778"""
_LOWER_LID = """.191 .175 .837  .208 .164 .832  .261 .156 .844  .293 .154 .841  .333 .156 .830
    .362 .162 .817  .382 .167 .801  .404 .178 .783  .412 .190 .774"""
_UPPER_LID, _LOWER_LID = (
    np.array(text.split(), np.float32).reshape(-1, 3) for text in (_UPPER_LID, _LOWER_LID)
)


class SkinFields(NamedTuple):
    """Fields over the N texels of a UV map of `size`, in rows; lengths in decimetres.

    All are left-right symmetric but for x of `position` and the column of `mouth`.
    """

    size: tuple[int, int]
    position: np.ndarray  # [N, 3] on the mean face, face frame
    label: np.ndarray  # [N] 0 skin, 1 mouth, 2 and 3 left and right eye
    masks: dict[str, np.ndarray]  # name -> [N] in [0, 1]: lips, ear, nostril, ao, and `_flush`
    eye_direction: np.ndarray  # [N, 3] from the eyeball's centre, optical axis +z; 0 off the eyes
    mouth: np.ndarray  # [N, 2] column -1..1 from the right to the left corner, row 0..1 downwards
    brow: np.ndarray  # [N, 2] place along the brow (0 inner, 1 outer), distance above its line
    upper_lid: np.ndarray  # [N] distance to the rim of the upper lid
    lower_lid: np.ndarray
    nasolabial: np.ndarray  # [N] distances to folds
    marionette: np.ndarray
    bag: np.ndarray
    ageing: np.ndarray  # [N] what old skin's fine detail adds to the logarithm of albedo
    skins: complexion.Complexions
    # name -> (texels `[M]` that eyes, beard or hair can reach, the fields over these)
    zones: dict[str, tuple[np.ndarray, "SkinFields"]]


def measure(population: Population, face: FaceModel, size: tuple[int, int]) -> SkinFields:
    """The `SkinFields` of a population's mean face over a UV map of `size` (height, width)."""
    layout = uv_layout.build(face, size)
    corners = np.reshape(layout.texel_vertices, [-1, 3])
    weights = np.reshape(layout.texel_weights, [-1, 3]).astype(np.float32)

    def at_texels(values):
        return np.einsum("nk,nk...->n...", weights, values[corners].astype(np.float32))

    position = at_texels(population.mean)
    half = np.stack([np.abs(position[:, 0]), position[:, 1], position[:, 2]], axis=1)
    marks = population.mean[population.contours]
    masks = {
        name: at_texels(population.arrays[f"mask_{name}"]) / 255
        for name in ("lips", "ear", "nostril", "ao")
    }
    masks["lips"] = smoothstep(masks["lips"], 0.25, 0.65)  # a clear border
    bag = curves.distance(half, _BAG)
    masks |= _flush(half, bag)
    label, skins = _texel_labels(population, layout), complexion.on_map(face, size)
    fields = SkinFields(
        size=size,
        position=position,
        label=label,
        masks=masks,
        eye_direction=at_texels(eye_directions(population, population.mean)),
        mouth=at_texels(mouth_coordinates(population)),
        brow=curves.brow_coordinates(half, marks[22:27]),
        upper_lid=curves.distance(half, _UPPER_LID),
        lower_lid=curves.distance(half, _LOWER_LID),
        nasolabial=curves.distance(half, _NASOLABIAL),
        marionette=curves.distance(half, _MARIONETTE),
        bag=bag,
        ageing=skins.ageing,
        skins=skins,
        zones={},
    )
    return fields._replace(zones=_zones(fields))


def _flush(half, bag):
    """Where blood, freckles and shadows gather: name -> `[N]` in [0, 1]."""
    x, y, z = half.T
    return {
        "around_eyes": bump(bag, 0.07),
        "cheek": bump(np.hypot((x - 0.36) / 1.2, y + 0.10), 0.17) * (z > 0.3),
        "nose": bump(np.hypot(x, y + 0.13), 0.10) * (z > 0.9),
        "blush": bump(np.hypot((x - 0.42) / 1.6, y + 0.06), 0.13),
        "freckled": bump(np.hypot((x - 0.2) / 1.6, y + 0.02), 0.30) * (z > 0.5),
    }


def _zones(fields):
    """Where hair of each kind may grow, so that it is painted there alone."""
    x, y, z = np.abs(fields.position[:, 0]), fields.position[:, 1], fields.position[:, 2]
    eyes = (np.minimum(fields.upper_lid, fields.lower_lid) < 0.12) | (
        (np.abs(fields.brow[:, 1]) < 0.12) & (z > 0.4)
    )
    masks = {
        "eyes": eyes,
        "beard": (y < 0.25) & (fields.masks["ear"] < 0.5),
        "scalp": (y > 0.12 + 0.8 * z) | (z < 0.5) & (x > 0.4),
        "mouth": fields.masks["lips"] > 0,
        "creases": (z > 0.3) & (fields.label == SKIN) & (fields.masks["ear"] == 0),
    }
    return {name: (np.flatnonzero(mask), _part(fields, mask)) for name, mask in masks.items()}


def _part(fields, mask):
    """The fields over some of the texels; `size` stays that of the whole map."""
    some = {k: v[mask] for k, v in fields._asdict().items() if isinstance(v, np.ndarray)}
    return fields._replace(**some, masks={k: v[mask] for k, v in fields.masks.items()})


def _texel_labels(population: Population, layout: uv_layout.UVLayout) -> np.ndarray:
    """Label of the triangle under each texel `[N]`; stitches count as skin."""
    triangle = np.reshape(layout.texel_triangle, -1)
    ids = np.sort(np.reshape(layout.texel_vertices, [-1, 3]), axis=1)
    keys = np.sort(population.tri.astype(np.int64), axis=1) @ [1 << 40, 1 << 20, 1]
    order = np.argsort(keys)
    skin_triangle = order[
        np.searchsorted(keys[order], ids.astype(np.int64) @ [1 << 40, 1 << 20, 1])
    ]
    label = population.face_label[np.where(triangle >= 0, triangle, skin_triangle)]
    return np.where(label >= 4, SKIN, label)


def eye_directions(population: Population, vertices: np.ndarray) -> np.ndarray:
    """`[V, 3]` unit vectors from the eyeballs' centres with the optical axis at +z; 0 elsewhere."""
    result = np.zeros_like(vertices, np.float32)
    for side, label in enumerate((LEFT_EYE, RIGHT_EYE)):
        ids = np.unique(population.tri[population.face_label == label])
        arms = vertices[ids] - population.eye_centre[side]
        axis = population.eye_axis[side] / np.linalg.norm(population.eye_axis[side])
        across = np.cross([0.0, 1.0, 0.0], axis)
        across /= np.linalg.norm(across)
        frame = np.stack([across, np.cross(axis, across), axis])
        result[ids] = arms @ frame.T / np.linalg.norm(arms, axis=1, keepdims=True)
    return result


def mouth_coordinates(population: Population) -> np.ndarray:
    """`[V, 2]` column and row in the mouth, from its outline in the UV map; 0 elsewhere."""
    uv = population.uv.astype(np.float64)
    triangles = population.tri[population.face_label == MOUTH]
    inside, rim = np.unique(triangles), topology.border_loop(triangles)
    rim = np.roll(rim, -np.argmin(uv[rim, 0]))
    turn = np.argmax(uv[rim, 0])
    right, left = rim[0], rim[turn]
    arcs = [rim[: turn + 1], np.append(rim[turn:], right)]
    bounds = []
    for arc in sorted(arcs, key=lambda arc: uv[arc, 1].mean()):  # the upper lip first
        arc = arc[np.argsort(uv[arc, 0])]
        bounds.append(np.interp(uv[inside, 0], uv[arc, 0], uv[arc, 1]))
    row = (uv[inside, 1] - bounds[0]) / np.maximum(bounds[1] - bounds[0], 1e-6)
    result = np.zeros([len(uv), 2], np.float32)
    column = (2 * uv[inside, 0] - uv[left, 0] - uv[right, 0]) / (uv[left, 0] - uv[right, 0])
    result[inside] = np.stack([column, np.clip(row, 0, 1)], axis=1)
    return result
