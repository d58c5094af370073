"""How well each model can represent the texture of held-out faces, by code size.

Two targets. *Albedo*: the true unlit colours of all texels. *Photo*: what the photo shows unwrapped
with the true geometry, on the texels in sight; the light is fitted along with the code, except by
the model of wild textures, which has learned it. Errors are mean absolute differences, colours in
[0, 1].
"""

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import camera, data, lighting, metrics, renderer, training
from tf_nonlinear3dmm.baselines import gmm_prior, linear
from tf_nonlinear3dmm.experiments import autoencoder, bases, codes, shape_power
from tf_nonlinear3dmm.experiments.alignment import BATCH
from tf_nonlinear3dmm.experiments.study import change

RATE = 0.05  # of Adam, in standard deviations of the code
LIGHT_STD = 0.5  # of light coefficients
ROUNDS = 6  # of light and code in turn


class Targets:
    """The first test faces as maps.

    Attributes:
        albedo: `[N, Hu, Wu, 3]` in [0, 1].
        layout: `[1, Hu, Wu, 1]`, texels that belong to the face.
        photo, visible: `[N, Hu, Wu, 3]` and `[N, Hu, Wu, 1]`: the unwrapped photo.
        harmonics: `[N, Hu, Wu, 9]` of the true normals.
    """

    def __init__(self, study):
        split, face = study.split("test"), study.face()
        rows = split.rows[: study.fit_faces]
        tensors = renderer.face_tensors(face, study.config.model.uv_size)
        self.rows = rows
        self.albedo = autoencoder.as_float(split["albedo"][rows])
        self.layout = autoencoder.texel_weights(face, study.config.model.uv_size)[np.newaxis]
        self.photo = autoencoder.as_float(split["texture"][rows])
        self.visible = (split["texture_mask"][rows] > 127).astype(np.float32) * self.layout
        parts = np.array_split(rows, -(-len(rows) // BATCH))
        self.harmonics = np.concatenate([_harmonics(split, part, tensors) for part in parts])

    def texture(self, albedo, light):
        """Albedo maps under lights `[N, 9, 3]`."""
        return albedo * np.einsum("nhwk,nkc->nhwc", self.harmonics, light)


def _harmonics(split, rows, tensors):
    vertices, projection = split["vertices"][rows], split["projection"][rows]
    normals = lighting.vertex_normals(vertices, tensors.normal_triangles)
    turn = camera.rotation(tf.constant(projection))
    normals = tf.matmul(normals, turn, transpose_b=True)
    return lighting.sh_basis(renderer.to_texels(normals, tensors)).numpy()


def best_light(targets, albedo):
    """The lights `[N, 9, 3]` under which albedos come nearest to the photos, by least squares."""
    lights = []
    for photo, visible, harmonics, colour in zip(
        targets.photo, targets.visible, targets.harmonics, albedo, strict=True
    ):
        seen = visible[..., 0] > 0
        design, goal, own = harmonics[seen], photo[seen], colour[seen]
        channels = []
        for c in range(3):
            columns = design * own[:, c : c + 1]
            normal = columns.T @ columns + 1e-3 * (1 + len(goal)) * np.eye(9)
            channels.append(np.linalg.solve(normal, columns.T @ goal[:, c]))
        lights.append(np.stack(channels, -1))
    return np.stack(lights).astype(np.float32)


def linear_photo(targets, basis):
    """Photos by a linear albedo model under light, each in turn: `[N, Hu, Wu, 3]`."""
    albedo = np.broadcast_to(basis.mean, targets.photo.shape)
    for _ in range(ROUNDS):
        light = best_light(targets, albedo)
        shading = np.einsum("nhwk,nkc->nhwc", targets.harmonics, light)
        found = [
            linear.project(
                linear.Basis(basis.mean * shade, basis.modes * shade, basis.std),
                photo[np.newaxis],
                visible[np.newaxis],
                ridge=1e-3,
            )
            for shade, photo, visible in zip(shading, targets.photo, targets.visible, strict=True)
        ]
        albedo = linear.decode(basis, np.concatenate(found))
    return albedo * shading


def linear_rows(study, targets):
    """(albedo, photo): model -> code size -> maps' errors `[N]`."""
    albedo, photo = {}, {}
    for size in study.texture_codes:
        for title, source in (("Linear scan-200", "scan-200"), ("Linear oracle", "oracle")):
            basis = linear.truncate(bases.read(study, f"{source}-albedo"), size)
            if len(basis.modes) in albedo.get(title, {}):
                continue  # it has no more modes than at the size before
            decoded = linear.decode(basis, linear.project(basis, targets.albedo, targets.layout))
            _enter(albedo, title, len(basis.modes), decoded, targets.albedo, targets.layout)
            decoded = linear_photo(targets, basis)
            _enter(photo, title, len(basis.modes), decoded, targets.photo, targets.visible)
        model = gmm_prior.truncate(bases.read(study, "mixture-albedo"), size)
        decoded = gmm_prior.project(model, targets.albedo, targets.layout)[2]
        _enter(
            albedo, "Gaussian mixture", len(model.modes), decoded, targets.albedo, targets.layout
        )
        wild = linear.truncate(bases.read(study, "wild-texture"), size)
        found = linear.project(wild, targets.photo, targets.visible, ridge=1e-3)
        decoded = linear.decode(wild, found)
        _enter(
            photo, "Linear in the wild", len(wild.modes), decoded, targets.photo, targets.visible
        )
    return albedo, photo


def _enter(table, title, size, decoded, true, mask):
    table.setdefault(title, {})[size] = metrics.masked_l1(np.clip(decoded, 0, 1), true, mask)


def decoder(study, size):
    """An untrained `autoencoder.albedo_decoder` of a code size."""
    config = change(study.config, "model", albedo_code_size=size).model
    return lambda: autoencoder.albedo_decoder(config, study.face())


def train_decoder(study, size):
    """Trains an albedo decoder on true albedos; writes decoders/albedo-<size>."""
    split, oracle = study.split("train"), bases.read(study, "oracle-albedo")
    albedo = split["albedo"][split.rows[: study.texture_faces]]
    parts = np.array_split(albedo, -(-len(albedo) // 500))
    linear_codes = np.concatenate(
        [linear.project(oracle, autoencoder.as_float(part)) for part in parts]
    )
    layout = autoencoder.texel_weights(study.face(), study.config.model.uv_size)
    trained = autoencoder.train(
        decoder(study, size), size, albedo, linear_codes, layout, study.decoder_steps
    )
    shape_power.save(study, f"albedo-{size}", trained)


def gradient(study, targets, decode, mean, std):
    """(albedo maps, photos) by gradient on the code, and for photos on the light too.

    Fits start at the code `mean` `[K]`; `std` `[K]` says how widely codes vary.
    """
    budget = (study.fit_steps, RATE, BATCH)
    start = np.repeat(mean[np.newaxis], len(targets.rows), axis=0)
    goal = targets.albedo, targets.layout
    _, albedo = codes.fit(lambda z, rows: decode(z), *goal, start, std, *budget)
    light = best_light(targets, np.asarray(decode(tf.constant(start))))
    harmonics = targets.harmonics

    def lit(both, rows):
        map_of = tf.numpy_function(lambda r: harmonics[r], [rows], tf.float32)
        map_of = tf.ensure_shape(map_of, [None, *harmonics.shape[1:]])
        shading = tf.einsum("nhwk,nkc->nhwc", map_of, tf.reshape(both[:, -27:], [-1, 9, 3]))
        return decode(both[:, :-27]) * shading

    both = np.concatenate([start, light.reshape(len(light), 27)], axis=1)
    scale = np.concatenate([std, np.full(27, LIGHT_STD, np.float32)])
    _, photo = codes.fit(lit, targets.photo, targets.visible, both, scale, *budget)
    return albedo, photo


def decoder_maps(study, targets, size):
    """`gradient` of a decoder trained in 3D."""
    oracle = bases.read(study, "oracle-albedo")
    blank = autoencoder.untrained(decoder(study, size), size, len(oracle.modes))
    trained = shape_power.restore(study, f"albedo-{size}", blank)
    normal = np.random.default_rng(0).standard_normal([256, len(oracle.modes)])
    found = trained.encode(normal.astype(np.float32)).numpy()  # linear codes are whitened
    return gradient(study, targets, trained.decode, found.mean(axis=0), found.std(axis=0))


def run_maps(study, targets, name):
    """Of a model trained on images: (`gradient`, (albedo map, texture) by its encoder)."""
    model, config = training.load(study.run(name))
    mean, std = shape_power.statistics(study, model, "albedo_code")
    by_gradient = gradient(study, targets, model.decode_albedo, mean, std)
    split, size = study.split("test"), config.model.image_size
    found = [
        model(batch["image"])
        for batch in data.in_order(split, size, BATCH, ["image"], targets.rows)
    ]
    albedo, texture = (
        np.concatenate([getattr(part, field).numpy() for part in found])
        for field in ("albedo_map", "texture")
    )
    gain = metrics.best_gain(albedo, targets.albedo, targets.layout)
    return by_gradient, (gain * albedo, texture)


def measure(study):
    """(table of errors, maps for the figure).

    The table: target ("albedo", "photo") -> model -> code size -> errors of faces. The maps: name
    -> photos' reconstructions at the largest size trained on images.
    """
    targets = Targets(study)
    albedo, photo = linear_rows(study, targets)
    largest = max(study.image_codes)
    basis = linear.truncate(bases.read(study, "scan-200-albedo"), largest)
    maps = {"photo": targets.photo, "Linear scan-200": linear_photo(targets, basis)}
    basis = linear.truncate(bases.read(study, "oracle-albedo"), largest)
    maps["Linear oracle"] = linear_photo(targets, basis)

    def enter(title, size, pair):
        _enter(albedo, title, size, pair[0], targets.albedo, targets.layout)
        _enter(photo, title, size, pair[1], targets.photo, targets.visible)
        maps[title] = pair[1]

    for size in study.texture_codes:
        enter("Nonlinear, trained in 3D", size, decoder_maps(study, targets, size))
    for size in sorted(set(study.image_codes) & set(study.texture_codes)):
        by_gradient, by_network = run_maps(study, targets, f"nonlinear-truth-{size}")
        enter("Nonlinear, by gradient", size, by_gradient)
        enter("Nonlinear, by the encoder", size, by_network)
    table = {
        target: {
            model: {str(size): values.tolist() for size, values in by_size.items()}
            for model, by_size in rows.items()
        }
        for target, rows in (("albedo", albedo), ("photo", photo))
    }
    maps = {name: np.clip(value[:6], 0, 1) for name, value in maps.items()}
    return table, maps | {"visible": targets.visible[:6]}
