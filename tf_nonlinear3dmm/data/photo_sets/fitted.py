"""Photographs to stored crops; with the labels of a fitted Basel Face Model, where there is one."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from tf_nonlinear3dmm.core import graphs, shapes
from tf_nonlinear3dmm.data import archive, crop, mat_labels
from tf_nonlinear3dmm.data.photo_sets import reading
from tf_nonlinear3dmm.data.photo_sets.layout import Config
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import unwrap, uv_layout

_WORST_FIT = 25.0  # percent NME: beyond it, landmarks and pose are not of the same face


def parameter_features() -> dict[str, tfds.features.FeatureConnector]:
    """The tfds features of what `read_parameters` reads."""
    sizes = {
        "pose_para": (7, "pitch, yaw, roll (radians), x, y, z (pixels), pixels per micrometre"),
        "shape_para": (199, "of the Basel Face Model, micrometres: times sigma already"),
        "exp_para": (29, "of the FaceWarehouse expressions"),
        "tex_para": (199, "of the Basel Face Model, grey levels: times sigma already"),
        "illum_para": (10, "ambient, directional colour, angles (radians), specular"),
        "color_para": (7, "gain and offset of red, green, blue; contrast"),
        "roi": (4, "box in the photograph before its crop, pixels"),
    }
    tensor = tfds.features.Tensor
    return {k: tensor(shape=(n,), dtype=tf.float32, doc=d) for k, (n, d) in sizes.items()}


def read_parameters(
    tree: archive.Tree, record: str, sizes: Mapping[str, int | tuple[int | None, ...]]
) -> dict[str, np.ndarray]:
    """`mat_labels.read_parameters` of the record's .mat in an `archive.Tree`."""
    contents = reading.read(tree, f"{record}.mat", mat_labels.MAT_BYTES)
    return mat_labels.read_parameters(contents, f"{record}.mat", sizes)


def check_landmarks(landmarks: np.ndarray, image: np.ndarray, name: str) -> None:
    """Refuses `[68, 2]` landmarks of which no more than half lie in the image `[H, W, 3]`."""
    shapes.check(landmarks=(landmarks, "68 2"), image=(image, "H W 3"))
    if not np.all(np.isfinite(landmarks)):
        raise ValueError(f"{name}: landmarks must be finite, got {landmarks}")
    inside = np.all((landmarks >= 0) & (landmarks < image.shape[1::-1]), axis=1).sum()
    if inside <= len(landmarks) // 2:
        raise ValueError(f"{name}: {inside} of {len(landmarks)} landmarks lie in the image")


def cut(
    image: np.ndarray,
    image_size: int,
    square: crop.Square | None = None,
    projection: np.ndarray | None = None,
    **points: np.ndarray | None,
) -> dict[str, np.ndarray]:
    """The stored crop of a photo.

    Args:
        image: `[H, W, 3]` uint8.
        image_size: side of the evaluation crop in pixels.
        square: `crop.Square` of scalars, the evaluation crop; that of `landmarks` where None.
        projection: `[2, 4]` to pixels of `image`.
        **points: name = `[N, 2]` pixels of `image`.

    Returns:
        dict of the same names, in the stored crop; what is None is left out.
    """
    points = {
        name: np.asarray(values, np.float32)
        for name, values in points.items()
        if values is not None
    }
    projection = None if projection is None else np.asarray(projection, np.float32)
    cut_out = _cut(image, crop.stored_size(image_size), square, projection, points)
    return {name: value.numpy() for name, value in cut_out.items()}


@graphs.function(reduce_retracing=True)
def _cut(image, side, square, projection, points):
    square = crop.square(points["landmarks"]) if square is None else square
    square = crop.grow(square, crop.STORED)
    batch = crop.Square(*(part[tf.newaxis] for part in square))
    cut_out = {"image": _as_bytes(crop.image(image, square, side))}
    for name, values in points.items():
        cut_out[name] = crop.points(values[tf.newaxis], batch, side)[0]
    if projection is not None:
        cut_out["projection"] = crop.projection(projection[tf.newaxis], batch, side)[0]
    return cut_out


class Fitted:
    """Makes stored examples of photographs with a fitted Basel Face Model.

    Args:
        config: `Config`.

    Attributes:
        exact: whether the face model is the one that was fitted.
    """

    def __init__(self, config: Config) -> None:
        self.image_size = config.image_size
        self.face = FaceModel.load(config.face_model)
        self.exact = mat_labels.has_bases(self.face)
        if self.exact:
            self.uv_layout = uv_layout.build(self.face, config.uv_size)

    def labels(
        self,
        image: np.ndarray,
        parameters: dict[str, np.ndarray],
        landmarks: np.ndarray,
        name: str,
        **points: np.ndarray | None,
    ) -> dict[str, np.ndarray]:
        """The features of a stored example.

        Args:
            image: `[H, W, 3]` uint8.
            parameters: what `read_parameters` returned.
            landmarks: `[68, 2]` pixels of `image`.
            name: of the record, for errors.
            **points: further points to move along, see `cut`.

        Returns:
            dict of features.

        Raises:
            ValueError: landmarks off the image, or of another face than the pose; names the record.
        """
        check_landmarks(landmarks, image, name)
        projection, vertices = self._geometry(image, parameters, landmarks, name)
        features = cut(image, self.image_size, None, projection, landmarks=landmarks, **points)
        features["yaw_deg"] = -np.degrees(parameters["Pose_Para"][1])
        if vertices is not None:
            stored = (features[key][np.newaxis] for key in ("image", "projection"))
            image, projection = stored
            texture, mask = textures(image, vertices, projection, self.uv_layout)
            features |= {"texture": texture[0].numpy(), "texture_mask": mask[0].numpy()}
        return features

    def _geometry(self, image, parameters, landmarks, name):
        pose = mat_labels.Pose(*parameters["Pose_Para"])
        if self.exact:
            coefficients = (parameters[k][np.newaxis] for k in ("Shape_Para", "Exp_Para"))
            vertices = mat_labels.vertices(*coefficients, self.face)
            projection = mat_labels.projection(pose, image.shape[0], self.face.units)
            known = self.face.landmarks >= 0
            points = (
                vertices[0, self.face.landmarks[known]] @ projection[:, :3].T + projection[:, 3]
            )
            distance = np.linalg.norm(points - landmarks[known], axis=1)
        else:
            vertices = None
            projection, distance = mat_labels.mean_face_projection(pose, landmarks, self.face)
            distance = distance[self.face.landmarks >= 0]
        error = 100 * distance.mean() / np.sqrt(np.prod(np.ptp(landmarks, axis=0)))
        if not error < _WORST_FIT:
            raise ValueError(
                f"{name}: landmarks and pose must agree to {_WORST_FIT} % NME, got {error:.1f}"
            )
        return projection, vertices


@graphs.function
def textures(
    images: tf.Tensor, vertices: tf.Tensor, projections: tf.Tensor, layout: uv_layout.UVLayout
) -> tuple[tf.Tensor, tf.Tensor]:
    """Pseudo ground truth: textures unwrapped from images by the labels' geometry.

    Args:
        images: `[B, R, R, 3]` uint8, stored crops.
        vertices: `[B, V, 3]`.
        projections: `[B, 2, 4]` to pixels of `images`.
        layout: `UVLayout`.

    Returns:
        `[B, Hu, Wu, 3]` and `[B, Hu, Wu, 1]` uint8; mask 255 where the image shows the texel.
    """
    colours = tf.cast(images, tf.float32) / 255.0
    texture, mask = unwrap.unwrap(colours, vertices, projections, layout)
    return _as_bytes(255.0 * texture), _as_bytes(255.0 * mask)


def _as_bytes(values):
    return tf.cast(tf.clip_by_value(tf.round(values), 0, 255), tf.uint8)
