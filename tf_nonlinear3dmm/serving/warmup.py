"""Warm-up requests for TensorFlow Serving: a model that has answered them is fast from the start.

The file holds one `PredictionLog` per request. The protocol's few messages are written here byte by
byte, so that an export needs no other package.
"""

import pathlib
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from tf_nonlinear3dmm.core.types import Path

FILE = "assets.extra/tf_serving_warmup_requests"
# Field numbers of the messages in tensorflow_serving/apis.
PREDICT_LOG, REQUEST, MODEL_SPEC, INPUTS = 6, 1, 1, 2
MODEL_NAME, SIGNATURE_NAME, KEY, VALUE = 1, 3, 1, 2


def write(folder: Path, model_name: str, requests: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """Adds the warm-up file to a SavedModel.

    Args:
        folder: of the SavedModel.
        model_name: as the server calls it.
        requests: list of (signature name, dict of input arrays).
    """
    path = pathlib.Path(folder) / FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests:
            writer.write(prediction_log(model_name, signature, inputs))


def prediction_log(model_name: str, signature: str, inputs: dict[str, Any]) -> bytes:
    """The bytes of a `PredictionLog` with one predict request."""
    model_spec = _field(MODEL_NAME, model_name.encode()) + _field(
        SIGNATURE_NAME, signature.encode()
    )
    request = _field(MODEL_SPEC, model_spec)
    for name, value in inputs.items():
        tensor = tf.make_tensor_proto(value).SerializeToString()
        request += _field(INPUTS, _field(KEY, name.encode()) + _field(VALUE, tensor))
    return _field(PREDICT_LOG, _field(REQUEST, request))


def _field(number, content):
    """A length-delimited field of a protocol buffer."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value):
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])
