"""A camera off by 3 pixels and 3 degrees, recovered with and without antialiased silhouettes.

The shape is known and fixed. Three kinds of photo, from silhouettes alone to a usual photo:

    one colour    a face of one colour without light, over another photo
    drawn         the true face under its light, over another photo; fitted with the mean albedo
                  and a light that is optimised along with the camera
    photo         a picture of the data set; fitted likewise, where its mask shows the face
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import data, losses, metrics
from tf_nonlinear3dmm.configs import Config
from tf_nonlinear3dmm.core import graphs
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import camera, renderer, uv_layout

PIXELS, DEGREES = 3, 3
UNITS = (0.02, 0.02, 0.02, 0.01, 1.0)  # of a step: yaw, pitch, roll, log of scale, translation
_LIGHT_UNIT = 0.15
WHITE = 2.8  # the first harmonic of a light that leaves the albedo about as it is


Errors = dict[tuple[str, str], np.ndarray]  # see `recover`


class Case(NamedTuple):
    """What is fitted, and with what; see the module.

    Attributes:
        name: of the kind.
        photo: `[N, S, S, 3]`.
        mask: `[N, S, S, 1]`, 1 where the photo shows the face, or None: unknown.
        albedo: `[N, Hu, Wu, 3]`.
        fit_light: whether the light is optimised; it is white at first.
    """

    name: str
    photo: tf.Tensor
    mask: tf.Tensor | None
    albedo: tf.Tensor
    fit_light: bool


class Faces(NamedTuple):
    """`N` faces whose camera is known.

    Attributes:
        layout: `UVLayout`.
        labels: the batch.
        skin: `[V, 1]`, what a vertex counts; sums to 1.
    """

    layout: uv_layout.UVLayout
    labels: dict[str, tf.Tensor]
    skin: np.ndarray


def load(config: Config, count: int) -> Faces:
    """`Faces`, the first `count` of the validation split of a `Config`."""
    face = FaceModel.load(config.model.face_model)
    split = data.open_first(config, "validation")
    features = ["vertices", "albedo", "illumination"]
    labels = next(data.in_order(split, config.model.image_size, count, features))
    skin = metrics.skin_weights(face)[:, np.newaxis].astype(np.float32)
    return Faces(uv_layout.build(face, config.model.uv_size), labels, skin)


def recover(faces: Faces, steps: int, say: Callable[[str], None] = lambda line: None) -> Errors:
    """How far the skin lies from the ground truth, in pixels: at the start and when recovered.

    Args:
        faces: `Faces`.
        steps: of Adam.
        say: called with a line per result.

    Returns:
        dict from (case, "start", "hard" or "antialiased") to `[N]` mean distances.
    """
    start = perturbed(faces.labels["projection"])
    errors = {}
    for case in cases(faces):
        errors[case.name, "start"] = distance(faces, camera.compose(*start))
        for name, antialiased in (("hard", False), ("antialiased", True)):
            projection = fit(case, faces, start, antialiased, steps)
            errors[case.name, name] = distance(faces, projection)
            say(f"{case.name}, {name}: {np.mean(errors[case.name, name]):.2f} px")
    return errors


def cases(faces: Faces) -> list[Case]:
    """The three `Case`s of `Faces`."""
    labels, photo = faces.labels, faces.labels["image"]
    other = tf.roll(photo[::-1], photo.shape[1] // 3, axis=1)
    mean = tf.zeros_like(labels["albedo"]) + tf.reduce_mean(labels["albedo"], axis=0)
    colour = tf.zeros_like(mean) + tf.reduce_mean(mean, axis=[1, 2], keepdims=True)

    def over_other(albedo, illumination):
        drawn = _render(faces, albedo, labels["projection"], illumination, True)
        return tf.clip_by_value(renderer.blend(drawn, other), 0, 1)

    white = _white(len(photo))
    drawn = over_other(labels["albedo"], labels["illumination"])
    return [
        Case("one colour", over_other(colour, white), None, colour, False),
        Case("drawn", drawn, None, mean, True),
        Case("photo", photo, labels["face_mask"], mean, True),
    ]


def _white(count):
    return tf.concat([tf.fill([count, 1, 3], WHITE), tf.zeros([count, 8, 3])], axis=1)


def perturbed(projection: tf.Tensor, seed: int = 0) -> list[tf.Tensor]:
    """What `camera.compose` takes, off by `PIXELS` and `DEGREES` in random directions."""
    rng = np.random.default_rng(seed)
    yaw, pitch, roll, scale, translation = (k.numpy() for k in camera.decompose(projection))
    turn, shift = (rng.normal(size=[len(scale), k]) for k in (3, 2))
    turn *= np.radians(DEGREES) / np.linalg.norm(turn, axis=1, keepdims=True)
    shift *= PIXELS / np.linalg.norm(shift, axis=1, keepdims=True)
    pose = yaw + turn[:, 0], pitch + turn[:, 1], roll + turn[:, 2], scale, translation + shift
    return [tf.constant(k, tf.float32) for k in pose]


def fit(
    case: Case,
    faces: Faces,
    start: Sequence[tf.Tensor],
    antialiased: bool,
    steps: int,
    rate: float = 0.3,
) -> tf.Tensor:
    """Projections `[N, 2, 4]` by Adam on camera and light, its rate falling to 0.

    Args:
        case: `Case`.
        faces: `Faces`.
        start: what `perturbed` returns.
        antialiased: whether silhouettes are.
        steps, rate: of Adam; the rate in `UNITS`.
    """
    moved = [tf.Variable(tf.zeros_like(k)) for k in start]
    light = tf.Variable(tf.zeros_like(_white(len(start[0]))), trainable=case.fit_light)
    variables = moved + ([light] if case.fit_light else [])
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps))
    optimizer.build(variables)

    def projection():
        yaw, pitch, roll, scale, translation = (
            unit * k for unit, k in zip(UNITS, moved, strict=True)
        )
        parts = start[0] + yaw, start[1] + pitch, start[2] + roll
        return camera.compose(*parts, start[3] * tf.exp(scale), start[4] + translation)

    def step():
        with tf.GradientTape() as tape:
            white = _white(len(start[0])) + _LIGHT_UNIT * light
            drawn = _render(faces, case.albedo, projection(), white, antialiased)
            mask = drawn.mask if case.mask is None else drawn.mask * case.mask
            loss = losses.reconstruction(drawn.image, case.photo, mask)
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    step = graphs.function(step).get_concrete_function()
    for _ in range(steps):
        step()
    return projection()


def _render(faces, albedo, projection, illumination, antialiased):
    size, vertices = faces.labels["image"].shape[1:3], faces.labels["vertices"]
    arguments = vertices, albedo, projection, illumination, faces.layout, size
    return renderer.render(*arguments, antialiased)


def distance(faces: Faces, projection: tf.Tensor) -> np.ndarray:
    """Mean distance of the skin's image points from the ground truth, `[N]` pixels."""
    vertices = faces.labels["vertices"]
    points, true = (
        camera.project(vertices, p)[..., :2] for p in (projection, faces.labels["projection"])
    )
    return (tf.norm(points - true, axis=-1) @ faces.skin)[:, 0].numpy()


def table(errors: Errors) -> str:
    """Markdown: a row per case; mean and median."""
    rows = ["| | at the start | hard silhouettes | antialiased silhouettes |", "|---|---|---|---|"]
    for name in dict.fromkeys(case for case, _ in errors):
        cells = [errors[name, kind] for kind in ("start", "hard", "antialiased")]
        texts = [f"{np.mean(k):.2f} ({np.median(k):.2f})" for k in cells]
        rows.append(f"| {name} | {' | '.join(texts)} |")
    return "\n".join(rows)
