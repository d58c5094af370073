"""Encoder and decoders for other runtimes: ONNX and LiteRT.

The renderer stays in TensorFlow: neither runtime has the ops that find the visible triangle. Batch
sizes are free. Names of inputs and outputs as in `saved_model`, images as floats in [0, 1]:

    encode    images [B, S, S, 3] -> projection, illumination, shape_code, albedo_code
    decode    shape_code, albedo_code -> vertices, albedo
"""

import tempfile
from collections.abc import Iterable

import tensorflow as tf

from tf_nonlinear3dmm.core import array_files, graphs
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.model import Nonlinear3DMM


def functions(model: Nonlinear3DMM) -> dict[str, tf.types.experimental.PolymorphicFunction]:
    """The graph functions "encode" and "decode"."""
    config = model.config
    size = config.image_size

    @graphs.function(input_signature=[tf.TensorSpec([None, size, size, 3], name="images")])
    def encode(images):
        codes = model.encode(images)._asdict()
        return {name: value for name, value in codes.items() if value is not None}

    @graphs.function(
        input_signature=[
            tf.TensorSpec([None, config.shape_code_size], name="shape_code"),
            tf.TensorSpec([None, config.albedo_code_size], name="albedo_code"),
        ]
    )
    def decode(shape_code, albedo_code):
        _, vertices = model.decode_shape(shape_code)
        return {"vertices": vertices, "albedo": model.decode_albedo(albedo_code)}

    return {"encode": encode, "decode": decode}


def onnx(model: Nonlinear3DMM, paths: Iterable[Path]) -> None:
    """Writes the ONNX files of the encoder and of the decoders to two paths."""
    import tf2onnx

    for path, function in zip(paths, functions(model).values(), strict=True):
        tf2onnx.convert.from_function(
            function, function.input_signature, opset=18, output_path=str(path)
        )


def litert(model: Nonlinear3DMM, path: Path) -> None:
    """Writes one LiteRT file with the signatures `encode` and `decode`."""
    signatures = functions(model)
    module = tf.Module()
    module.weights = [v.value for v in model.weights]
    module.encode, module.decode = signatures["encode"], signatures["decode"]
    with tempfile.TemporaryDirectory() as temporary:
        tf.saved_model.save(module, temporary, signatures=signatures)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            temporary, signature_keys=[*signatures]
        )
        content = converter.convert()
    with array_files.replacing(path) as file:
        file.write(content)
