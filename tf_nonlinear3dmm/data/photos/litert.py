"""MediaPipe's face networks, run by LiteRT: files, their hashes, and a call."""

import functools
import hashlib
import pathlib
import threading

import numpy as np

from tf_nonlinear3dmm.core import command_line

FOLDER = pathlib.Path(__file__).parents[2] / "assets" / "mediapipe"
SHORT_RANGE = "face_detection_short_range.tflite"
FULL_RANGE = "face_detection_full_range_sparse.tflite"
MESH = "face_landmark.tflite"
_SHA256 = {
    SHORT_RANGE: "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    FULL_RANGE: "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
    MESH: "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
}
_LOCK = threading.Lock()  # an interpreter serves one thread at a time


def run(name: str, image: np.ndarray) -> list[np.ndarray]:
    """The outputs of a network for one image.

    Args:
        name: `SHORT_RANGE`, `FULL_RANGE` or `MESH`.
        image: `[N, N, 3]` in the range that the network expects; N as `size` gives it.

    Returns:
        list of float32 arrays, the outputs of the batch's one image.

    Raises:
        ImportError: LiteRT is not installed.
        ValueError: the file of the network is missing or damaged; names it.
    """
    with _LOCK:
        interpreter = _load(name, FOLDER)
        interpreter.set_tensor(
            interpreter.get_input_details()[0]["index"], image[np.newaxis].astype(np.float32)
        )
        interpreter.invoke()
        outputs = interpreter.get_output_details()
        return [interpreter.get_tensor(output["index"])[0] for output in outputs]


@functools.cache
def _load(name, folder):
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise ImportError(
            "finding faces needs ai-edge-litert: pip install ai-edge-litert"
        ) from None
    contents = _read(folder / name)
    with command_line.quiet_imports():  # LiteRT says which delegate it makes
        interpreter = Interpreter(model_content=contents, num_threads=2)
        interpreter.allocate_tensors()
    return interpreter


def _read(path):
    if not path.is_file():
        raise ValueError(f"{path}: the network is missing; install the package again")
    contents = path.read_bytes()
    if hashlib.sha256(contents).hexdigest() != _SHA256[path.name]:
        raise ValueError(f"{path}: the network is damaged; install the package again")
    return contents
