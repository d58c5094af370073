"""What the page does with a model, independent of the web server."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.core import graphs
from tf_nonlinear3dmm.data import crop, photos
from tf_nonlinear3dmm.demo import faces, fits, sliders
from tf_nonlinear3dmm.demo.faces import Face
from tf_nonlinear3dmm.evaluation.directions import Direction
from tf_nonlinear3dmm.fitting import residual
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.rendering import camera, lighting, rasterizer, upsampling, visualize

_PICTURE_SCALE = 3  # the page draws the overlay at this multiple of the model's image size
SURFACES = ("lit", "albedo", "clay")


class Explorer:
    """Reconstructs and fits photos; decodes faces that sliders move and light.

    Args:
        model: `Nonlinear3DMM`.
        directions: list of `directions.Direction`.
        samples: dict name -> `[N, N, 3]` uint8 crops of faces to start from.

    Attributes:
        picture_size: P, of the pictures that the page shows.
        fitting: held while a fit runs: one after the other.

    Raises:
        ValueError: directions of another model.
    """

    def __init__(
        self,
        model: Nonlinear3DMM,
        directions: Iterable[Direction] = (),
        samples: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        self.model, self.shapes = model, faces.Shapes(model)
        named = bool(self.shapes.names)  # they leave directions of expressions nothing to do
        self.directions = [d for d in directions if not (named and d.group == "Expression")]
        for direction in self.directions:
            _check(direction, model.config)
        self.samples = dict(samples or {})
        self.picture_size = _PICTURE_SCALE * model.config.image_size
        self.fitting = threading.Lock()
        self.uv_layout = upsampling.fine_layout(model)
        self.uv_size = self.uv_layout.size
        self._encode = graphs.function(lambda images: model(images, training=False, draw=False))
        self._decode = graphs.function(self._draw)

    def warm_up(self) -> None:
        """Traces the graphs, so that the first request is as fast as the others."""
        for surface in SURFACES:
            self.decode(self.mean_face(), {}, surface)
        self.reconstruct_crop(np.zeros([8, 8, 3], np.uint8))

    def warm_up_photos(self) -> None:
        """Loads the face detector and traces the graph of a fit: a photo need not wait for them."""
        blank = np.zeros([1, self.picture_size, self.picture_size, 3], np.uint8)
        with self.fitting, contextlib.suppress(Exception):  # reported with the first photo
            photos.detect(blank[0])
            self.fit(blank)

    def slider_groups(self) -> sliders.Groups:
        """The sliders of the light and of the directions."""
        groups = {}
        for direction in self.directions:
            slider = sliders.Slider(direction.name, direction.label)
            groups.setdefault(direction.group, []).append(slider)
        light = [("Light", list(sliders.LIGHT))] if self.model.config.lighting else []
        return [*light, *groups.items()]

    def expression_groups(self) -> sliders.Groups:
        """The sliders of named expressions; none on a face whose units have no names."""
        return sliders.of_expressions(self.shapes.names)

    def mean_face(self) -> Face:
        """The face of zero codes, frontal and under plain light."""
        config = self.model.config
        sizes = config.shape_code_size, config.albedo_code_size
        shape_code, albedo_code = (np.zeros([1, size], np.float32) for size in sizes)
        light = _plain_light() if config.lighting else None
        mean = tf.constant(self.model.face.mean_vertices[np.newaxis], tf.float32)
        projection = visualize.frontal(mean, config.image_size).numpy()
        nothing = (part.numpy() for part in residual.none(self.model, 1))
        return Face(shape_code, albedo_code, light, projection, *nothing)

    def reconstruct(self, contents: bytes) -> tuple[Face, np.ndarray, int]:
        """The largest face of a photo.

        Args:
            contents: bytes of a JPEG, PNG or WebP file.

        Returns:
            (`Face`, `[P, P, 3]` uint8 picture of the crop, number of faces in the photo).

        Raises:
            ValueError: not an image, or no face in it.
        """
        image = photos.read(contents, "the photo")
        detected = photos.detect(image)
        if not detected:
            raise ValueError("no face was found in the photo: a larger or more frontal one may do")
        largest = detected[0]
        return *self._reconstruct(photos.upright(image, largest), largest.square), len(detected)

    def reconstruct_crop(self, image: np.ndarray) -> tuple[Face, np.ndarray]:
        """(`Face`, `[P, P, 3]` uint8 picture) of a crop `[N, N, 3]` in 0 to 255."""
        return self._reconstruct(image, crop.whole(len(image)))

    def fit(
        self,
        pictures: np.ndarray,
        same_person: bool = False,
        progress: Callable[[float, int], None] | None = None,
    ) -> list[fits.FittedFace]:
        """`fits.fit` of pictures `[B, P, P, 3]` uint8, as `reconstruct` gives them."""
        return fits.fit(self.model, pictures, same_person, progress)

    def decode(
        self, face: Face, values: Mapping[str, float], surface: str = "lit"
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The face moved by `values` of sliders.

        Args:
            face: `Face`.
            values: name -> directions' steps in standard deviations, light, and weights of named
                expressions; those that it does not name stay as they are.
            surface: "lit": albedo times light; "albedo"; or "clay": no colour.

        Returns:
            vertices `[V, 3]` float32, texture `[*uv_size, 3]` uint8, and the face alone,
            `[P, P, 4]` uint8 with alpha.
        """
        face = self._moved(face, values)
        if surface == "clay" and face.illumination is None:  # only light shows its shape
            face = face._replace(illumination=_plain_light())
        face = face._replace(illumination=self._relit(face.illumination, values))
        vertices = self.shapes.vertices(face.shape_code, values)
        parts = vertices, face.albedo_code, face.illumination, face.projection
        arrays = (None if part is None else tf.constant(part, tf.float32) for part in parts)
        moved, texture, drawn = self._decode(*arrays, face.residual, surface)
        return moved[0].numpy(), _as_uint8(texture[0]), _as_uint8(drawn[0])

    def _reconstruct(self, image, square):
        size = self.model.config.image_size
        cropped = tf.clip_by_value(crop.image(image, square, size) / 255, 0, 1)
        reconstruction = self._encode(cropped[tf.newaxis])
        face = faces.of_reconstruction(reconstruction, residual.none(self.model, 1))
        return face, _as_uint8(crop.image(image, square, self.picture_size) / 255)

    def _draw(self, vertices, albedo_code, illumination, projection, added, surface):
        albedo = self.model.decode_albedo(albedo_code)
        _, vertices, albedo = residual.applied(added, vertices, albedo, self.model)
        if surface == "clay":  # as light as the skin, which says how strong the light is
            albedo = tf.ones_like(albedo) * tf.reduce_mean(albedo)
        light = None if surface == "albedo" else illumination
        size = self.picture_size
        larger = camera.crop(projection, 0.0, 0.0, float(_PICTURE_SCALE))
        points = camera.project(vertices, larger)
        fragments = rasterizer.rasterize(points, self.uv_layout.triangles, (size, size))
        parts = albedo, vertices, projection, light, fragments
        texture, image, mask = upsampling.draw(self.model, *parts)
        return vertices, texture, tf.concat([image, mask], axis=-1)

    def _moved(self, face, values):
        codes = {"shape": face.shape_code.copy(), "albedo": face.albedo_code.copy()}
        for direction in self.directions:
            codes[direction.part] += values.get(direction.name, 0.0) * direction.step
        return face._replace(shape_code=codes["shape"], albedo_code=codes["albedo"])

    def _relit(self, illumination, values):
        if illumination is None:
            return None
        value = {s.name: values.get(s.name, s.start) for s in sliders.LIGHT}
        side, up = np.radians([value["light_azimuth"], value["light_elevation"]])
        towards = [np.sin(side) * np.cos(up), np.sin(up), np.cos(side) * np.cos(up)]
        light = lighting.directional(tf.constant([towards], tf.float32)).numpy()
        return illumination * value["light_ambient"] + light * value["light_strength"]


def _check(direction, config):
    """Refuses a direction of other codes than a model's."""
    size = vars(config).get(f"{direction.part}_code_size")
    if np.shape(direction.step) != (size,) or not np.isfinite(direction.step).all():
        raise ValueError(
            f"directions.npz: `{direction.name}` must be {size} finite numbers, got "
            f"{np.shape(direction.step)}: is it of another model?"
        )


def _plain_light():
    """`[1, 9, 3]`: white, from all around and a little from above."""
    return lighting.directional(tf.constant([[0.0, 0.35, 0.94]]), 0.8, ambient=0.7).numpy()


def _as_uint8(image):
    return np.round(255 * np.clip(np.asarray(image), 0, 1)).astype(np.uint8)
