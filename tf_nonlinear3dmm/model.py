"""Image -> reconstruction: encoder, decoders and renderer in one Keras model.

    model = Nonlinear3DMM(configs.preset("small").model, projection_mean, projection_std)
    reconstruction = model(images)                       # [B, S, S, 3] in [0, 1]
    shape_map, vertices = model.decode_shape(code)       # the morphable model alone

Encoder, decoders and renderer can each be called alone.
"""

import functools
import itertools
from collections.abc import Mapping
from typing import NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_nonlinear3dmm import configs, expressions
from tf_nonlinear3dmm.core import graphs, keras_state, shapes
from tf_nonlinear3dmm.core.types import Size
from tf_nonlinear3dmm.face import FaceModel, separation
from tf_nonlinear3dmm.networks import decoders, mirror
from tf_nonlinear3dmm.networks.encoder import Codes, Encoder
from tf_nonlinear3dmm.rendering import rasterizer, renderer, uv_layout


class Reconstruction(NamedTuple):
    """Everything the model infers from `B` images; what was not asked for is None.

    Attributes:
        projection: `[B, 2, 4]`, face units to pixels.
        illumination: `[B, 9, 3]`, or None without lighting.
        shape_code: `[B, Ks]`.
        albedo_code: `[B, Ka]`.
        shape_map: `[B, Hu, Wu, 3]` offsets from the mean face in the face's units.
        albedo_map: `[B, Hu, Wu, 3]` RGB in [0, 1]; without lighting, the texture.
        vertices: `[B, V, 3]` in the face frame.
        landmarks: `[B, 68, 2]` (x, y) pixels; (0, 0) where the face model lacks one.
        texture: `[B, Hu, Wu, 3]` albedo times shading, not clipped.
        shading: `[B, Hu, Wu, 3]`; 1 without lighting.
        image: `[B, S, S, 3]` RGB, not clipped, 0 where no face is seen; None where not drawn.
        mask: `[B, S, S, 1]`, how much of a pixel the face covers; None where not drawn.
        image_points: `[B, V, 3]` (x, y, depth) pixels.
        fragments: `rasterizer.Fragments` of the image; None where not drawn.
    """

    projection: tf.Tensor | None = None
    illumination: tf.Tensor | None = None
    shape_code: tf.Tensor | None = None
    albedo_code: tf.Tensor | None = None
    shape_map: tf.Tensor | None = None
    albedo_map: tf.Tensor | None = None
    vertices: tf.Tensor | None = None
    landmarks: tf.Tensor | None = None
    texture: tf.Tensor | None = None
    shading: tf.Tensor | None = None
    image: tf.Tensor | None = None
    mask: tf.Tensor | None = None
    image_points: tf.Tensor | None = None
    fragments: rasterizer.Fragments | None = None


class LabelCodes(NamedTuple):
    """The labels of `B` examples as codes of the decoders' linear parts.

    Attributes:
        shape_code: `[B, Ks]`.
        albedo_code: `[B, Ka]`.
        shape_weights: `[Ks]`, what a squared difference of each code adds to the mean squared
            offset, in units of 10 mm.
        albedo_weights: `[Ka]`, likewise for colours in [-1, 1].
    """

    shape_code: tf.Tensor
    albedo_code: tf.Tensor
    shape_weights: tf.Tensor
    albedo_weights: tf.Tensor


_ROUNDING = 1e-5  # a resampled image may leave [0, 1] by this


class Nonlinear3DMM(keras.Model):
    """The nonlinear 3D morphable model and the encoder that fits it to images.

    Every stage can be called alone: `encode`, `decode_shape`, `decode_albedo`, `render`.

    Args:
        config: `ModelConfig`.
        projection_mean: `[8]` mean of the training projections (`[2, 4]`, row by row), pixels of
            the input image; saved with the weights.
        projection_std: `[8]` their standard deviation, likewise.
        face: `FaceModel`; None loads `config.face_model`.
        linear_shape: dict of `mean`, `basis`, `std` (see `decoders.LinearShapeDecoder`) where
            `config.shape_decoder` is "linear"; None: weights must be loaded before use.
        linear_albedo: likewise for the albedo.

    Attributes:
        face: the `FaceModel`.
        uv_layout: its `uv_layout.UVLayout` for `config.uv_size`.
        encoder, shape_decoder, albedo_decoder: the three networks.
    """

    @keras_state.inside_ours
    def __init__(
        self,
        config: configs.ModelConfig,
        projection_mean: npt.ArrayLike,
        projection_std: npt.ArrayLike,
        face: FaceModel | None = None,
        linear_shape: Mapping[str, np.ndarray] | None = None,
        linear_albedo: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        super().__init__(name="nonlinear_3dmm")
        self.config = config
        self.face = FaceModel.load(config.face_model) if face is None else face
        self.uv_layout = uv_layout.build(self.face, config.uv_size)
        self.encoder = Encoder(config, projection_mean, projection_std, self.face.centre)
        self.shape_decoder = decoders.shape_decoder(
            config, self.face, self.uv_layout, **(linear_shape or {})
        )
        self.albedo_decoder = decoders.albedo_decoder(config, self.face, **(linear_albedo or {}))
        self.built = True

    def reconstruct(self, images: npt.ArrayLike) -> Reconstruction:
        """Reconstructs face crops as they come from a file; `call` is for batches of training.

        Args:
            images: `[B, N, N, 3]` RGB, uint8 or floats in [0, 1]: square crops with the face in the
                middle, 1.4 times as wide as its landmarks (see `crop`). Sizes other than the
                model's S are resampled.

        Returns:
            `Reconstruction` of eager tensors; points and projection in pixels of an S x S image.

        Raises:
            ValueError: another shape, type or range.
        """
        return self._graph(self.crops(images))

    def crops(self, images: npt.ArrayLike) -> tf.Tensor:
        """What `call` takes, `[B, S, S, 3]` floats in [0, 1], of what `reconstruct` takes."""
        images = as_tensor(images)
        shapes.check(images=(images, "B N N 3"))
        if 0 in images.shape:
            raise ValueError(f"`images` must not be empty, got {images.shape.as_list()}")
        if images.dtype == tf.uint8:
            images = tf.cast(images, tf.float32) / 255
        elif not images.dtype.is_floating or not _in_range(images):
            real = images.dtype.is_floating or images.dtype.is_integer
            span = f" from {np.min(images)} to {np.max(images)}" if real else ""
            raise ValueError(
                f"`images` must be uint8 or floats in [0, 1], got {images.dtype.name}{span}"
            )
        size = self.config.image_size
        images = tf.cast(images, tf.float32)
        if images.shape[1] != size:
            images = tf.image.resize(images, [size, size], antialias=True)
        return images

    @functools.cached_property
    def _graph(self):
        size = self.config.image_size
        signature = [tf.TensorSpec([None, size, size, 3])]
        return graphs.function(
            lambda images: self(images, training=False), input_signature=signature
        )

    def encode(self, images: tf.Tensor, training: bool = False) -> Codes:
        """`encoder.Codes` of `images` `[B, S, S, 3]` in [0, 1]."""
        size = self.config.image_size
        shapes.check(images=(images, f"B {size} {size} 3"))
        if training or not self.config.mirrored:
            return self.encoder(images, training=training)
        codes = self.encoder(tf.concat([images, tf.reverse(images, [2])], axis=0), training=False)
        codes, mirrored = mirror.halves(codes)
        mirrored = mirror.mirror(mirrored, size, self.shape_decoder, self.albedo_decoder)
        return mirror.mean(codes, mirrored, self.face.centre)

    def decode_shape(
        self, shape_code: tf.Tensor, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The geometry of `shape_code` `[B, Ks]`.

        Returns:
            shape_map `[B, Hu, Wu, 3]`, offsets from the mean face; vertices `[B, V, 3]`; both in
            the face's frame and units.
        """
        shapes.check(shape_code=(shape_code, f"B {self.config.shape_code_size}"))
        shapes.check_floats(shape_code=shape_code)
        return self.shape_decoder(shape_code, training=training)

    def decode_albedo(self, albedo_code: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The albedo map `[B, Hu, Wu, 3]` of `albedo_code` `[B, Ka]`, RGB in [0, 1]."""
        shapes.check(albedo_code=(albedo_code, f"B {self.config.albedo_code_size}"))
        shapes.check_floats(albedo_code=albedo_code)
        return self.albedo_decoder(albedo_code, training=training)

    def neutral(self, shape_code: npt.ArrayLike) -> tf.Tensor:
        """The shape codes `[B, Ks]` of the people of `shape_code` `[B, Ks]` with faces at rest.

        Raises:
            ValueError: another face than the embedded ones, or codes of another shape or not
                finite, as do `express` and `transfer`.
        """
        code = self._code(shape_code=shape_code)
        return expressions.neutral(self._vertices, code, self._expressions())

    def express(self, shape_code: npt.ArrayLike, weights: Mapping[str, npt.ArrayLike]) -> tf.Tensor:
        """The shape codes of faces whose named expressions have given weights.

        The others stay as they are: `express(neutral(code), ...)` shows the named ones alone.

        Args:
            shape_code: `[B, Ks]`.
            weights: ARKit's name, such as "jawOpen" -> 0 (at rest) to 1 (at its full), one for all
                faces or `[B]`.

        Returns:
            `[B, Ks]`.

        Raises:
            ValueError: an unknown name, with the nearest; or a weight that is not finite.
        """
        code = self._code(shape_code=shape_code)
        return expressions.express(self._vertices, code, weights, self._expressions())

    def transfer(self, source: npt.ArrayLike, target: npt.ArrayLike) -> tf.Tensor:
        """The shape codes of the people of `target` with the expressions of `source`.

        Args:
            source, target: `[B, Ks]` shape codes.

        Returns:
            `[B, Ks]`.
        """
        source, target = self._code(source=source), self._code(target=target)
        return expressions.transfer(self._vertices, source, target, self._expressions())

    def _code(self, **argument):
        """The shape codes `[B, Ks]` of one named argument."""
        [[name, code]] = argument.items()
        return shapes.numbers(name, code, f"B {self.config.shape_code_size}")

    def _vertices(self, shape_code):
        return self.decode_shape(shape_code)[1]

    def _expressions(self):
        return separation.expressions(self.face)

    def offset_maps(self, vertices: tf.Tensor) -> tf.Tensor:
        """The shape maps `[B, Hu, Wu, 3]` of vertices `[B, V, 3]`."""
        return uv_layout.to_texels(vertices - self.face.mean_vertices, self.uv_layout)

    def label_codes(self, vertices: tf.Tensor, albedo_map: tf.Tensor) -> LabelCodes:
        """`LabelCodes` of vertices `[B, V, 3]` and albedo `[B, Hu, Wu, 3]`.

        For decoders with a linear part (`config.encodes_labels`).
        """
        return LabelCodes(
            shape_code=self.shape_decoder.encode(self.offset_maps(vertices)),
            albedo_code=self.albedo_decoder.encode(albedo_map),
            shape_weights=(self.face.units / 10) ** 2 * self.shape_decoder.code_weights(),
            albedo_weights=4 * self.albedo_decoder.code_weights(),
        )

    def decode_labels(
        self, vertices: tf.Tensor, albedo_map: tf.Tensor, training: bool = False
    ) -> Reconstruction:
        """What the `label_codes` of labels decode to: a `Reconstruction` of shape and albedo."""
        codes = self.label_codes(vertices, albedo_map)
        shape = self.decode_shape(codes.shape_code, training=training)
        return _undrawn(shape, self.decode_albedo(codes.albedo_code, training=training))

    def label_pairs(self, vertices: tf.Tensor, albedo_map: tf.Tensor) -> list[Reconstruction]:
        """As `decode_labels` in training, and as `pairs`."""
        codes = self.label_codes(vertices, albedo_map)
        return [_undrawn(*pair) for pair in self._pairs(codes, training=True)]

    def render(
        self,
        vertices: tf.Tensor,
        albedo_map: tf.Tensor,
        projection: tf.Tensor,
        illumination: tf.Tensor | None,
        image_size: Size | None = None,
    ) -> renderer.Rendering:
        """`renderer.Rendering` in an image of `image_size` (height, width), or the input's."""
        size = self.config.image_size
        image_size = (size, size) if image_size is None else image_size
        if np.shape(image_size) != (2,):
            raise ValueError(f"`image_size` must be (height, width), got {image_size!r}")
        for length in image_size:
            configs.check_whole("image_size", length, 1)
        return renderer.render(
            vertices,
            albedo_map,
            projection,
            illumination,
            self.uv_layout,
            image_size,
            self.config.silhouette_gradient,
        )

    def call(self, images: tf.Tensor, training: bool = False, draw: bool = True) -> Reconstruction:
        """Reconstructs `images`.

        Args:
            images: `[B, S, S, 3]` in [0, 1].
            training: batch normalisation uses the batch's statistics and updates its own.
            draw: False leaves the image out, which pretraining does not need.

        Returns:
            `Reconstruction`.
        """
        return self.decode(self.encode(images, training=training), training, draw)

    def decode(self, codes: Codes, training: bool = False, draw: bool = True) -> Reconstruction:
        """The `Reconstruction` of `encoder.Codes`; `training` and `draw` as in `call`."""
        shape = self.decode_shape(codes.shape_code, training=training)
        albedo_map = self.decode_albedo(codes.albedo_code, training=training)
        return self.assemble(codes, shape, albedo_map, draw)

    def pairs(
        self, codes: Codes, training: bool = False, draw: bool = True
    ) -> list[Reconstruction]:
        """What losses look at: with proxies three `Reconstruction`s, else that of `decode`.

        Proxy shape and proxy albedo, proxy shape and albedo, shape and proxy albedo (CVPR 2019).
        Shape and albedo together are never compared with an image: what the details of one explain
        the details of the other cannot.
        """
        return [
            self.assemble(codes, shape, albedo_map, draw)
            for shape, albedo_map in self._pairs(codes, training)
        ]

    def _pairs(self, codes, training):
        """[((map, vertices), albedo map)] of `pairs`."""
        decoded = [self.shape_decoder, codes.shape_code], [self.albedo_decoder, codes.albedo_code]
        if self.config.proxies:
            versions = [decoder.versions(code, training) for decoder, code in decoded]
        else:
            versions = [[decoder(code, training=training)] for decoder, code in decoded]
        return list(itertools.product(*versions))[:3]

    def assemble(
        self,
        codes: Codes,
        shape: tuple[tf.Tensor, tf.Tensor],
        albedo_map: tf.Tensor,
        draw: bool = True,
    ) -> Reconstruction:
        """The `Reconstruction` of `codes` with a given shape and albedo in place of the decoders'.

        Args:
            codes: `encoder.Codes`.
            shape: shape_map `[B, Hu, Wu, 3]` and vertices `[B, V, 3]`, as of `decode_shape`.
            albedo_map: `[B, Hu, Wu, 3]`.
            draw: as in `call`.
        """
        shape_map, vertices = shape
        size = self.config.image_size
        rendering = renderer.render(
            vertices,
            albedo_map,
            codes.projection,
            codes.illumination,
            self.uv_layout,
            (size, size) if draw else None,
            self.config.silhouette_gradient,
        )
        return Reconstruction(
            **codes._asdict(),
            shape_map=shape_map,
            albedo_map=albedo_map,
            vertices=vertices,
            landmarks=self.landmarks(rendering.image_points),
            **rendering._asdict(),
        )

    def landmarks(self, image_points: tf.Tensor) -> tf.Tensor:
        """The landmarks `[B, 68, 2]` among `image_points` `[B, V, 3]`; (0, 0) where lacking."""
        exists = (self.face.landmarks >= 0).astype(np.float32)[:, np.newaxis]
        points = tf.gather(image_points[..., :2], np.maximum(self.face.landmarks, 0), axis=1)
        return points * exists


def _undrawn(shape, albedo_map):
    shape_map, vertices = shape
    return Reconstruction(shape_map=shape_map, vertices=vertices, albedo_map=albedo_map)


def as_tensor(images: npt.ArrayLike) -> tf.Tensor:
    """Images as people give them; raises `ValueError` where they are no array."""
    if np.ma.is_masked(images):
        raise ValueError("`images` must not be masked")
    try:
        return tf.convert_to_tensor(images)
    except (ValueError, TypeError) as error:
        raise ValueError(f"`images` must be an array [B, N, N, 3]: {error}") from None


def _in_range(images):
    """Whether all of `images` lies in [0, 1]; NaN does not."""
    return tf.reduce_all(tf.abs(images - 0.5) <= 0.5 + _ROUNDING)
