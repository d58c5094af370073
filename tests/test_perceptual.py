import h5py
import keras
import numpy as np
import pytest
import scipy.io
import tensorflow as tf

from tf_nonlinear3dmm.networks import perceptual

IMAGES = np.random.default_rng(0).random([2, 32, 32, 3]).astype(np.float32)


@pytest.fixture(scope="module")
def vgg():
    """A VGG-16 with weights of some user."""
    keras.utils.set_random_seed(0)
    return keras.applications.VGG16(include_top=False, weights=None)


def convolutions(vgg):
    """(name in Keras, arrays) of the layers up to the last one in use."""
    layers = [layer for layer in vgg.layers if "conv" in layer.name][:11]
    return [(layer.name, layer.get_weights()) for layer in layers]


def write_h5(path, vgg, rename, skip=()):
    with h5py.File(path, "w") as file:
        for name, (kernel, bias) in convolutions(vgg):
            if name not in skip:
                group = file.create_group(f"{rename(name)}/{rename(name)}")
                group["kernel:0"], group["bias:0"] = kernel, bias
    return path


def vgg_face_name(name):
    return name.replace("block", "conv").replace("_conv", "_")


def expected(vgg, mean, bgr):
    centred = 255 * IMAGES - np.float32(mean)
    first = vgg.get_layer("block1_conv1")
    return first(centred[..., ::-1] if bgr else centred)


def test_features_of_an_imagenet_file(vgg, tmp_path):
    features = perceptual.Features(write_h5(tmp_path / "vgg16.h5", vgg, str))
    maps, scales = features(IMAGES)
    assert [m.shape[1:] for m in maps] == [
        (32, 32, 64), (16, 16, 128), (8, 8, 256), (4, 4, 512), (2, 2, 512),
    ]  # fmt: skip
    assert scales == (50, 500, 2000, 3000, 250)
    wanted = expected(vgg, [123.68, 116.779, 103.939], bgr=True)
    np.testing.assert_allclose(maps[0], wanted, rtol=1e-4, atol=1e-3)
    assert not features.network.trainable_weights


def test_a_vgg_face_file_of_keras_has_another_mean(vgg, tmp_path):
    features = perceptual.Features(write_h5(tmp_path / "face.h5", vgg, vgg_face_name))
    wanted = expected(vgg, [129.1863, 104.7624, 93.5940], bgr=True)
    np.testing.assert_allclose(features(IMAGES)[0][0], wanted, rtol=1e-4, atol=1e-3)


def test_a_matconvnet_file_brings_its_mean(vgg, tmp_path):
    path = tmp_path / "vgg-face.mat"
    layers = np.empty([22], object)
    for i, (name, (kernel, bias)) in enumerate(convolutions(vgg)):
        weights = np.empty([2], object)
        weights[:] = [kernel, bias[np.newaxis]]
        layers[2 * i] = {"name": vgg_face_name(name), "type": "conv", "weights": weights}
        layers[2 * i + 1] = {"name": vgg_face_name(name).replace("conv", "relu"), "type": "relu"}
    normalization = {"averageImage": np.tile(np.float32([100, 90, 80]), [4, 4, 1])}
    scipy.io.savemat(path, {"layers": layers, "meta": {"normalization": normalization}})
    features = perceptual.Features(path)
    wanted = expected(vgg, [100, 90, 80], bgr=False)
    np.testing.assert_allclose(features(IMAGES)[0][0], wanted, rtol=1e-4, atol=1e-3)


def test_a_gradient_reaches_the_images(vgg, tmp_path):
    features = perceptual.Features(write_h5(tmp_path / "vgg16.h5", vgg, str))
    images = tf.constant(IMAGES)
    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = sum(tf.reduce_sum(m) for m in features(images)[0])
    assert np.abs(tape.gradient(loss, images)).max() > 0


def test_a_missing_file_is_an_error(tmp_path):
    for path in ("", tmp_path / "none.h5"):
        with pytest.raises(FileNotFoundError, match="no file of VGG weights at .*nothing is down"):
            perceptual.Features(path)


def test_a_file_that_lacks_a_layer_is_an_error(vgg, tmp_path):
    path = write_h5(tmp_path / "vgg16.h5", vgg, str, skip=["block3_conv2"])
    with pytest.raises(ValueError, match=r"`block3_conv2` must have arrays \[\[3, 3, .*got \[\]"):
        perceptual.Features(path)


def test_a_file_of_another_kind_is_an_error(tmp_path):
    for name in ("text.h5", "text.mat"):
        path = tmp_path / name
        path.write_text("not weights, though long enough to have a header of some kind" * 9)
        with pytest.raises(ValueError, match=f"{name} cannot be read as a file of VGG weights"):
            perceptual.Features(path)
