"""What a trained model can express, as figures in the style of the paper."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import data
from tf_nonlinear3dmm.evaluation import directions, plots
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.networks.encoder import Codes
from tf_nonlinear3dmm.rendering import lighting, upsampling, visualize

TILE = 128
STEPS = (-2.5, -1.25, 0.0, 1.25, 2.5)  # standard deviations of the attribute
_LIGHT_YAW_DEG = (-60, -30, 0, 30, 60)
PLAIN, CONTRAST = (0.8, 0.7), (1.25, 0.25)  # shading by a directional light, and from everywhere
PEOPLE = 6
LENGTHS = {"jaw width": (4, 12), "nose width": (31, 35), "nose length": (27, 33)}  # landmarks
GROUPS = {**directions.GROUPS, "length": ("Shape", tuple(LENGTHS))}
_SHAPE_TRAVERSALS = (
    *("expression_jaw_open", "expression_smile", "expression_blink"),
    *(f"length_{name}" for name in LENGTHS),
    *("shape_male", "shape_age", "shape_weight"),
)
_ALBEDO_TRAVERSALS = (
    *("albedo_beard", "albedo_melanin", "albedo_age", "albedo_make_up"),
    *("albedo_wrinkles", "albedo_hair_lightness"),
)
CAPTIONS = {
    "shape_traversals": "Shape along directions found from labelled training faces: the mean of "
    "six people, moved by standard deviations of the attribute.",
    "albedo_traversals": "Albedo along such directions.",
    "interpolation": "Both codes on the way from one person (left photo) to another (right photo).",
    "shape_albedo_exchange": "Shape of the row's photo, albedo of the column's.",
    "relighting": "Four people under the light that the encoder read from their photo, and under a "
    "directional light that moves from left to right (degrees).",
}


def draw_all(
    model: Nonlinear3DMM, train: data.Split | None, test: data.Split
) -> dict[str, np.ndarray]:
    """Draws what a model makes of generated faces, or of photos with a label of yaw.

    Args:
        model: `Nonlinear3DMM`.
        train: `data.Split` whose labels tell directions; traversals are drawn where it has them.
            Or None.
        test: `data.Split` of the people that are drawn.

    Returns:
        dict of uint8 pictures, in the order of `CAPTIONS`; empty for fewer than `PEOPLE` people.
    """
    if len(test.rows) < PEOPLE:
        return {}
    people, photos = _people(model, test)
    pictures = _traversals(model, train, people) if train else {}
    pictures["interpolation"] = interpolation(model, people, photos)
    pictures["shape_albedo_exchange"] = exchange(model, people, photos)
    if people.illumination is not None:
        pictures["relighting"] = relighting(model, people, photos)
    return pictures


def _traversals(model, train, people):
    """Pictures along the directions that the labels of a split tell; empty where it has none."""
    labelled = directions.labelled(model, train)
    if not labelled:
        return {}
    known = directions.fit(*_with_lengths(model.face, *labelled), GROUPS)
    by_name = {direction.name: direction for direction in known}
    pictures = {}
    for part, names in (("shape", _SHAPE_TRAVERSALS), ("albedo", _ALBEDO_TRAVERSALS)):
        chosen = [by_name[name] for name in names if name in by_name]
        if chosen:
            pictures[f"{part}_traversals"] = traversals(model, chosen, people)
    return pictures


def _with_lengths(face, parts, attributes, names):
    """What `directions.labelled` returns, with the `LENGTHS` among the attributes."""
    vertices = parts["shape"].ground_truth
    lengths = measure(vertices.reshape(len(vertices), -1, 3), face.landmarks)
    return parts, np.concatenate([attributes, lengths], axis=1), [*names, *LENGTHS]


def measure(vertices: np.ndarray, landmark_ids: np.ndarray) -> np.ndarray:
    """`[N, V, 3]` vertices -> `[N, len(LENGTHS)]` distances between landmarks."""
    pairs = [landmark_ids[list(pair)] for pair in LENGTHS.values()]
    lengths = [np.linalg.norm(vertices[:, a] - vertices[:, b], axis=-1) for a, b in pairs]
    return np.stack(lengths, axis=-1)


def _people(model, split):
    """`encoder.Codes` of the most frontal faces, and their photos as uint8 tiles."""
    rows = split.rows
    if "yaw_deg" in split:
        rows = rows[np.argsort(np.abs(split["yaw_deg"][rows]), kind="stable")]
    size = model.config.image_size
    batch = next(data.in_order(split, size, PEOPLE, ["image"], rows[:PEOPLE]))
    photos = visualize.to_uint8(visualize.enlarge(batch["image"], TILE))
    return model.encode(batch["image"]), photos


def light_from(
    yaw_deg: Sequence[float] | np.ndarray, strengths: tuple[float, float] = CONTRAST
) -> tf.Tensor:
    """Illumination `[L, 9, 3]` from each of L angles, positive to the picture's right."""
    yaw = np.radians(yaw_deg)
    towards = np.stack([np.sin(yaw), np.zeros_like(yaw), np.cos(yaw)], axis=-1)
    return lighting.directional(tf.constant(towards, tf.float32), *strengths)


def draw(
    model: Nonlinear3DMM,
    shape_code: np.ndarray,
    albedo_code: np.ndarray,
    light: np.ndarray | tf.Tensor | None = None,
    yaw_deg: float = -15.0,
) -> np.ndarray:
    """uint8 pictures `[B, TILE, TILE, 3]` of codes, lit from the front unless a light is given."""
    _, vertices = model.decode_shape(tf.constant(shape_code))
    albedo_map = model.decode_albedo(tf.constant(albedo_code))
    projection = visualize.frontal(vertices, TILE, yaw_deg)
    if not model.config.lighting:  # its texture has the light in it
        light = None
    elif light is None:
        light = light_from(np.zeros(len(shape_code)), PLAIN)
    fragments = visualize.see(vertices, projection, model.uv_layout, TILE)
    drawing = upsampling.draw(model, albedo_map, vertices, projection, light, fragments)
    return visualize.to_uint8(visualize.over(drawing.image, drawing.mask))


def clay(model: Nonlinear3DMM, shape_code: np.ndarray, yaw_deg: float = -15.0) -> np.ndarray:
    """uint8 pictures of bare shapes."""
    _, vertices = model.decode_shape(tf.constant(shape_code))
    projection = visualize.frontal(vertices, TILE, yaw_deg)
    return visualize.mesh(vertices, projection, model.uv_layout, TILE)


def traversals(
    model: Nonlinear3DMM, chosen: Sequence[directions.Direction], people: Codes
) -> np.ndarray:
    """One row per direction: the mean of some people moved along it; shape as clay."""
    shape = people.shape_code.numpy().mean(0, keepdims=True)
    albedo = people.albedo_code.numpy().mean(0, keepdims=True)
    rows = []
    for direction in chosen:
        moved = np.outer(STEPS, direction.step).astype(np.float32)
        if direction.part == "shape":
            rows.append(clay(model, shape + moved))
        else:
            rows.append(draw(model, np.repeat(shape, len(STEPS), 0), albedo + moved))
    return _labelled(rows, [d.label for d in chosen], [f"{s:+g} std" for s in STEPS])


def interpolation(
    model: Nonlinear3DMM, people: Codes, photos: np.ndarray, steps: int = 6
) -> np.ndarray:
    """Three rows between pairs of people: both codes, from one end to the other."""
    rows = []
    for a, b in ((0, 1), (2, 3), (4, 5)):
        t = np.linspace(0, 1, steps, dtype=np.float32)[:, np.newaxis]
        shape, albedo = (
            (1 - t) * codes[a] + t * codes[b]
            for codes in (people.shape_code.numpy(), people.albedo_code.numpy())
        )
        rows.append(np.concatenate([photos[[a]], draw(model, shape, albedo), photos[[b]]]))
    titles = ["photo", *(f"{x:.1f}" for x in np.linspace(0, 1, steps)), "photo"]
    return visualize.grid(np.stack(rows), titles)


def exchange(model: Nonlinear3DMM, people: Codes, photos: np.ndarray, count: int = 4) -> np.ndarray:
    """A square of faces: the row's person gives the shape, the column's the albedo."""
    shape, albedo = people.shape_code.numpy()[:count], people.albedo_code.numpy()[:count]
    rows = [np.concatenate([plots.caption("shape \\ albedo", TILE)[np.newaxis], photos[:count]])]
    for one, photo in zip(shape, photos, strict=False):
        drawn = draw(model, np.repeat(one[np.newaxis], count, 0), albedo)
        rows.append(np.concatenate([photo[np.newaxis], drawn]))
    return visualize.grid(np.stack(rows), [])


def relighting(
    model: Nonlinear3DMM, people: Codes, photos: np.ndarray, count: int = 4
) -> np.ndarray:
    """People under their own light, and under one that moves from left to right."""
    own, moved = np.asarray(people.illumination)[:count], light_from(_LIGHT_YAW_DEG)
    rows = []
    for i in range(count):
        lights = np.concatenate([own[i : i + 1], moved])
        shape, albedo = (
            np.repeat(part.numpy()[i : i + 1], len(lights), 0)
            for part in (people.shape_code, people.albedo_code)
        )
        rows.append(np.concatenate([photos[[i]], draw(model, shape, albedo, lights, yaw_deg=0.0)]))
    titles = ["photo", "own light", *(f"{a:+d} deg" for a in _LIGHT_YAW_DEG)]
    return visualize.grid(np.stack(rows), titles)


def _labelled(rows, names, titles):
    """A grid whose rows have names: each is written on a tile of its own at the left."""
    tiles = [plots.caption(name, TILE) for name in names]
    whole = [np.concatenate([t[np.newaxis], r]) for t, r in zip(tiles, rows, strict=True)]
    return visualize.grid(np.stack(whole), ["", *titles])
