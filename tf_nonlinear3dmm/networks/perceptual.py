"""Images -> features of a VGG-16 whose weights the user provides; nothing is downloaded.

Weight files that are understood:
    *.mat           VGG-Face in MatConvNet's format (vgg-face.mat, VGG_FACE.mat)
    *.h5            Keras: layers `block1_conv1` ... (ImageNet) or `conv1_1` ... (VGG-Face)
    *.weights.h5    saved by `keras.applications.VGG16(include_top=False).save_weights`
"""

import pathlib
import re
from collections.abc import Sequence

import h5py
import keras
import numpy as np
import scipy.io
import tensorflow as tf

from tf_nonlinear3dmm.core import keras_state, shapes
from tf_nonlinear3dmm.core.types import Path

_LAYERS = tuple(f"block{b}_conv1" for b in range(1, 6))
_SCALES = (50.0, 500.0, 2000.0, 3000.0, 250.0)  # of the paper's code, for images in 0 ... 255
_IMAGENET_MEAN = (123.68, 116.779, 103.939)  # RGB
_VGG_FACE_MEAN = (129.1863, 104.7624, 93.5940)
_CONVOLUTION = re.compile(r"^(?:block(\d)_conv(\d)|conv(\d)_(\d))$")


class Features:
    """The first convolution of each of VGG-16's five blocks.

    Args:
        path: of a file of weights, see above.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file lacks a layer, or a layer has the wrong shape; says which.
    """

    @keras_state.inside_ours
    def __init__(self, path: Path) -> None:
        path = pathlib.Path(path)
        if not path.is_file():
            raise FileNotFoundError(
                f"no file of VGG weights at `{path}`; the perceptual loss needs one "
                "(`perceptual_weights`), and nothing is downloaded"
            )
        whole = keras.applications.VGG16(include_top=False, weights=None)
        outputs = [whole.get_layer(name).output for name in _LAYERS]
        self.network = keras.Model(whole.input, outputs)
        self.network.trainable = False
        if path.name.endswith(".weights.h5"):
            whole.load_weights(path)
            self._mean, self._bgr = _IMAGENET_MEAN, True
        else:
            arrays, self._mean, self._bgr = _read(path)
            _fill(self.network, arrays, path)

    def __call__(self, images: tf.Tensor) -> tuple[list[tf.Tensor], Sequence[float]]:
        """Features of `images` `[B, H, W, 3]`, RGB in [0, 1].

        Returns:
            List of `[B, h, w, c]`, and what `losses.perceptual` divides each by.
        """
        shapes.check(images=(images, "B H W 3"))
        centred = 255 * images - tf.constant(self._mean, images.dtype)
        if self._bgr:
            centred = centred[..., ::-1]
        return self.network(centred, training=False), _SCALES


def _fill(network, arrays, path):
    """Sets every convolution of `network` to its (kernel, bias) in `arrays`."""
    for layer in network.layers:
        if _CONVOLUTION.match(layer.name):
            expected = [list(w.shape) for w in layer.weights]
            actual = [list(np.shape(w)) for w in arrays.get(layer.name, ())]
            if actual != expected:
                raise ValueError(
                    f"{path}: layer `{layer.name}` must have arrays {expected}, got {actual}."
                )
            layer.set_weights(arrays[layer.name])


def _read(path):
    """name -> (kernel, bias), the mean RGB, and whether the network wants BGR."""
    try:
        return (_read_mat if path.suffix == ".mat" else _read_h5)(path)
    except (OSError, ValueError, NotImplementedError) as error:
        raise ValueError(f"{path} cannot be read as a file of VGG weights: {error}") from error


def _read_h5(path):
    """What `_read` gives, of a Keras file."""
    arrays, mean = {}, _IMAGENET_MEAN

    def visit(name, item):
        nonlocal mean
        match = next(filter(None, map(_CONVOLUTION.match, name.split("/"))), None)
        if match and isinstance(item, h5py.Dataset):
            pair = arrays.setdefault(_name(match), [[], []])
            pair[item.ndim == 1] = np.asarray(item)
            mean = _VGG_FACE_MEAN if match.group(3) else mean

    with h5py.File(path) as file:
        file.visititems(visit)
    return arrays, mean, True


def _read_mat(path):
    """What `_read` gives, of a MatConvNet file."""
    content = scipy.io.loadmat(path, squeeze_me=True, struct_as_record=False)
    arrays = {}
    for layer in np.atleast_1d(content.get("layers", [])):
        match = _CONVOLUTION.match(str(getattr(layer, "name", "")))
        if match:
            new = hasattr(layer, "weights")  # older files name the two arrays
            kernel, bias = layer.weights if new else (layer.filters, layer.biases)
            arrays[_name(match)] = [kernel, bias.reshape(-1)]
    normalization = getattr(content.get("meta"), "normalization", content.get("normalization"))
    mean = np.asarray(getattr(normalization, "averageImage", _VGG_FACE_MEAN), np.float64)
    return arrays, mean.reshape(-1, 3).mean(axis=0), False


def _name(match):
    """Keras' name of the layer that a match of `_CONVOLUTION` names."""
    block, number = (group for group in match.groups() if group)
    return f"block{block}_conv{number}"
