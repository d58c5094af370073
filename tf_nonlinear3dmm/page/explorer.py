"""What the page can do with a model, free of anything about the web."""

import io
from typing import NamedTuple

import numpy as np
import PIL.Image
import tensorflow as tf

from tf_nonlinear3dmm import camera, crop, lighting, photos, renderer

PICTURE_SCALE = 3  # the page draws the overlay at this multiple of the model's image size


class Slider(NamedTuple):
    """One slider of the page.

    Attributes:
        name: key in requests.
        label: what the page writes beside it.
        low, high, start: its range and where it starts.
    """

    name: str
    label: str
    low: float = -3.0
    high: float = 3.0
    start: float = 0.0


LIGHT_SLIDERS = (
    Slider("light_ambient", "own light", 0.0, 2.0, 1.0),
    Slider("light_strength", "lamp", 0.0, 2.0, 0.0),
    Slider("light_azimuth", "lamp left - right", -90.0, 90.0, 45.0),
    Slider("light_elevation", "lamp height", -60.0, 90.0, 20.0),
)


class Face(NamedTuple):
    """The codes of one face, batch of 1: as in `model.Reconstruction`."""

    shape_code: np.ndarray
    albedo_code: np.ndarray
    illumination: np.ndarray
    projection: np.ndarray


class Explorer:
    """Reconstructs photos, and decodes faces moved along named directions and under new light.

    Args:
        model: `Nonlinear3DMM` with lighting.
        directions: list of `directions.Direction`.
        samples: dict name -> `[S, S, 3]` uint8 crops of faces to start from.
    """

    def __init__(self, model, directions=(), samples=None):
        self.model, self.directions = model, list(directions)
        self.samples = dict(samples or {})
        self.triangles = np.asarray(model.face.triangles, np.int32)
        self._encode = tf.function(lambda images: model(images, training=False, draw=False))
        self._decode = tf.function(self._draw)

    def warm_up(self):
        """Traces the graphs, so that the first request is as fast as the others."""
        size = self.model.config.image_size
        face, _ = self.reconstruct_crop(np.zeros([size, size, 3], np.uint8))
        self.decode(face, {})

    def slider_groups(self):
        """list of (title, list of `Slider`)."""
        groups = {}
        for direction in self.directions:
            slider = Slider(direction.name, direction.label)
            groups.setdefault(direction.group, []).append(slider)
        return [*groups.items(), ("Light", list(LIGHT_SLIDERS))]

    def mean_face(self):
        """The face of zero codes, frontal and under plain light."""
        config = self.model.config
        size = config.image_size
        face = self.model.face
        height = np.ptp(face.mean_vertices[:, 1])
        angle = tf.zeros([1])
        projection = camera.compose(
            angle,
            angle,
            angle,
            tf.constant([0.8 * size / height], tf.float32),
            tf.constant([[(size - 1) / 2, (size - 1) / 2]], tf.float32),
        )
        plain = _directional_light(0.0, 20.0) * 0.5
        plain[0] += 0.6 / lighting.SH_CONSTANTS[0]
        return Face(
            np.zeros([1, config.shape_code_size], np.float32),
            np.zeros([1, config.albedo_code_size], np.float32),
            plain[np.newaxis].astype(np.float32),
            projection.numpy(),
        )

    def reconstruct(self, contents):
        """The largest face of a photo.

        Args:
            contents: bytes of a JPEG, PNG or WebP file.

        Returns:
            (`Face`, `[P, P, 3]` uint8 picture of the crop, number of faces found).

        Raises:
            ValueError: not an image, or no face in it.
        """
        image = photos.read(contents, "the photo")
        found = photos.detect(image)
        if not found:
            raise ValueError("no face was found in the photo: a larger or more frontal one may do")
        size = self.model.config.image_size
        square = photos.face_square(found[0].box)
        picture = crop.image(image, square, size * PICTURE_SCALE)
        face, _ = self.reconstruct_crop(crop.image(image, square, size))
        return face, _as_uint8(picture / 255.0), len(found)

    def reconstruct_crop(self, image):
        """(`Face`, the crop itself) of a crop `[S, S, 3]` in 0 to 255."""
        image = tf.cast(image, tf.float32)
        result = self._encode(image[tf.newaxis] / 255.0)
        face = Face(*(getattr(result, name).numpy() for name in Face._fields))
        return face, _as_uint8(image / 255.0)

    def decode(self, face, sliders, surface="lit"):
        """The face moved by `sliders` (name -> value).

        Args:
            face: `Face`.
            sliders: dict of directions' steps in standard deviations, and of the light sliders.
            surface: "lit": albedo times light; "albedo"; or "clay": no colour.

        Returns:
            vertices `[V, 3]` float32, texture `[Hu, Wu, 3]` uint8, and the face drawn over nothing,
            `[P, P, 4]` uint8 with alpha.
        """
        face = self._moved(face, sliders)
        light = self._relit(face.illumination, sliders)
        vertices, albedo, texture, image, mask = self._decode(
            *(tf.constant(part, tf.float32) for part in face._replace(illumination=light)),
            tf.constant(surface == "albedo"),
            tf.constant(surface == "clay"),
        )
        drawn = np.concatenate([_as_uint8(image[0]), _as_uint8(mask[0])], axis=-1)
        return (
            vertices[0].numpy(),
            _as_uint8((albedo if surface == "albedo" else texture)[0]),
            drawn,
        )

    def _draw(self, shape_code, albedo_code, illumination, projection, plain, clay):
        _, vertices = self.model.decode_shape(shape_code)
        albedo = self.model.decode_albedo(albedo_code)
        albedo = tf.where(clay, tf.fill(tf.shape(albedo), 0.75), albedo)
        size = self.model.config.image_size * PICTURE_SCALE
        larger = camera.crop(projection, 0.0, 0.0, float(PICTURE_SCALE))
        drawn = renderer.render(
            vertices, albedo, larger, illumination, self.model.tensors, (size, size)
        )
        flat, _ = renderer.draw(albedo, drawn.fragments, self.model.tensors)
        return vertices, albedo, drawn.texture, tf.where(plain, flat, drawn.image), drawn.mask

    def _moved(self, face, sliders):
        codes = {"shape": face.shape_code.copy(), "albedo": face.albedo_code.copy()}
        for direction in self.directions:
            codes[direction.part] += sliders.get(direction.name, 0.0) * direction.step
        return face._replace(shape_code=codes["shape"], albedo_code=codes["albedo"])

    def _relit(self, illumination, sliders):
        value = {s.name: sliders.get(s.name, s.start) for s in LIGHT_SLIDERS}
        lamp = _directional_light(value["light_azimuth"], value["light_elevation"])
        return illumination * value["light_ambient"] + lamp * value["light_strength"]


def png(image):
    """The bytes of a PNG of `[H, W, 3 or 4]` uint8."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _directional_light(azimuth_deg, elevation_deg):
    """`[9, 3]` harmonics of white light from one side, 1 where a surface faces it."""
    azimuth, elevation = np.radians([azimuth_deg, elevation_deg])
    towards = np.array(
        [
            np.sin(azimuth) * np.cos(elevation),
            np.sin(elevation),
            np.cos(azimuth) * np.cos(elevation),
        ]
    )
    normals = np.random.default_rng(0).normal(size=[2000, 3]).astype(np.float32)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    basis = lighting.sh_basis(tf.constant(normals)).numpy()
    coefficients = np.linalg.lstsq(basis, np.maximum(normals @ towards, 0), rcond=None)[0]
    return np.repeat(coefficients[:, np.newaxis], 3, axis=1)


def _as_uint8(image):
    return np.round(255 * np.clip(np.asarray(image), 0, 1)).astype(np.uint8)
