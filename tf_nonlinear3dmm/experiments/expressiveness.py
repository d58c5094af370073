"""What the trained model can express, as pictures in the paper's manner."""

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import camera, data, directions, lighting, renderer, training, visualize
from tf_nonlinear3dmm.experiments import autoencoder, pictures
from tf_nonlinear3dmm.experiments.alignment import BATCH

TILE = 128
STEPS = (-2.5, -1.25, 0.0, 1.25, 2.5)  # standard deviations of the attribute
LIGHT_YAW_DEG = (-60, -30, 0, 30, 60)
AMBIENT, LAMP = 0.5, 0.55  # shading of a relit face, from everywhere and from the lamp
MEASURED = {"jaw width": (4, 12), "nose width": (31, 35), "nose length": (27, 33)}  # landmarks
SHAPE_WALKS = ("expression_jaw_open", "expression_smile", "expression_blink", *MEASURED)
SHAPE_WALKS += ("shape_male", "shape_age", "shape_weight")
ALBEDO_WALKS = ("albedo_beard", "albedo_melanin", "albedo_age", "albedo_make_up")
ALBEDO_WALKS += ("albedo_wrinkles", "albedo_hair_lightness")


def draw_all(study):
    """Draws every figure of the model trained on true labels."""
    model, _ = training.load(study.run(f"nonlinear-truth-{study.code_size}"))
    by_name = {direction.name: direction for direction in find(*_labelled_faces(study, model))}
    people, photos = _people(study, model)
    shape, albedo = (
        walks(model, [by_name[n] for n in names if n in by_name], people)
        for names in (SHAPE_WALKS, ALBEDO_WALKS)
    )
    pictures.keep(study, "shape_walks", shape)
    pictures.keep(study, "albedo_walks", albedo)
    pictures.keep(study, "interpolation", interpolation(model, people, photos))
    pictures.keep(study, "swaps", swaps(model, people, photos))
    if people.illumination is not None:
        pictures.keep(study, "relighting", relighting(model, people, photos))


def find(parts, attributes, names):
    """List of `directions.Direction`: those of `directions.fit`, and of `MEASURED`."""
    shape, rows = parts["shape"], [names.index(name) for name in MEASURED]
    effects = directions.regress(shape.truth, attributes)[rows]
    steps = directions.through(shape.decode, shape.codes, effects)
    return directions.fit(parts, attributes, names) + [
        directions.Direction(name, name, "Shape", "shape", step)
        for name, step in zip(MEASURED, steps, strict=True)
    ]


def measure(vertices, landmark_ids):
    """`[N, V, 3]` vertices -> `[N, len(MEASURED)]` distances between landmarks."""
    pairs = [landmark_ids[list(pair)] for pair in MEASURED.values()]
    lengths = [np.linalg.norm(vertices[:, a] - vertices[:, b], axis=-1) for a, b in pairs]
    return np.stack(lengths, axis=-1)


def _labelled_faces(study, model, count=1000):
    """(dict of `directions.Part`, attributes, names) of training faces."""
    split = study.split("train")
    rows = split.rows[:count]
    found = [
        model.encode(batch["image"])
        for batch in data.in_order(split, study.config.model.image_size, BATCH, ["image"], rows)
    ]
    shape, albedo = (
        np.concatenate([getattr(codes, name).numpy() for codes in found])
        for name in ("shape_code", "albedo_code")
    )
    vertices = split["vertices"][rows]
    lengths = measure(vertices, study.face().landmarks)
    attributes = np.concatenate([split["attributes"][rows], lengths], axis=1)
    colours = autoencoder.as_float(split["albedo"][rows])
    parts = {
        "shape": directions.Part(lambda z: _flat(model.decode_shape(z)[1]), shape, _flat(vertices)),
        "albedo": directions.Part(lambda z: _flat(model.decode_albedo(z)), albedo, _flat(colours)),
    }
    return parts, attributes, [*split.builder.info.metadata["attributes"], *MEASURED]


def _flat(values):
    return tf.reshape(values, [values.shape[0], -1]).numpy()


def _people(study, model, count=6):
    """`encoder.Codes` of the most frontal test faces, and their photos as uint8 tiles."""
    split = study.split("test")
    order = np.argsort(np.abs(split["yaw_deg"][split.rows]), kind="stable")[:count]
    size = study.config.model.image_size
    batch = next(data.in_order(split, size, count, ["image"], split.rows[order]))
    photos = visualize.to_uint8(visualize.enlarge(batch["image"], TILE))
    return model.encode(batch["image"]), photos


def draw(model, shape_code, albedo_code, illumination=None, yaw_deg=-15.0):
    """uint8 pictures `[B, TILE, TILE, 3]` of codes, under a plain light unless one is given."""
    _, vertices = model.decode_shape(tf.constant(shape_code))
    albedo = model.decode_albedo(tf.constant(albedo_code))
    projection = visualize.frontal(vertices, TILE, yaw_deg)
    if illumination is not None:
        scale = float(visualize.FINE)
        fine = camera.crop(projection, 0.0, 0.0, scale)
        size = (visualize.FINE * TILE,) * 2
        rendering = model.render(vertices, albedo, fine, tf.constant(illumination), size)
        white = renderer.blend(rendering, 1.0)
        return visualize.to_uint8(tf.nn.avg_pool2d(white, visualize.FINE, visualize.FINE, "VALID"))
    fragments = visualize.see(vertices, projection, model.tensors, TILE)
    return visualize.to_uint8(visualize.paint(albedo, fragments, model.tensors))


def clay(model, shape_code, yaw_deg=-15.0):
    """uint8 pictures of bare shapes."""
    _, vertices = model.decode_shape(tf.constant(shape_code))
    projection = visualize.frontal(vertices, TILE, yaw_deg)
    return visualize.mesh(vertices, projection, model.tensors, TILE)


def walks(model, chosen, people):
    """One row per direction: the mean of some people moved along it; shape walks as clay."""
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


def interpolation(model, people, photos, steps=6):
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


def swaps(model, people, photos, count=4):
    """A square of faces: the row's person gives the shape, the column's the albedo."""
    shape, albedo = people.shape_code.numpy()[:count], people.albedo_code.numpy()[:count]
    rows = [np.concatenate([pictures.caption("shape \\ albedo", TILE)[np.newaxis], photos[:count]])]
    for one, photo in zip(shape, photos, strict=False):
        drawn = draw(model, np.repeat(one[np.newaxis], count, 0), albedo)
        rows.append(np.concatenate([photo[np.newaxis], drawn]))
    return visualize.grid(np.stack(rows), [])


def relighting(model, people, photos, count=4):
    """People under their own light, and under one that moves from left to right."""
    own = people.illumination.numpy()[:count]
    lamp = np.zeros([len(LIGHT_YAW_DEG), 9, 3], np.float32)
    turn = np.radians(LIGHT_YAW_DEG)[:, np.newaxis]
    lamp[:, 0] = AMBIENT / lighting.SH_CONSTANTS[0]
    lamp[:, 1] = LAMP / lighting.SH_CONSTANTS[1] * np.cos(turn)  # n_z
    lamp[:, 3] = LAMP / lighting.SH_CONSTANTS[3] * np.sin(turn)  # n_x
    rows = []
    for i in range(count):
        lights = np.concatenate([own[i : i + 1], lamp])
        codes = (
            np.repeat(part.numpy()[i : i + 1], len(lights), 0)
            for part in (people.shape_code, people.albedo_code)
        )
        rows.append(np.concatenate([photos[[i]], draw(model, *codes, lights, yaw_deg=0.0)]))
    titles = ["photo", "own light", *(f"lamp {a:+d}" for a in LIGHT_YAW_DEG)]
    return visualize.grid(np.stack(rows), titles)


def _labelled(rows, names, titles):
    """A grid whose rows have names: each is written on a tile of its own at the left."""
    tiles = [pictures.caption(name, TILE) for name in names]
    whole = [np.concatenate([t[np.newaxis], r]) for t, r in zip(tiles, rows, strict=True)]
    return visualize.grid(np.stack(whole), ["", *titles])
