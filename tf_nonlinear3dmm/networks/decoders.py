"""Codes -> shape and albedo: the decoders *are* the morphable model.

A shape decoder gives `[B, Ks]` codes a shape map `[B, Hu, Wu, 3]`, offsets from the mean face, and
vertices `[B, V, 3]`, both in the face's frame and units. An albedo decoder gives `[B, Ka]` codes an
albedo map `[B, Hu, Wu, 3]`, RGB in [0, 1]. With the linear ones, the model is a linear 3DMM.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_nonlinear3dmm.configs import ModelConfig
from tf_nonlinear3dmm.core import keras_state, shapes
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.networks import parts
from tf_nonlinear3dmm.networks.layers import block, dense
from tf_nonlinear3dmm.networks.uv_decoder import UVDecoder
from tf_nonlinear3dmm.rendering import uv_layout
from tf_nonlinear3dmm.rendering.uv_layout import UVLayout


def shape_decoder(
    config: ModelConfig, face: FaceModel, layout: UVLayout, **arrays: np.ndarray
) -> keras.layers.Layer:
    """The shape decoder that `config.shape_decoder` names.

    Args:
        config: `ModelConfig`.
        face: `FaceModel`.
        layout: its `uv_layout.UVLayout` for `config.uv_size`.
        **arrays: `mean`, `basis` and `std` of a linear decoder.
    """
    kinds: dict[str, Any] = {
        "conv": ShapeDecoder,
        "global_local": ShapeDecoder,
        "mlp": MlpShapeDecoder,
        "linear": LinearShapeDecoder,
    }
    return kinds[config.shape_decoder](config, face, layout, **arrays)


def albedo_decoder(config: ModelConfig, face: FaceModel, **arrays: Any) -> keras.layers.Layer:
    """The albedo decoder that `config.albedo_decoder` names; arguments as for `shape_decoder`."""
    if config.albedo_decoder == "global_local":
        return AlbedoDecoder(config, parts.of_face(face, config.uv_size))
    kinds: dict[str, Any] = {"conv": AlbedoDecoder, "linear": LinearAlbedoDecoder}
    return kinds[config.albedo_decoder](config, **arrays)


@keras.saving.register_keras_serializable(package="tf_nonlinear3dmm")
class ShapeDecoder(UVDecoder):
    """A UV map of offsets below 2 `shape_scale`, sampled at the vertices (TPAMI, CVPR 2019).

    Args:
        config, face, layout: see `shape_decoder`.
    """

    signs = uv_layout.OFFSETS

    def __init__(
        self, config: ModelConfig, face: FaceModel, layout: UVLayout, name: str = "shape_decoder"
    ) -> None:
        local = config.shape_decoder == "global_local"
        face_parts = parts.of_face(face, config.uv_size) if local else ()
        super().__init__(config, config.shape_code_size, name, face_parts)
        self.scale = 2 * face.shape_scale
        self.face, self.layout = face, layout

    def versions(
        self, code: tf.Tensor, training: bool = False
    ) -> list[tuple[tf.Tensor, tf.Tensor]]:
        """As `UVDecoder.versions`, each (map `[B, Hu, Wu, 3]`, vertices `[B, V, 3]`)."""
        mean, layout = self.face.mean_vertices, self.layout
        maps = super().versions(code, training)
        return [(some, mean + uv_layout.to_vertices(some, layout)) for some in maps]

    def linear_offsets(self, code: tf.Tensor, ids: npt.ArrayLike) -> tf.Tensor:
        """What the modes of the linear part move some vertices by, to first order.

        Args:
            code: `[B, Ks]`, or a difference of codes.
            ids: `[N]` ints of vertices.

        Returns:
            `[B, N, 3]` in the face's units, the mean of the linear part left out.
        """
        shapes.check(code=(code, f"B {self.code_size}"))
        ids = np.asarray(ids)
        texels, weights = self.layout.vertex_texels[:, ids], self.layout.vertex_weights[:, ids]
        modes = tf.gather(
            tf.reshape(self.linear_modes.value, [self.code_size, -1, 3]), texels, axis=1
        )
        modes = tf.reduce_sum(modes * weights[..., np.newaxis], axis=1)
        return self.scale * tf.tensordot(code, modes, 1)


@keras.saving.register_keras_serializable(package="tf_nonlinear3dmm")
class MlpShapeDecoder(keras.layers.Layer):
    """A vector of offsets per vertex, unbounded, spread over the map (CVPR 2018).

    Args:
        config, face, layout: see `shape_decoder`.
        hidden: units of the one hidden layer.
    """

    @keras_state.inside_ours
    def __init__(
        self,
        config: ModelConfig,
        face: FaceModel,
        layout: UVLayout,
        hidden: int = 1000,
        name: str = "shape_decoder",
    ) -> None:
        super().__init__(name=name)
        self.code_size = config.shape_code_size
        self.face, self.layout = face, layout
        layers = [
            *block(dense(hidden, name="hidden")),
            dense(face.mean_vertices.size, name="last"),
        ]
        self.body = keras.Sequential(layers, name="body")
        self.body.build([None, self.code_size])
        self.built = True

    def call(self, code: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Decodes `code` `[B, Ks]` to (map `[B, Hu, Wu, 3]`, vertices `[B, V, 3]`)."""
        shapes.check(code=(code, f"B {self.code_size}"))
        offsets = self.face.shape_scale * self.body(code, training=training)
        offsets = tf.reshape(offsets, [-1, *self.face.mean_vertices.shape])
        return uv_layout.to_texels(offsets, self.layout), self.face.mean_vertices + offsets


class LinearDecoder(keras.layers.Layer):
    """Code -> mean + sum over k of code_k std_k basis_k: one half of a linear 3DMM.

    Nothing here is trained; the arrays are saved with the model. Without arrays they are NaN until
    weights are loaded, so that a forgotten basis cannot pass for a face.

    Args:
        shape: (K, *shape of what is decoded).
        mean: `[*shape]`, or None.
        basis: `[K, *shape]`, unit or not; or None.
        std: `[K]` standard deviation along each basis vector; or None.
    """

    @keras_state.inside_ours
    def __init__(
        self,
        shape: Sequence[int],
        mean: np.ndarray | None = None,
        basis: np.ndarray | None = None,
        std: np.ndarray | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.mean = self._constant("mean", mean, shape[1:])
        self.basis = self._constant("basis", basis, shape)
        self.std = self._constant("std", std, shape[:1])
        self.built = True

    def _constant(self, name, values, shape):
        values = np.full(shape, np.nan, np.float32) if values is None else np.asarray(values)
        if values.shape != shape:
            raise ValueError(f"`{name}` must have shape {list(shape)}, got {list(values.shape)}.")
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=lambda shape, dtype: tf.cast(values, dtype),
            trainable=False,
        )

    def call(self, code: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Decodes `code` `[B, K]` to `[B, *shape of mean]`."""
        shapes.check(code=(code, f"B {self.std.shape[0]}"))
        # Tensors, for Keras' own sum of arrays of different ranks drops a batch of 1.
        return self.mean.value + tf.tensordot(code * self.std.value, self.basis.value, 1)

    def encode(self, values: tf.Tensor) -> tf.Tensor:
        """Codes `[B, K]` nearest to `values` `[B, *shape of mean]`; for an orthogonal basis."""
        modes = tf.reshape(self.basis.value, [self.std.shape[0], -1])
        offsets = tf.reshape(values - self.mean.value, [-1, modes.shape[1]])
        lengths = self.std.value * tf.reduce_sum(tf.square(modes), axis=1)
        return tf.math.divide_no_nan(tf.matmul(offsets, modes, transpose_b=True), lengths)

    def code_weights(self) -> tf.Tensor:
        """`[K]`: what each squared code adds to the mean squared `values`; likewise."""
        axes = [*range(1, len(self.basis.shape))]
        return tf.reduce_mean(tf.square(self.basis.value), axes) * tf.square(self.std.value)


@keras.saving.register_keras_serializable(package="tf_nonlinear3dmm")
class LinearShapeDecoder(LinearDecoder):
    """A linear model of offsets per vertex over `shape_scale`, spread over the map.

    Args:
        config, face, layout: see `shape_decoder`.
        **arrays: `mean` `[V, 3]`, `basis` `[Ks, V, 3]` and `std` `[Ks]`, or none of them.
    """

    def __init__(
        self,
        config: ModelConfig,
        face: FaceModel,
        layout: UVLayout,
        name: str = "shape_decoder",
        **arrays: np.ndarray,
    ) -> None:
        shape = (config.shape_code_size, *face.mean_vertices.shape)
        super().__init__(shape, **arrays, name=name)
        self.face, self.layout = face, layout

    def call(self, code: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Decodes `code` `[B, Ks]` to (map `[B, Hu, Wu, 3]`, vertices `[B, V, 3]`)."""
        offsets = self.face.shape_scale * super().call(code, training)
        return uv_layout.to_texels(offsets, self.layout), self.face.mean_vertices + offsets

    def encode(self, maps: tf.Tensor) -> tf.Tensor:
        """Codes `[B, Ks]` nearest to shape maps `[B, Hu, Wu, 3]`, at the vertices."""
        offsets = uv_layout.to_vertices(maps, self.layout)
        return super().encode(offsets / self.face.shape_scale)

    def linear_offsets(self, code: tf.Tensor, ids: npt.ArrayLike) -> tf.Tensor:
        """As `ShapeDecoder.linear_offsets`, of which there is nothing else here."""
        modes = tf.gather(self.basis.value, ids, axis=1)
        return self.face.shape_scale * tf.tensordot(code * self.std.value, modes, 1)

    def code_weights(self) -> tf.Tensor:
        """`[Ks]`: what each squared code adds to the mean squared offset."""
        return self.face.shape_scale**2 * super().code_weights()


@keras.saving.register_keras_serializable(package="tf_nonlinear3dmm")
class AlbedoDecoder(UVDecoder):
    """An albedo map in (0, 1) by transposed convolutions (TPAMI, CVPR 2019).

    Args:
        config: `ModelConfig`.
        face_parts: see `UVDecoder`.
    """

    shift = scale = 0.5

    def __init__(
        self,
        config: ModelConfig,
        face_parts: Sequence[parts.Part] = (),
        name: str = "albedo_decoder",
    ) -> None:
        super().__init__(config, config.albedo_code_size, name, face_parts)


@keras.saving.register_keras_serializable(package="tf_nonlinear3dmm")
class LinearAlbedoDecoder(LinearDecoder):
    """A linear model of albedo maps.

    Args:
        config: `ModelConfig`.
        **arrays: `mean` `[Hu, Wu, 3]`, `basis` `[Ka, Hu, Wu, 3]` and `std` `[Ka]`, or none of them.
    """

    def __init__(
        self, config: ModelConfig, name: str = "albedo_decoder", **arrays: np.ndarray
    ) -> None:
        super().__init__((config.albedo_code_size, *config.uv_size, 3), **arrays, name=name)
