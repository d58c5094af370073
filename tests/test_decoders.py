import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm import configs, decoders

TINY = configs.tiny().model
CODE = np.random.default_rng(0).normal(size=[3, 16]).astype(np.float32)


def parameters(layer):
    return sum(int(np.prod(w.shape)) for w in layer.trainable_weights)


def test_paper_decoder_has_the_published_layers():
    decoder = decoders.ShapeDecoder(configs.paper().model)
    assert parameters(decoder) == 5_027_587
    assert decoder.seed_shape == [-1, 6, 7, 320]
    found = [
        (*size, s.output_shape[-1]) for size, s in zip(decoder.maps, decoder.stages, strict=True)
    ]
    scales = [(12, 14, [160, 256]), (24, 28, [256, 128, 192]), (48, 56, [192, 96, 128])]
    scales += [(96, 112, [128, 64, 64]), (192, 224, [64, 32])]
    assert found == [(h, w, c) for h, w, channels in scales for c in channels]
    assert [s.output_shape[1:3] for s in decoder.stages] == decoder.maps  # no texel is cut off


def test_cvpr18_decoder_begins_at_8_by_8_with_two_plain_layers():
    decoder = decoders.AlbedoDecoder(configs.cvpr18().model)
    assert decoder.seed_shape == [-1, 8, 8, 320]
    assert decoder.maps[:3] == [(8, 8), (8, 8), (16, 16)]
    assert decoder.maps[-1] == (128, 128)


def test_light_decoder_has_two_convolutions_per_scale_but_the_two_largest():
    assert decoders.plan(configs.small().model) == [
        (96, (12, 14)), (96, (12, 14)), (64, (24, 28)), (64, (24, 28)),
        (32, (48, 56)), (16, (96, 112)),
    ]  # fmt: skip


def test_a_light_decoder_starts_with_seeds_of_variance_1():
    decoder = decoders.ShapeDecoder(configs.small().model)
    codes = np.random.default_rng(1).normal(size=[50, 80]).astype(np.float32)
    assert np.std(decoder.seed(codes)) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("uv_size", [(24, 28), (25, 31), (13, 40), (10, 7), (32, 32)])
@pytest.mark.parametrize("choice", ["light", "full"])
def test_maps_of_any_size(uv_size, choice):
    config = dataclasses.replace(TINY, uv_size=uv_size, plan=choice)
    assert decoders.AlbedoDecoder(config)(CODE).shape == (3, *uv_size, 3)


def test_ranges():
    found = []
    for make in (decoders.ShapeDecoder, decoders.AlbedoDecoder):
        decoder = make(TINY)
        kernel, bias = decoder.last.get_weights()
        decoder.last.set_weights([1e4 * kernel, bias])
        far = decoder(CODE, training=True)
        found += [np.min(far), np.max(far)]
    np.testing.assert_allclose(found, [-2, 2, 0, 1], atol=1e-5)


def test_mlp_has_one_hidden_layer_of_1000():
    decoder = decoders.MlpShapeDecoder(16, 7)
    assert parameters(decoder) == 17 * 1000 + 2 * 1000 + 1001 * 21
    assert decoder(CODE).shape == (3, 7, 3)


def test_linear_decoder_by_hand():
    decoder = decoders.LinearDecoder(
        mean=[[1.0, 2.0, 3.0]], basis=[[[1.0, 0.0, 0.0]], [[0.0, 1.0, 1.0]]], std=[10.0, 100.0]
    )
    np.testing.assert_allclose(decoder(np.float32([[2, 3]])), [[[21, 302, 303]]])
    assert not decoder.trainable_weights


def test_linear_decoder_without_a_basis_is_nan_until_loaded():
    decoder = decoders.LinearDecoder(shape=(16, 5, 3))
    assert np.isnan(decoder(CODE)).all()
    rng = np.random.default_rng(1)
    decoder.set_weights([rng.random([5, 3]), rng.random([16, 5, 3]), rng.random(16)])
    assert np.isfinite(decoder(CODE)).all()


@pytest.mark.parametrize(
    "make",
    [
        decoders.ShapeDecoder,
        decoders.AlbedoDecoder,
        lambda config: decoders.MlpShapeDecoder(16, 7),
    ],
)
def test_every_weight_has_a_gradient_and_graph_equals_eager(make):
    decoder = make(TINY)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(decoder(CODE, training=True) ** 2)
    for gradient in tape.gradient(loss, [w.value for w in decoder.trainable_weights]):
        assert gradient is not None and np.isfinite(gradient).all()
    signature = [tf.TensorSpec([None, 16])]
    graph = tf.function(decoder.call, input_signature=signature)(CODE)
    np.testing.assert_allclose(decoder(CODE), graph, atol=1e-5)


def test_refusals():
    for decoder in (decoders.ShapeDecoder(TINY), decoders.MlpShapeDecoder(16, 7)):
        with pytest.raises(
            ValueError, match=r"`code` must have shape \[B, 16\] with B = 3, got \[3, 15\]"
        ):
            decoder(CODE[:, :15])
    with pytest.raises(ValueError, match=r"`mean` must have shape \[7, 3\], got \[6, 3\]"):
        decoders.LinearDecoder(np.zeros([6, 3]), np.zeros([16, 7, 3]), np.ones(16))
