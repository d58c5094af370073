"""What training minimises: one function per term, and their weighted sum.

Colours arrive as RGB in [0, 1] and are mapped to [-1, 1] at the door of the terms that compare
them, so that the paper's weights and floors hold. The paper's squared terms have a factor 1/2.

A mean over a mask divides by the mask of all replicas, so that the mean of the replicas' losses is
the loss of the whole batch.

Three terms of the paper's code do not compute what they mean to (`configs.DEFECTS`); with
`form="released"` they compute what the code does:
    reconstruction    divides by a mask of three channels: a third of the mean
    local_constancy   sums before it weighs, so that the weights cancel
    white_shading     divides by the coverage of a map of 128 x 128 texels
"""

import collections
import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.core import replicas, shapes
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.model import Reconstruction
from tf_nonlinear3dmm.rendering import camera
from tf_nonlinear3dmm.rendering.uv_layout import UVLayout

FLOOR = 0.05  # of the range [-1, 1]: colour differences below are not pulled closer
PAIRS = 20  # of skin texels per image
_CAMERA_STRIDE = 8  # every eighth vertex is enough to compare cameras
WHITE = 0.99  # the mean shading of a white light
_DRAWN = ("reconstruction", "adversarial", "perceptual")  # terms that look at the drawn image
# Terms of every pair of `model.pairs`, those that ask for details; the others are of proxies alone.
_DETAILED = ("shape", "albedo", "texture", "landmarks", "landmark_distance", *_DRAWN)


class Constants(NamedTuple):
    """What the terms need to know about a model; computed once by `constants`.

    Attributes:
        projection_std: `[8]` of the model.
        units: millimetres per unit of the vertices.
        landmark_exists: `[68]`, 1 where the face model has the landmark.
        coverage: `[Hu, Wu, 1]`, 1 where a texel belongs to the face.
        skin_texels: `[N]` int32 index of the texels whose albedo varies slowly, row by row.
        camera_vertices: `[N]` int32 ids of the vertices by which cameras are compared.
        image_size: side of the images in pixels.
    """

    projection_std: tf.Tensor
    units: float
    landmark_exists: np.ndarray
    coverage: np.ndarray
    skin_texels: np.ndarray
    camera_vertices: np.ndarray
    image_size: int


def constants(
    face: FaceModel, layout: UVLayout, projection_std: tf.Tensor, image_size: int
) -> Constants:
    """The `Constants` of a `FaceModel`, its `UVLayout` and the model's `[8]` statistic."""
    coverage = (layout.texel_triangle >= 0).astype(np.float32)
    skin = np.asarray(face.regions["constancy"], np.float32)[layout.texel_vertices]
    skin = np.sum(skin * layout.texel_weights, axis=-1) * coverage
    return Constants(
        projection_std=projection_std,
        units=float(face.units),
        landmark_exists=(face.landmarks >= 0).astype(np.float32),
        coverage=coverage[..., np.newaxis],
        skin_texels=np.flatnonzero(skin > 0.5).astype(np.int32),
        camera_vertices=np.arange(0, len(face.mean_vertices), _CAMERA_STRIDE, dtype=np.int32),
        image_size=image_size,
    )


def projection(
    predicted: tf.Tensor, label: tf.Tensor, std: tf.Tensor, mask: tf.Tensor
) -> tf.Tensor:
    """Half the mean squared error of the whitened camera.

    Args:
        predicted, label: `[B, 2, 4]`.
        std: `[8]` standard deviation of the training projections, row by row.
        mask: `[B]`, 1 where the label exists.
    """
    shapes.check(predicted=(predicted, "B 2 4"), label=(label, "B 2 4"), mask=(mask, "B"))
    error = tf.reshape(predicted - label, [-1, 8]) / std
    return 0.5 * replicas.masked_mean(tf.reduce_mean(tf.square(error), axis=-1), mask)


def reprojection(
    predicted: tf.Tensor, label: tf.Tensor, vertices: tf.Tensor, image_size: int, mask: tf.Tensor
) -> tf.Tensor:
    """Mean distance of vertices under two cameras, in pixels of a 224-px image, over 10.

    A pose error counts by what it moves, whether it is one of rotation, scale or place.

    Args:
        predicted, label: `[B, 2, 4]`.
        vertices: `[B, N, 3]` of the label.
        image_size: side of the image that both project into.
        mask: `[B]`, 1 where the labels exist.
    """
    shapes.check(
        predicted=(predicted, "B 2 4"), label=(label, "B 2 4"), vertices=(vertices, "B N 3")
    )
    moved = camera.project(vertices, predicted) - camera.project(vertices, label)
    squares = tf.reduce_sum(tf.square(moved[..., :2] * (224 / image_size)), axis=-1)
    return replicas.masked_mean(tf.reduce_mean(tf.sqrt(squares + 1e-4), axis=-1), mask) / 10


def shape(vertices: tf.Tensor, label: tf.Tensor, units: float, mask: tf.Tensor) -> tf.Tensor:
    """Half the mean squared error of coordinates `[B, V, 3]`, in units of 10 mm.

    Args:
        vertices, label: `[B, V, 3]` in the face's units.
        units: millimetres per unit.
        mask: `[B]`, 1 where the label exists.
    """
    shapes.check(vertices=(vertices, "B V 3"), label=(label, "B V 3"), mask=(mask, "B"))
    error = (vertices - label) * (units / 10)
    return 0.5 * replicas.masked_mean(tf.reduce_mean(tf.square(error), axis=[1, 2]), mask)


def albedo(
    predicted: tf.Tensor, label: tf.Tensor, coverage: np.ndarray, mask: tf.Tensor
) -> tf.Tensor:
    """Mean L1 colour distance of albedo maps `[B, Hu, Wu, 3]` over the face.

    Args:
        predicted, label: `[B, Hu, Wu, 3]`.
        coverage: `[Hu, Wu, 1]`, 1 where a texel belongs to the face.
        mask: `[B]`, 1 where the label exists.
    """
    return _colour_distance(predicted, label, _where(mask, coverage[np.newaxis]))


def code(predicted: tf.Tensor, label: tf.Tensor, weights: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Half the mean squared distance of what two codes decode to in a decoder's linear part.

    Args:
        predicted, label: `[B, K]`.
        weights: `[K]`, what a squared difference of each code adds to the mean squared map.
        mask: `[B]`, 1 where the label exists.
    """
    shapes.check(predicted=(predicted, "B K"), label=(label, "B K"), weights=(weights, "K"))
    return 0.5 * replicas.masked_mean(
        tf.reduce_sum(weights * tf.square(predicted - label), axis=-1), mask
    )


def texture(predicted: tf.Tensor, label: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Mean L1 colour distance of textures `[B, Hu, Wu, 3]` over `mask` `[B, Hu, Wu, 1]`."""
    return _colour_distance(predicted, label, mask)


def reconstruction(
    image: tf.Tensor, label: tf.Tensor, mask: tf.Tensor, form: str = "fixed"
) -> tf.Tensor:
    """Mean L1 colour distance of images `[B, H, W, 3]` over `mask` `[B, H, W, 1]`.

    Where the mask is soft at outlines its gradient moves them. A mean over the mask alone would
    have every outline shrink, since what the face does not cover costs nothing. So a pixel is
    gained where the face explains it better than chance does: where its distance is likelier in a
    Laplace distribution about the face, as wide as the image's mean distance d, than among uniform
    colours. That is so below -d log d.
    """
    mask = tf.convert_to_tensor(mask)
    distance = _colour_distance(image, label, tf.stop_gradient(mask)) + _outlines(
        image, label, mask
    )
    return distance / 3 if form == "released" else distance


def landmarks(
    predicted: tf.Tensor, label: tf.Tensor, mask: tf.Tensor, image_size: int
) -> tf.Tensor:
    """Mean squared distance of points, in pixels of a 224-px image, over 100.

    Args:
        predicted, label: `[B, K, 2]` pixels of an image of side `image_size`.
        mask: `[B, K]`, 1 where a point exists in label and face.
        image_size: side of the image.
    """
    squares = _squared_distances(predicted, label, mask, image_size)
    return replicas.masked_mean(squares, mask) / 100


def landmark_distance(
    predicted: tf.Tensor, label: tf.Tensor, mask: tf.Tensor, image_size: int
) -> tf.Tensor:
    """Mean distance of points, in pixels of a 224-px image, over 10; arguments of `landmarks`.

    Like the NME it counts distances and not their squares: one face that is far off does not
    outweigh the lids and lips of all others.
    """
    squares = _squared_distances(predicted, label, mask, image_size)
    return replicas.masked_mean(tf.sqrt(squares + 1e-4), mask) / 10


def _squared_distances(predicted, label, mask, image_size):
    """`[B, K]` squared pixels of a 224-px image."""
    shapes.check(predicted=(predicted, "B K 2"), label=(label, "B K 2"), mask=(mask, "B K"))
    return tf.reduce_sum(tf.square((predicted - label) * (224 / image_size)), axis=-1)


def symmetry(albedo_map: tf.Tensor) -> tf.Tensor:
    """Mean L1 distance of `[B, Hu, Wu, 3]` to its mirror image, never below `FLOOR`."""
    shapes.check(albedo_map=(albedo_map, "B Hu Wu 3"))
    planes = _planes(albedo_map)
    return tf.reduce_mean(tf.maximum(2 * tf.abs(planes - tf.reverse(planes, [3])), FLOOR))


def constancy(albedo_map: tf.Tensor, skin_texels: np.ndarray, seed: tf.Tensor) -> tf.Tensor:
    """Mean L1 distance of random pairs of skin texels, never below `FLOOR`.

    Args:
        albedo_map: `[B, Hu, Wu, 3]`.
        skin_texels: `[N]` int32 indices, row by row.
        seed: `[2]` int; the same seed draws the same pairs.
    """
    shapes.check(albedo_map=(albedo_map, "B Hu Wu 3"), skin_texels=(skin_texels, "N"))
    albedo_map = tf.convert_to_tensor(albedo_map)
    batch, height, width, _ = tf.unstack(tf.shape(albedo_map))
    pairs = replicas.random(
        lambda shape: tf.random.stateless_uniform(shape, seed, 0, len(skin_texels), tf.int32),
        [batch, PAIRS, 2],
    )
    pairs = tf.gather(skin_texels, pairs)
    first = tf.range(batch)[:, tf.newaxis, tf.newaxis] * (height * width)
    colours = tf.gather(tf.reshape(albedo_map, [-1, 3]), pairs + first)
    return tf.reduce_mean(tf.maximum(2 * tf.abs(colours[:, :, 0] - colours[:, :, 1]), FLOOR))


def local_constancy(
    albedo_map: tf.Tensor, label: tf.Tensor, mask: tf.Tensor, form: str = "fixed"
) -> tf.Tensor:
    """Neighbouring texels have the same albedo where the label has the same chromaticity.

    The sum of w |A_p - A_q|^0.8 over the sum of w, for pairs in rows plus pairs in columns, with
    w = exp(-15 |c_p - c_q|) where both texels are visible and c = RGB / (R + G + B) of the label.

    Args:
        albedo_map: `[B, Hu, Wu, 3]`.
        label: `[B, Hu, Wu, 3]` texture; no gradient.
        mask: `[B, Hu, Wu, 1]`, 1 where the label's texel was seen.
    """
    shapes.check(
        albedo_map=(albedo_map, "B Hu Wu 3"), label=(label, "B Hu Wu 3"), mask=(mask, "B Hu Wu 1")
    )
    albedo_map, label, mask = (_planes(x) for x in (albedo_map, label, mask))
    chromaticity = tf.math.divide_no_nan(label, tf.reduce_sum(label, axis=0))
    sum_of_means = 0.0
    for axis in _ROWS, _COLUMNS:
        distance = _length(2 * _step(albedo_map, axis), power=0.8)
        both_visible = _cut(mask, axis, 0, 1) * _cut(mask, axis, 1, 0)
        weight = tf.exp(-15 * _length(_step(chromaticity, axis))) * both_visible[0]
        if form == "released":
            weight = tf.ones_like(weight)
        sum_of_means += replicas.masked_mean(distance, tf.stop_gradient(weight))
    return sum_of_means


def smoothness(shape_map: tf.Tensor, units: float) -> tf.Tensor:
    """Half the mean squared distance of a texel to the mean of its four neighbours, inside.

    In units of 10 mm and of the texels of a 192 x 224 map: a finer map has smaller differences.

    Args:
        shape_map: `[B, Hu, Wu, 3]` offsets in the face's units.
        units: millimetres per unit.
    """
    sizes = shapes.check(shape_map=(shape_map, "B Hu Wu 3"))
    scale = units / 10 * sizes["Hu"] * sizes["Wu"] / (192 * 224)
    planes = _planes(shape_map)
    rows, columns = _cut(planes, _COLUMNS, 1, 1), _cut(planes, _ROWS, 1, 1)
    around = _cut(rows, _ROWS, 0, 2) + _cut(rows, _ROWS, 2, 0)
    around += _cut(columns, _COLUMNS, 0, 2) + _cut(columns, _COLUMNS, 2, 0)
    return 0.5 * tf.reduce_mean(tf.square(scale * (around / 4 - _cut(rows, _ROWS, 1, 1))))


def white_shading(shading: tf.Tensor, coverage: np.ndarray, form: str = "fixed") -> tf.Tensor:
    """Half the mean over RGB of (mean shading of the face - 0.99)^2: the light is white.

    Args:
        shading: `[B, Hu, Wu, 3]`.
        coverage: `[Hu, Wu, 1]`, 1 where a texel belongs to the face.
    """
    shapes.check(shading=(shading, "B Hu Wu 3"), coverage=(coverage, "Hu Wu 1"))
    share = np.mean(coverage) if form == "fixed" else 10379 / 16384
    mean = replicas.mean(tf.reduce_mean(shading * coverage, axis=[0, 1, 2])) / share
    return 0.5 * tf.reduce_mean(tf.square(mean - WHITE))


def tone(shading: tf.Tensor, albedo_map: tf.Tensor, skin_texels: np.ndarray) -> tf.Tensor:
    """Half the variance, over the batch, of skin colours and of the light on them.

    An image does not tell dark skin from dim light: of all splits this prefers the one in which
    neither varies more than it must. Not in the paper, where nothing decides the split.

    Args:
        shading, albedo_map: `[B, Hu, Wu, 3]`.
        skin_texels: `[N]` int32 indices of bare skin, row by row.
    """
    shapes.check(
        shading=(shading, "B Hu Wu 3"),
        albedo_map=(albedo_map, "B Hu Wu 3"),
        skin_texels=(skin_texels, "N"),
    )

    def variance(colours):
        texels = tf.reshape(colours, [tf.shape(colours)[0], -1, 3])
        means = tf.reduce_mean(tf.gather(texels, skin_texels, axis=1), axis=1)
        return tf.reduce_mean(tf.square(means - replicas.mean(tf.reduce_mean(means, axis=0))))

    return 0.5 * (variance(shading) + variance(2 * albedo_map))


def adversarial(fake_logits: tf.Tensor) -> tf.Tensor:
    """The loss of the model where the discriminator tells its renderings from photos."""
    return 0.5 * tf.reduce_mean(tf.square(fake_logits - 1))


def discrimination(
    real_logits: tf.Tensor, fake_logits: tf.Tensor, history_logits: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    """The loss of the discriminator: photos are 1 (with noise of 0.1), renderings are 0.

    Args:
        real_logits, fake_logits, history_logits: `[B, H, W, 1]`; `history_logits` of renderings
            by earlier states of the model.
        seed: `[2]` int, of the noise.
    """
    batch = tf.shape(real_logits)[0]
    noise = replicas.random(
        lambda shape: tf.random.stateless_uniform(shape, seed, -0.1, 0.1, real_logits.dtype),
        [batch, *real_logits.shape[1:]],
    )
    real = 0.5 * tf.reduce_mean(tf.square(real_logits - 1 - noise))
    fake = 0.5 * tf.reduce_mean(tf.square(fake_logits))
    return (2 * real + fake + 0.5 * tf.reduce_mean(tf.square(history_logits))) / 4


def perceptual(
    features: Sequence[tf.Tensor], label_features: Sequence[tf.Tensor], scales: Sequence[float]
) -> tf.Tensor:
    """Half the mean squared distance of features, a mean over layers.

    Args:
        features, label_features: lists of `[B, h, w, c]`, one per layer.
        scales: what a layer's features are divided by.
    """
    terms = [
        0.5 * tf.reduce_mean(tf.square((a - b) / s))
        for a, b, s in zip(features, label_features, scales, strict=True)
    ]
    return tf.reduce_mean(tf.stack(terms))


def needs_image(config: configs.LossConfig) -> bool:
    """Whether a `LossConfig` weighs a term that looks at the rendered image."""
    return any(getattr(config, term) for term in _DRAWN)


def total(
    config: configs.LossConfig,
    reconstructed: Reconstruction,
    batch: Mapping[str, Any],
    constants: Constants,
    seed: tf.Tensor,
    critic: Callable[[tf.Tensor], tf.Tensor] | None = None,
    features: Callable[[tf.Tensor], tuple[list[tf.Tensor], Sequence[float]]] | None = None,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """The weighted sum of the terms.

    Args:
        config: `LossConfig`; a term of weight 0 is not computed.
        reconstructed: `model.Reconstruction` of the batch's images; drawn where `needs_image`; None
            where no weighted term needs a part.
        batch: dict of `image`, `face_mask`, `landmarks`, `projection`, `vertices`, `texture`,
            `texture_mask`, and `has_<label>` `[B]` bool. Points are pixels of `image`. For the
            terms from 3D also `albedo`, and `label_codes`: `model.LabelCodes`.
        constants: `Constants`.
        seed: `[2]` int, of what is drawn at random.
        critic: images -> logits, where `adversarial` has a weight.
        features: images -> (list of features, their scales), where `perceptual` has a weight.

    Returns:
        The loss, and a dict of the unweighted terms by name.

    Raises:
        ValueError: where a weighted term lacks what it needs.
    """
    networks = {"adversarial": critic, "perceptual": features}
    for name in _DRAWN:
        missing = reconstructed.image is None or networks.get(name, name) is None
        if getattr(config, name) and missing:
            raise ValueError(f"`{name}` needs a drawn image, and a network to judge it; got none.")
    all_terms = _terms(config, reconstructed, batch, constants, seed, critic, features)
    terms = {name: term() for name, term in all_terms.items() if getattr(config, name)}
    weighted = [getattr(config, name) * value for name, value in terms.items()]
    return tf.reduce_sum(tf.stack(weighted)) if weighted else tf.zeros([]), terms


def mixtures(config: configs.LossConfig, count: int) -> list[configs.LossConfig]:
    """What each of the `count` pairs of `model.pairs` weighs.

    With proxies the first pair, of proxies alone, has every term, the `_DETAILED` ones by half; the
    other two have the `_DETAILED` terms alone: what regularises a proxy does not smooth the face.
    """
    if count == 1:
        return [config]
    terms = [field.name for field in dataclasses.fields(config) if field.type is float]
    halves: dict[str, Any] = {name: getattr(config, name) / 2 for name in _DETAILED}
    off: dict[str, Any] = {name: 0.0 for name in terms if name not in _DETAILED}
    mixed = dataclasses.replace(config, **off)
    return [dataclasses.replace(config, **halves), *[mixed] * (count - 1)]


def total_of_pairs(
    config: configs.LossConfig,
    pairs: Sequence[Reconstruction],
    batch: Mapping[str, Any],
    constants: Constants,
    *arguments: Any,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """The sum of `total` over the `model.pairs` of a batch, each with its share of `mixtures`.

    Returns:
        The loss, and a dict of the unweighted terms by name: means over the pairs that have them.
    """
    loss, values = tf.zeros([]), collections.defaultdict(list)
    for weights, pair in zip(mixtures(config, len(pairs)), pairs, strict=True):
        own, terms = total(weights, pair, batch, constants, *arguments)
        loss += own
        for name, value in terms.items():
            values[name].append(value)
    if config.residual:
        values["residual"] = [_residual(pairs, constants.units)]
        loss += config.residual * values["residual"][0]
    return loss, {name: tf.reduce_mean(tf.stack(terms)) for name, terms in values.items()}


def residual(offsets: tf.Tensor, colours: tf.Tensor, units: float) -> tf.Tensor:
    """Mean L1 size of what is added to the proxies, of the shape in units of 10 mm.

    Args:
        offsets: `[B, Hu, Wu, 3]` shape map less that of the proxy, in the face's units.
        colours: `[B, Hu, Wu, 3]` albedo map less that of the proxy.
        units: millimetres per unit.
    """
    shapes.check(offsets=(offsets, "B Hu Wu 3"), colours=(colours, "B Hu Wu 3"))
    return tf.reduce_mean(tf.abs(offsets)) * (units / 10) + tf.reduce_mean(tf.abs(colours)) * 2


def _residual(pairs, units):
    """`residual` of the pairs of a model with proxies."""
    proxies, with_albedo, with_shape = pairs
    offsets = with_shape.shape_map - proxies.shape_map
    return residual(offsets, with_albedo.albedo_map - proxies.albedo_map, units)


def blend(reconstructed: Reconstruction, batch: Mapping[str, Any]) -> tf.Tensor:
    """The rendered face over the photo: what critics and feature networks compare with the photo.

    They do not move outlines: a face that shrinks to nothing leaves the photo as it is.
    """
    coverage = tf.stop_gradient(visible(reconstructed, batch))
    return reconstructed.image * coverage + batch["image"] * (1 - coverage)


def visible(reconstructed: Reconstruction, batch: Mapping[str, Any]) -> tf.Tensor:
    """`[B, H, W, 1]`, how much of a pixel the drawn face covers, as far as the label knows."""
    occluded = _where(batch["has_face_mask"], 1 - batch["face_mask"])
    return reconstructed.mask * (1 - occluded)


def _terms(config, reconstructed, batch, constants, seed, critic, features):
    """Name -> function without arguments, for every term."""

    def has(label):
        shown = reconstructed.projection
        shown = reconstructed.vertices if shown is None else shown
        return tf.cast(batch[f"has_{label}"], shown.dtype)

    def compare_features():
        drawn, scales = features(blend(reconstructed, batch))
        return perceptual(drawn, features(batch["image"])[0], scales)

    def form(term):
        return "released" if config.form in ("released", term) else "fixed"

    def points():
        return _where(batch["has_landmarks"], constants.landmark_exists[np.newaxis])

    def texels():
        return _where(batch["has_texture"], batch["texture_mask"])

    image_size = constants.image_size
    some = constants.camera_vertices
    codes = batch.get("label_codes")
    return {
        "reprojection": lambda: reprojection(
            reconstructed.projection,
            batch["projection"],
            tf.gather(batch["vertices"], some, axis=1),
            image_size,
            has("projection") * has("vertices"),
        ),
        "albedo": lambda: albedo(
            reconstructed.albedo_map, batch["albedo"], constants.coverage, has("albedo")
        ),
        "shape_code": lambda: code(
            reconstructed.shape_code, codes.shape_code, codes.shape_weights, has("vertices")
        ),
        "albedo_code": lambda: code(
            reconstructed.albedo_code, codes.albedo_code, codes.albedo_weights, has("albedo")
        ),
        "projection": lambda: projection(
            reconstructed.projection,
            batch["projection"],
            constants.projection_std,
            has("projection"),
        ),
        "shape": lambda: shape(
            reconstructed.vertices, batch["vertices"], constants.units, has("vertices")
        ),
        "texture": lambda: texture(reconstructed.texture, batch["texture"], texels()),
        "reconstruction": lambda: reconstruction(
            reconstructed.image,
            batch["image"],
            visible(reconstructed, batch),
            form("reconstruction"),
        ),
        "landmarks": lambda: landmarks(
            reconstructed.landmarks, batch["landmarks"], points(), image_size
        ),
        "landmark_distance": lambda: landmark_distance(
            reconstructed.landmarks, batch["landmarks"], points(), image_size
        ),
        "symmetry": lambda: symmetry(reconstructed.albedo_map),
        "constancy": lambda: constancy(reconstructed.albedo_map, constants.skin_texels, seed),
        "local_constancy": lambda: local_constancy(
            reconstructed.albedo_map, batch["texture"], texels(), form("local_constancy")
        ),
        "smoothness": lambda: smoothness(reconstructed.shape_map, constants.units),
        "white_shading": lambda: white_shading(
            reconstructed.shading, constants.coverage, form("white_shading")
        ),
        "tone": lambda: tone(
            reconstructed.shading, reconstructed.albedo_map, constants.skin_texels
        ),
        "adversarial": lambda: adversarial(critic(blend(reconstructed, batch))),
        "perceptual": compare_features,
    }


def _where(exists, mask):
    """`mask` `[B or 1, ...]` for the examples whose label `exists` `[B]`, 0 for the others."""
    mask = tf.convert_to_tensor(mask)
    return mask * tf.reshape(tf.cast(exists, mask.dtype), [-1] + [1] * (len(mask.shape) - 1))


def _colour_distance(predicted, label, mask):
    shapes.check(predicted=(predicted, "B H W 3"), label=(label, "B H W 3"), mask=(mask, "B H W 1"))
    return replicas.masked_mean(
        2 * tf.reduce_mean(tf.abs(predicted - label), axis=-1, keepdims=True), mask
    )


def _outlines(image, label, mask):
    """0, with the gradient with respect to `mask` that `reconstruction` describes."""
    kept = tf.stop_gradient(mask)
    distance = tf.stop_gradient(2 * tf.reduce_mean(tf.abs(image - label), axis=-1, keepdims=True))
    sums = (tf.reduce_sum(x, axis=[1, 2, 3], keepdims=True) for x in (kept * distance, kept))
    mean = tf.clip_by_value(tf.math.divide_no_nan(*sums), FLOOR, math.exp(-1))  # -d log d rises
    gain = tf.reduce_sum((distance + mean * tf.math.log(mean)) * (mask - kept))
    return tf.math.divide_no_nan(gain, replicas.mean(tf.reduce_sum(kept)))


_ROWS, _COLUMNS = 2, 3  # axes of `_planes`


def _planes(maps):
    """`[C, B, H, W]` of `[B, H, W, C]`: sums of colours are few and long."""
    return tf.transpose(maps, [3, 0, 1, 2])


def _cut(planes, axis, first, last):
    """Drops `first` and `last` entries of an axis; slices have a slower gradient."""
    size = planes.shape[axis] or tf.shape(planes)[axis]
    return tf.split(planes, [first, size - first - last, last], axis)[1]


def _step(planes, axis):
    """Differences of neighbours along an axis."""
    return _cut(planes, axis, 0, 1) - _cut(planes, axis, 1, 0)


def _length(planes, power=1.0):
    """A power of the length over the first axis; its gradient at 0 is 0."""
    squares = tf.reduce_sum(tf.square(planes), axis=0)
    safe = tf.where(squares > 0, squares, tf.ones_like(squares))
    lengths = tf.exp(power / 2 * tf.math.log(safe))  # several times as fast as `**`
    return tf.where(squares > 0, lengths, tf.zeros_like(squares))
