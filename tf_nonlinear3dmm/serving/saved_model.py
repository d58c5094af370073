"""The model as a SavedModel of stock TensorFlow ops, for TensorFlow Serving or any TensorFlow.

Signatures, all with a free batch size B; S is the model's image size:

    reconstruct        images uint8 [B, S, S, 3]
    reconstruct_bytes  image_bytes string [B]: JPEG or PNG files, square (else the central square)
      both ->          vertices [B, V, 3] face units; landmarks [B, 68, 2] and projection [B, 2, 4]
                       in pixels of the S x S image; illumination [B, 9, 3]; shape_code [B, Ks];
                       albedo_code [B, Ka]; albedo and texture [B, Hu, Wu, 3] RGB in [0, 1]; image
                       uint8 [B, S, S, 3], the face alone; mask uint8 [B, S, S, 1], 255 on the face
    decode             shape_code, albedo_code -> vertices, albedo
    render             vertices, albedo, projection, illumination -> image, mask
    serving_default    reconstruct

Without lighting (CVPR 2018) there is no illumination, and the albedo is the texture.
"""

import json
import pathlib
import shutil
from typing import Any

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.configs import ModelConfig
from tf_nonlinear3dmm.core import array_files, graphs
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.serving import warmup

NAME = "nonlinear_3dmm"
LARGEST_IMAGE = 2**26  # pixels of one image file: a small file may unpack to many


class ExportError(Exception):
    """Nothing was written, and why."""


def export(model: Nonlinear3DMM, folder: Path, version: int = 1, name: str = NAME) -> pathlib.Path:
    """Writes a SavedModel to `folder`/`version`, the layout that TensorFlow Serving watches.

    Args:
        model: `Nonlinear3DMM`.
        folder: base path of the served model.
        version: number of this version.
        name: as the server will call the model.

    Returns:
        Path of the SavedModel.

    Raises:
        ExportError: that version exists already, or the folder cannot be written.
    """
    path = pathlib.Path(folder) / str(version)
    with array_files.writing(path, ExportError):
        if path.exists():
            raise ExportError(f"{path} is there already: give another version or folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{version}.part")  # a server loads folders whose name is a number
        shutil.rmtree(part, ignore_errors=True)
        try:
            _write(part, model, name)
            part.rename(path)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return path


def _write(part, model, name):
    module = Module(model)
    tf.saved_model.save(module, str(part), signatures=module.signatures())
    warmup.write(part, name, examples(module, model.config))
    about = {"face": model.face.name, "licence_of_the_face": model.face.licence}
    about |= {"millimetres_per_face_unit": model.face.units}
    about |= {"image_size": model.config.image_size, "uv_size": model.config.uv_size}
    (part / "assets.extra" / "about.json").write_text(json.dumps(about, indent=2) + "\n")


class Module(tf.Module):
    """The signatures as functions over the model's variables, each of which is held once."""

    def __init__(self, model: Nonlinear3DMM) -> None:
        super().__init__(name=NAME)
        self.weights = [v.value for v in model.weights]
        config, face = model.config, model.face
        size = config.image_size
        points, maps = [None, len(face.mean_vertices), 3], [None, *config.uv_size, 3]
        shape_code, albedo_code = [None, config.shape_code_size], [None, config.albedo_code_size]
        geometry = {"vertices": points, "albedo": maps, "projection": [None, 2, 4]}
        light = {"illumination": [None, 9, 3]} if config.lighting else {}

        @graphs.function(input_signature=[tf.TensorSpec([None, size, size, 3])])
        def whole(images):
            tf.debugging.assert_positive(tf.shape(images)[0], "at least one image is needed")
            return _outputs(model(images, training=False))

        @graphs.function(input_signature=[tf.TensorSpec([None, size, size, 3], tf.uint8, "images")])
        def reconstruct(images):
            images = tf.ensure_shape(images, [None, size, size, 3], "images")
            return whole(tf.cast(images, tf.float32) / 255)

        @graphs.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")])
        def reconstruct_bytes(image_bytes):
            spec = tf.TensorSpec([size, size, 3])
            return whole(
                tf.map_fn(lambda b: decode_image(b, size), image_bytes, fn_output_signature=spec)
            )

        @graphs.function(
            input_signature=[
                tf.TensorSpec(shape_code, name="shape_code"),
                tf.TensorSpec(albedo_code, name="albedo_code"),
            ]
        )
        def decode(shape_code, albedo_code):
            _check(shape_code=shape_code, albedo_code=albedo_code)
            _, vertices = model.decode_shape(shape_code)
            return {"vertices": vertices, "albedo": model.decode_albedo(albedo_code)}

        @graphs.function(
            input_signature=[tf.TensorSpec(s, name=n) for n, s in (geometry | light).items()]
        )
        def render(vertices, albedo, projection, illumination=None):
            parts = {"vertices": vertices, "albedo": albedo, "projection": projection}
            _check(**parts, **({"illumination": illumination} if config.lighting else {}))
            return _picture(model.render(vertices, albedo, projection, illumination))

        self.whole, self.reconstruct, self.reconstruct_bytes = whole, reconstruct, reconstruct_bytes
        self.decode, self.render = decode, render

    def signatures(self) -> dict[str, tf.types.experimental.PolymorphicFunction]:
        """Name -> function."""
        names = ("reconstruct", "reconstruct_bytes", "decode", "render")
        return {n: getattr(self, n) for n in names} | {"serving_default": self.reconstruct}


def examples(module: Module, config: ModelConfig) -> list[tuple[str, dict[str, Any]]]:
    """One request for each signature: (name, inputs)."""
    images = np.full([1, config.image_size, config.image_size, 3], 127, np.uint8)
    result = {name: value.numpy() for name, value in module.reconstruct(images).items()}
    drawn = ("vertices", "albedo", "projection", *["illumination"] * config.lighting)
    return [
        ("reconstruct", {"images": images}),
        ("reconstruct_bytes", {"image_bytes": [tf.io.encode_jpeg(images[0]).numpy()]}),
        ("decode", {name: result[name] for name in ("shape_code", "albedo_code")}),
        ("render", {name: result[name] for name in drawn}),
    ]


def decode_image(contents: tf.Tensor, size: int) -> tf.Tensor:
    """A JPEG or PNG file as `[size, size, 3]` in [0, 1], in plain ops.

    The central square is resampled; EXIF rotation is not applied, transparency is dropped.
    """
    start = tf.strings.substr(contents, 0, 8)
    jpeg = tf.equal(tf.strings.substr(start, 0, 3), b"\xff\xd8\xff")
    png = tf.equal(start, b"\x89PNG\r\n\x1a\n")
    known = tf.debugging.Assert(jpeg | png, ["an image is neither a JPEG nor a PNG file"])
    with tf.control_dependencies([known]):
        height, width = tf.unstack(
            tf.cond(
                jpeg, lambda: tf.io.extract_jpeg_shape(contents)[:2], lambda: _png_size(contents)
            )
        )
    pixels = tf.cast(height, tf.int64) * tf.cast(width, tf.int64)
    fits = tf.debugging.Assert(
        (pixels > 0) & (pixels <= LARGEST_IMAGE),
        ["an image must have 1 to", LARGEST_IMAGE, "pixels, got", pixels],
    )
    with tf.control_dependencies([fits]):
        image = tf.io.decode_image(contents, channels=3, expand_animations=False)
    side = tf.minimum(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    image = image[top : top + side, left : left + side]
    image = tf.cast(tf.ensure_shape(image, [None, None, 3]), tf.float32) / 255
    return tf.clip_by_value(tf.image.resize(image, [size, size], antialias=True), 0, 1)


def _png_size(contents):
    """[height, width] from the header, which every PNG file begins with."""
    header = tf.strings.substr(tf.strings.join([contents, b"\0" * 24]), 16, 8)
    width, height = tf.unstack(
        tf.reshape(tf.io.decode_raw(header, tf.int32, little_endian=False), [2])
    )
    return tf.stack([height, width])


def _outputs(result):
    """The tensors of a `Reconstruction` that are served."""
    codes = {"projection": result.projection, "shape_code": result.shape_code}
    codes |= {"albedo_code": result.albedo_code}
    if result.illumination is not None:
        codes["illumination"] = result.illumination
    maps = {"albedo": result.albedo_map, "texture": tf.clip_by_value(result.texture, 0, 1)}
    shape = {"vertices": result.vertices, "landmarks": result.landmarks}
    return codes | maps | shape | _picture(result)


def _picture(drawn):
    """Image and mask as bytes."""
    image = tf.clip_by_value(drawn.image, 0, 1)
    return {
        "image": tf.cast(tf.round(image * 255), tf.uint8),
        "mask": tf.cast(tf.round(drawn.mask * 255), tf.uint8),
    }


def _check(**inputs):
    """Refuses other shapes than the signature's, different batch sizes, and numbers not finite.

    A server does not compare shapes with the signature.
    """
    first, *_ = inputs
    for name, value in inputs.items():
        value = tf.ensure_shape(value, value.shape, name)
        message = f"`{name}` must have the batch size of `{first}`"
        tf.debugging.assert_equal(tf.shape(value)[0], tf.shape(inputs[first])[0], message)
        tf.debugging.assert_all_finite(value, f"`{name}` must be finite")
