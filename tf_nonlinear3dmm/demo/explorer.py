"""What the page does with a model, independent of the web server."""

import contextlib
import io
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import PIL.Image
import tensorflow as tf

from tf_nonlinear3dmm.data import crop, photos
from tf_nonlinear3dmm.evaluation.directions import Direction
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.rendering import camera, lighting, rasterizer, upsampling, visualize

_PICTURE_SCALE = 3  # the page draws the overlay at this multiple of the model's image size
SURFACES = ("lit", "albedo", "clay")


class Slider(NamedTuple):
    """One slider of the page.

    Attributes:
        name: key in requests.
        label: what the page writes beside it.
        low, high, start: its range and where it starts.
        unit: written behind the value.
    """

    name: str
    label: str
    low: float = -3.0
    high: float = 3.0
    start: float = 0.0
    unit: str = ""


_LIGHT_SLIDERS = (
    Slider("light_ambient", "photo's light", 0.0, 2.0, 1.0),
    Slider("light_strength", "directional", 0.0, 3.0, 0.0),
    Slider("light_azimuth", "azimuth", -90.0, 90.0, 45.0, "°"),
    Slider("light_elevation", "elevation", -60.0, 90.0, 20.0, "°"),
)


class Face(NamedTuple):
    """The codes of one face, batch of 1: as in `model.Reconstruction`."""

    shape_code: np.ndarray
    albedo_code: np.ndarray
    illumination: np.ndarray | None
    projection: np.ndarray


class Explorer:
    """Reconstructs photos, and decodes faces moved along named directions and under new light.

    Args:
        model: `Nonlinear3DMM`.
        directions: list of `directions.Direction`.
        samples: dict name -> `[N, N, 3]` uint8 crops of faces to start from.
    """

    def __init__(
        self,
        model: Nonlinear3DMM,
        directions: Iterable[Direction] = (),
        samples: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        self.model, self.directions = model, list(directions)
        self.samples = dict(samples or {})
        self.uv_layout = upsampling.fine_layout(model)
        self.uv_size = self.uv_layout.size
        self._encode = tf.function(lambda images: model(images, training=False, draw=False))
        self._decode = tf.function(self._draw)

    def warm_up(self) -> None:
        """Traces the graphs, so that the first request is as fast as the others."""
        for surface in SURFACES:
            self.decode(self.mean_face(), {}, surface)
        self.reconstruct_crop(np.zeros([8, 8, 3], np.uint8))

    def warm_up_detector(self) -> None:
        """Loads the face detector, so that the first photo need not wait for it."""
        with contextlib.suppress(ImportError, ValueError):  # reported with the first photo
            photos.detect(np.zeros([64, 64, 3], np.uint8))

    def slider_groups(self) -> list[tuple[str, list[Slider]]]:
        """list of (title, list of `Slider`)."""
        groups = {}
        for direction in self.directions:
            slider = Slider(direction.name, direction.label)
            groups.setdefault(direction.group, []).append(slider)
        light = [("Light", list(_LIGHT_SLIDERS))] if self.model.config.lighting else []
        return [*light, *groups.items()]

    def mean_face(self) -> Face:
        """The face of zero codes, frontal and under plain light."""
        config = self.model.config
        sizes = config.shape_code_size, config.albedo_code_size
        shape_code, albedo_code = (np.zeros([1, size], np.float32) for size in sizes)
        light = _plain_light() if config.lighting else None
        mean = tf.constant(self.model.face.mean_vertices[np.newaxis], tf.float32)
        projection = visualize.frontal(mean, config.image_size).numpy()
        return Face(shape_code, albedo_code, light, projection)

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
        faces = photos.detect(image)
        if not faces:
            raise ValueError("no face was found in the photo: a larger or more frontal one may do")
        largest = faces[0]
        return *self._reconstruct(photos.upright(image, largest), largest.square), len(faces)

    def reconstruct_crop(self, image: np.ndarray) -> tuple[Face, np.ndarray]:
        """(`Face`, `[P, P, 3]` uint8 picture) of a crop `[N, N, 3]` in 0 to 255."""
        return self._reconstruct(image, crop.whole(len(image)))

    def decode(
        self, face: Face, sliders: Mapping[str, float], surface: str = "lit"
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The face moved by `sliders` (name -> value).

        Args:
            face: `Face`.
            sliders: dict of directions' steps in standard deviations, and of the light sliders.
            surface: "lit": albedo times light; "albedo"; or "clay": no colour.

        Returns:
            vertices `[V, 3]` float32, texture `[*uv_size, 3]` uint8, and the face alone,
            `[P, P, 4]` uint8 with alpha.
        """
        face = self._moved(face, sliders)
        if surface == "clay" and face.illumination is None:  # only light shows its shape
            face = face._replace(illumination=_plain_light())
        face = face._replace(illumination=self._relit(face.illumination, sliders))
        codes = (None if part is None else tf.constant(part, tf.float32) for part in face)
        vertices, texture, drawn = self._decode(*codes, surface)
        return vertices[0].numpy(), _as_uint8(texture[0]), _as_uint8(drawn[0])

    def _reconstruct(self, image, square):
        size = self.model.config.image_size
        cropped = tf.clip_by_value(crop.image(image, square, size) / 255, 0, 1)
        result = self._encode(cropped[tf.newaxis])
        parts = (getattr(result, name) for name in Face._fields)
        face = Face(*(None if part is None else part.numpy() for part in parts))
        return face, _as_uint8(crop.image(image, square, size * _PICTURE_SCALE) / 255)

    def _draw(self, shape_code, albedo_code, illumination, projection, surface):
        _, vertices = self.model.decode_shape(shape_code)
        albedo = self.model.decode_albedo(albedo_code)
        if surface == "clay":  # as light as the skin, which says how strong the light is
            albedo = tf.ones_like(albedo) * tf.reduce_mean(albedo)
        light = None if surface == "albedo" else illumination
        size = self.model.config.image_size * _PICTURE_SCALE
        larger = camera.crop(projection, 0.0, 0.0, float(_PICTURE_SCALE))
        points = camera.project(vertices, larger)
        fragments = rasterizer.rasterize(points, self.uv_layout.triangles, (size, size))
        parts = albedo, vertices, projection, light, fragments
        texture, image, mask = upsampling.draw(self.model, *parts)
        return vertices, texture, tf.concat([image, mask], axis=-1)

    def _moved(self, face, sliders):
        codes = {"shape": face.shape_code.copy(), "albedo": face.albedo_code.copy()}
        for direction in self.directions:
            codes[direction.part] += sliders.get(direction.name, 0.0) * direction.step
        return face._replace(shape_code=codes["shape"], albedo_code=codes["albedo"])

    def _relit(self, illumination, sliders):
        if illumination is None:
            return None
        value = {s.name: sliders.get(s.name, s.start) for s in _LIGHT_SLIDERS}
        side, up = np.radians([value["light_azimuth"], value["light_elevation"]])
        towards = [np.sin(side) * np.cos(up), np.sin(up), np.cos(side) * np.cos(up)]
        light = lighting.directional(tf.constant([towards], tf.float32)).numpy()
        return illumination * value["light_ambient"] + light * value["light_strength"]


def png(image: np.ndarray) -> bytes:
    """The bytes of a PNG of `[H, W, 3 or 4]` uint8."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _plain_light():
    """`[1, 9, 3]`: white, from all around and a little from above."""
    return lighting.directional(tf.constant([[0.0, 0.35, 0.94]]), 0.8, ambient=0.7).numpy()


def _as_uint8(image):
    return np.round(255 * np.clip(np.asarray(image), 0, 1)).astype(np.uint8)
