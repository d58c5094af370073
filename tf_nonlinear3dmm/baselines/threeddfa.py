"""3DDFA (Zhu et al., CVPR 2016): a cascade of networks that look at the photo and at their own fit.

Each network sees the image beside the projected normalised coordinate code (PNCC): the current
fit, drawn with the mean face's coordinates as colours, so that it can tell which part of the face
lies where. It answers with an update of camera and linear-model code. Its cost weighs each
parameter by how far its error moves the vertices.

Parameters `[B, 8 + K]` are whitened: the camera's eight numbers by statistics of the training set,
the codes of a `linear.Basis` by its standard deviations. The paper's camera has seven; here it is
the same scaled orthographic matrix that the other models predict.
"""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.configs import ModelConfig
from tf_nonlinear3dmm.core import keras_state, shapes
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.networks import encoder, linear
from tf_nonlinear3dmm.networks.layers import BatchNorm, convolution
from tf_nonlinear3dmm.rendering import camera, rasterizer


class Fit(NamedTuple):
    """What the cascade predicts for `B` images.

    Attributes:
        projection: `[B, 2, 4]`, face units to pixels.
        shape_code: `[B, K]` whitened codes of the linear model.
        vertices: `[B, V, 3]` in the face frame.
        landmarks: `[B, 68, 2]` (x, y) pixels; meaningless where the face model lacks one.
    """

    projection: tf.Tensor
    shape_code: tf.Tensor
    vertices: tf.Tensor
    landmarks: tf.Tensor


class Cascade(keras.Model):
    """The networks and the linear model they fit.

    Args:
        config: `ModelConfig`: `image_size`, `width`, `plan` and `residual` matter. Each network
            has the trunk of the nonlinear model's encoder.
        basis: `linear.Basis` of vertices `[V, 3]` in face units.
        projection_mean, projection_std: `[8]` statistics of the training projections, pixels.
        face: `FaceModel`.
        iterations: networks, each of which refines the fit of those before.
    """

    @keras_state.inside_ours
    def __init__(
        self,
        config: ModelConfig,
        basis: linear.Basis,
        projection_mean: np.ndarray,
        projection_std: np.ndarray,
        face: FaceModel,
        iterations: int = 3,
    ) -> None:
        super().__init__(name="threeddfa")
        self.config, self.face = config, face
        self.mean = self._constant("mean", basis.mean)
        self.modes = self._constant("modes", _scaled(basis))
        self.projection_mean = self._constant("projection_mean", projection_mean)
        self.projection_std = self._constant("projection_std", projection_std)
        low, high = face.mean_vertices.min(axis=0), face.mean_vertices.max(axis=0)
        self.colours = (face.mean_vertices - low) / (high - low)  # the normalised coordinates
        self.parameters = 8 + len(basis.modes)
        self.networks = [
            _network(config, self.parameters, f"network{i + 1}") for i in range(iterations)
        ]
        self.built = True

    def begin_with(self, other: encoder.Encoder) -> None:
        """Takes the trunk of an encoder, in each of the networks.

        Raises:
            ValueError: its trunk is another.
        """
        encoder.check_trunk(self.config, other.config)
        known = other.trunk_layers
        for network in self.networks:
            encoder.copy_trunk(network.layers[: len(known)], known)

    def _constant(self, name, values):
        values = np.asarray(values, np.float32)
        return self.add_weight(
            name=name, shape=values.shape, initializer=lambda *_, **__: values, trainable=False
        )

    def call(self, images: tf.Tensor, training: bool = False, iterations: int | None = None) -> Fit:
        """Fits `images` `[B, S, S, 3]` in [0, 1] with the first `iterations` networks: `Fit`."""
        parameters = self.fit(images, iterations)
        projection, vertices = self.decode(parameters)
        points = tf.gather(vertices, np.maximum(self.face.landmarks, 0), axis=1)
        landmarks = camera.project(points, projection)[..., :2]
        return Fit(projection, parameters[:, 8:], vertices, landmarks)

    def fit(self, images: tf.Tensor, iterations: int | None = None) -> tf.Tensor:
        """The parameters `[B, 8 + K]` after the first `iterations` networks, from zero."""
        size = str(self.config.image_size)
        shapes.check(images=(images, f"B {size} {size} 3"))
        parameters = tf.zeros([tf.shape(images)[0], self.parameters])
        for network in self.networks[:iterations]:
            parameters += network(self.look(images, parameters), training=False)
        return parameters

    def look(self, images: tf.Tensor, parameters: tf.Tensor) -> tf.Tensor:
        """A network's input: `[B, S, S, 6]`, image and PNCC in [-1, 1]."""
        projection, vertices = self.decode(parameters)
        size = self.config.image_size
        points = camera.project(vertices, projection)
        fragments = rasterizer.rasterize(points, self.face.triangles, (size, size))
        colours = tf.tile(
            tf.constant(self.colours, tf.float32)[tf.newaxis], [tf.shape(points)[0], 1, 1]
        )
        code = rasterizer.interpolate(colours, self.face.triangles, fragments)
        return tf.stop_gradient(2 * tf.concat([images, code], axis=-1) - 1)

    def decode(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Projection `[B, 2, 4]` and vertices `[B, V, 3]` of parameters `[B, 8 + K]`."""
        flat = self.projection_mean + self.projection_std * parameters[:, :8]
        vertices = self.mean + tf.tensordot(parameters[:, 8:], self.modes.value, 1)
        return tf.reshape(flat, [-1, 2, 4]), vertices

    def encode(self, projection: tf.Tensor, vertices: tf.Tensor, ridge: float = 1e-4) -> tf.Tensor:
        """The parameters nearest to labels: the inverse of `decode`.

        Args:
            projection: `[B, 2, 4]`.
            vertices: `[B, V, 3]`.
            ridge: weight of the squared codes against the summed squared distances, in squared face
                units.
        """
        flat = tf.reshape(projection, [-1, 8])
        modes = tf.reshape(self.modes, [self.parameters - 8, -1])
        normal = tf.matmul(modes, modes, transpose_b=True)
        normal += ridge * tf.eye(self.parameters - 8)
        offsets = tf.reshape(vertices - self.mean, [-1, modes.shape[1]])
        codes = tf.linalg.solve(normal, tf.matmul(modes, offsets, transpose_b=True))
        whitened = (flat - self.projection_mean) / self.projection_std
        return tf.concat([whitened, tf.transpose(codes)], axis=-1)

    def reach(self, parameters: tf.Tensor) -> tf.Tensor:
        """How far a unit of each parameter moves the mesh in the image: `[B, 8 + K]` pixels.

        The Frobenius norm over all vertices of the derivative at `parameters`. The image points are
        linear in each parameter alone, so it holds for steps of any size.
        """
        projection, vertices = self.decode(parameters)
        ones = tf.ones_like(vertices[..., :1])
        columns = tf.norm(tf.concat([vertices, ones], axis=-1), axis=1)  # [B, 4]
        pose = tf.concat([columns, columns], axis=-1) * self.projection_std
        moments = tf.einsum("kvc,kvd->kcd", self.modes, self.modes)
        rows = projection[..., :3]
        square = tf.einsum("brc,kcd,brd->bk", rows, moments, rows)
        return tf.concat([pose, tf.sqrt(tf.maximum(square, 0))], axis=-1)

    def cost(self, updated: tf.Tensor, goal: tf.Tensor) -> tf.Tensor:
        """The weighted parameter distance cost of parameters `[B, 8 + K]`, a scalar.

        A parameter's weight is the distance that its error alone moves the vertices, over the
        largest such distance of the same face; weights have no gradient.
        """
        error = updated - goal
        moved = tf.stop_gradient(tf.abs(error) * self.reach(goal))
        weights = tf.math.divide_no_nan(moved, tf.reduce_max(moved, axis=-1, keepdims=True))
        return tf.reduce_mean(tf.reduce_sum(weights * error**2, axis=-1))


def _scaled(basis):
    return basis.modes * basis.std[:, np.newaxis, np.newaxis]


def _network(config, outputs, name):
    """Image and PNCC -> update: the encoder's trunk, one head, no update before training."""
    head = convolution(2 * config.width + outputs, bias=True, name="head")
    last = keras.layers.Dense(outputs, kernel_initializer="zeros", name="update")
    pool = keras.layers.GlobalAveragePooling2D()
    network = keras.Sequential(
        [*encoder.trunk(config), head, BatchNorm(name="head_norm"), pool, last], name=name
    )
    network.build([None, config.image_size, config.image_size, 6])
    return network
