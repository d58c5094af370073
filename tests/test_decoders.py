import dataclasses
import types

import numpy as np
import pytest
import scenes
import tensorflow as tf

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.networks import decoders, uv_decoder
from tf_nonlinear3dmm.rendering import sampling, uv_layout

TINY = configs.tiny().model
CODE = np.random.default_rng(0).normal(size=[3, 16]).astype(np.float32)
FACE = types.SimpleNamespace(**vars(scenes.patch()), shape_scale=1.0)
V = len(FACE.mean_vertices)
KINDS = ["conv", "mlp", "linear"]


def shape_decoder(config, kind="conv", face=FACE, **arrays):
    config = dataclasses.replace(config, shape_decoder=kind)
    return decoders.shape_decoder(config, face, uv_layout.build(face, config.uv_size), **arrays)


def shape_maps(config):
    """A convolutional shape decoder that returns the map alone."""
    decoder = shape_decoder(config)
    decoder.versions = super(decoders.ShapeDecoder, decoder).versions
    return decoder


def arrays(shape, seed=1):
    rng = np.random.default_rng(seed)
    return {"mean": rng.random(shape[1:]), "basis": rng.random(shape), "std": rng.random(shape[0])}


def parameters(layer):
    return sum(int(np.prod(w.shape)) for w in layer.trainable_weights)


def test_paper_decoder_has_the_published_layers():
    decoder = shape_decoder(configs.paper().model)
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
    assert uv_decoder.plan(configs.small().model).steps == [
        (96, (12, 14)), (96, (12, 14)), (64, (24, 28)), (64, (24, 28)),
        (32, (48, 56)), (16, (96, 112)),
    ]  # fmt: skip


def test_a_light_decoder_starts_with_seeds_of_variance_1():
    decoder = shape_decoder(configs.small().model)
    codes = np.random.default_rng(1).normal(size=[50, 80]).astype(np.float32)
    assert np.std(decoder.seed(codes)) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("uv_size", [(24, 28), (25, 31), (13, 40), (10, 7), (32, 32)])
@pytest.mark.parametrize("choice", ["light", "full"])
def test_maps_of_any_size(uv_size, choice):
    config = dataclasses.replace(TINY, uv_size=uv_size, plan=choice)
    assert decoders.AlbedoDecoder(config)(CODE).shape == (3, *uv_size, 3)


def test_ranges():
    found = []
    for make in (shape_maps, decoders.AlbedoDecoder):
        decoder = make(TINY)
        kernel, bias = decoder.last.get_weights()
        decoder.last.set_weights([1e4 * kernel, bias])
        far = decoder(CODE, training=True)
        found += [np.min(far), np.max(far)]
    np.testing.assert_allclose(found, [-2, 2, 0, 1], atol=1e-5)


def test_mlp_has_one_hidden_layer_of_1000():
    decoder = shape_decoder(TINY, "mlp")
    assert parameters(decoder) == 17 * 1000 + 2 * 1000 + 1001 * 3 * V


def test_linear_decoder_by_hand():
    decoder = decoders.LinearDecoder(
        shape=(2, 1, 3),
        mean=[[1.0, 2.0, 3.0]],
        basis=[[[1.0, 0.0, 0.0]], [[0.0, 1.0, 1.0]]],
        std=[10.0, 100.0],
    )
    np.testing.assert_allclose(decoder(np.float32([[2, 3]])), [[[21, 302, 303]]])
    assert not decoder.trainable_weights


def test_an_orthogonal_linear_decoder_encodes_what_it_decodes():
    shape = (16, *TINY.uv_size, 3)
    basis = np.linalg.qr(np.random.default_rng(2).normal(size=[np.prod(shape[1:]), 16]))[0].T
    own = arrays(shape) | {"basis": 3 * basis.reshape(shape)}
    decoder = decoders.LinearAlbedoDecoder(
        dataclasses.replace(TINY, albedo_decoder="linear"), **own
    )
    np.testing.assert_allclose(decoder.encode(decoder(CODE)), CODE, atol=1e-4)
    offsets = decoder(CODE) - decoder(0 * CODE)
    expected = tf.reduce_mean(tf.square(offsets), axis=[1, 2, 3])
    squares = tf.linalg.matvec(tf.square(CODE), decoder.code_weights())
    np.testing.assert_allclose(squares, expected, rtol=1e-4)


def test_a_linear_shape_moves_its_vertices_by_the_codes_alone():
    config = dataclasses.replace(TINY, shape_decoder="linear")
    decoder = shape_decoder(config, "linear", **arrays((16, V, 3)))
    ids = np.array([2, 0])
    moved = decoder(CODE)[1] - decoder(0 * CODE)[1]
    offsets = decoder.linear_offsets(CODE, ids)
    np.testing.assert_allclose(offsets, tf.gather(moved, ids, axis=1), atol=1e-5)


def test_linear_decoder_without_a_basis_is_nan_until_loaded():
    decoder = shape_decoder(TINY, "linear")
    assert all(np.isnan(part).all() for part in decoder(CODE))
    decoder.set_weights(list(arrays((16, V, 3)).values()))
    assert all(np.isfinite(part).all() for part in decoder(CODE))


@pytest.mark.parametrize("kind", KINDS)
def test_map_and_vertices_are_one_shape(kind):
    face = types.SimpleNamespace(**{**vars(FACE), "shape_scale": 0.3})
    basis = arrays((16, V, 3)) if kind == "linear" else {}
    decoder = shape_decoder(TINY, kind, face, **basis)
    shape_map, vertices = decoder(CODE)
    assert shape_map.shape == (3, *TINY.uv_size, 3) and vertices.shape == (3, V, 3)
    offsets = (vertices - face.mean_vertices).numpy()
    assert np.abs(offsets).max() > 1e-3
    if kind == "conv":
        points = sampling.texels(face.uv, TINY.uv_size)
        read = sampling.bilinear(shape_map, np.stack([points] * 3))
        np.testing.assert_allclose(offsets, read, atol=1e-6)
    else:
        spread = uv_layout.to_texels(offsets, decoder.layout)
        np.testing.assert_allclose(shape_map, spread, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_offsets_grow_with_the_shape_scale(kind):
    faces = [types.SimpleNamespace(**{**vars(FACE), "shape_scale": k}) for k in (1.0, 0.25)]
    large, small = (shape_decoder(TINY, kind, face) for face in faces)
    rng = np.random.default_rng(2)
    large.set_weights([rng.random(w.shape) for w in large.get_weights()])
    small.set_weights(large.get_weights())
    one, other = ([m, v - FACE.mean_vertices] for m, v in (large(CODE), small(CODE)))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, 4 * b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "make",
    [
        shape_decoder,
        decoders.AlbedoDecoder,
        lambda config: shape_decoder(config, "mlp"),
    ],
)
def test_every_weight_has_a_gradient_and_graph_equals_eager(make):
    decoder = make(TINY)
    with tf.GradientTape() as tape:
        outputs = tf.nest.flatten(decoder(CODE, training=True))
        loss = tf.add_n([tf.reduce_sum(output**2) for output in outputs])
    for gradient in tape.gradient(loss, [w.value for w in decoder.trainable_weights]):
        assert gradient is not None and np.isfinite(gradient).all()
    signature = [tf.TensorSpec([None, 16])]
    graph = tf.function(decoder.call, input_signature=signature)(CODE)
    for one, other in zip(*map(tf.nest.flatten, (decoder(CODE), graph)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_refusals():
    for decoder in (shape_decoder(TINY, kind) for kind in KINDS):
        with pytest.raises(
            ValueError, match=r"`code` must have shape \[B, 16\] with B = 3, got \[3, 15\]"
        ):
            decoder(CODE[:, :15])
    with pytest.raises(ValueError, match=r"`mean` must have shape \[7, 3\], got \[6, 3\]"):
        decoders.LinearDecoder((16, 7, 3), np.zeros([6, 3]), np.zeros([16, 7, 3]), np.ones(16))


LINEAR = dataclasses.replace(TINY, linear_part=True)


def smooth_maps(count, low, high, seed=0):
    """Maps of five degrees of freedom in [low, high]."""
    random = np.random.default_rng(seed)
    modes = np.random.default_rng(9).normal(size=[5, *TINY.uv_size, 3])
    maps = np.tanh(0.2 * np.einsum("nk,khwc->nhwc", random.normal(size=[count, 5]), modes))
    return ((high - low) * (maps + 1) / 2 + low).astype(np.float32)


@pytest.mark.parametrize("make, low, high", [(shape_maps, -2, 2), (decoders.AlbedoDecoder, 0, 1)])
def test_the_linear_part_draws_the_maps_it_was_set_to(make, low, high):
    decoder, maps = make(LINEAR), smooth_maps(40, low, high)
    for weight in decoder.trainable_weights:  # without what the convolutions add
        weight.assign(tf.zeros_like(weight.value))
    before = decoder(decoder.encode(maps))
    np.testing.assert_allclose(before, np.full_like(maps, (low + high) / 2), atol=1e-5)
    decoder.set_linear_part(maps)
    codes = decoder.encode(maps)
    assert codes.shape == (40, TINY.shape_code_size)
    np.testing.assert_allclose(np.std(codes[:, :5], axis=0, ddof=1), 1, atol=1e-3)
    others = smooth_maps(10, low, high, seed=1)
    bound = 0.02 * (high - low)  # `uv_decoder._BOUND` and the clipping of large codes
    for some in (maps, others):
        drawn = decoder(decoder.encode(some))
        assert np.abs(drawn - some).mean() < bound / 4 and np.abs(drawn - some).max() < bound


def test_code_weights_are_what_a_code_adds_to_the_mean_square():
    decoder = shape_maps(LINEAR)
    for weight in decoder.trainable_weights:
        weight.assign(tf.zeros_like(weight.value))
    decoder.set_linear_part(smooth_maps(40, -2, 2))
    code = np.zeros([1, TINY.shape_code_size], np.float32)
    code[0, 2] = 0.01  # so small that tanh is linear
    zero = decoder(np.zeros_like(code))
    square = np.mean((decoder(code) - zero) ** 2) / 1e-4
    slopes = np.mean((1 - (np.asarray(zero) / 2) ** 2) ** 2)
    assert square == pytest.approx(float(decoder.code_weights()[2]) * slopes, rel=0.1)


def test_linear_offsets_are_the_slope_of_the_vertices():
    decoder = shape_decoder(LINEAR)
    for weight in decoder.trainable_weights:  # without what the convolutions add
        weight.assign(tf.zeros_like(weight.value))
    decoder.set_linear_part(smooth_maps(40, -0.02, 0.02))  # so small that tanh is linear
    codes = np.random.default_rng(1).normal(size=[3, TINY.shape_code_size]).astype(np.float32)
    ids = [V - 1, 0, 3]
    difference = decoder(codes)[1] - decoder(0 * codes)[1]
    moved = decoder.linear_offsets(codes, ids)
    assert np.abs(moved).max() > 1e-3
    np.testing.assert_allclose(moved, tf.gather(difference, ids, axis=1), atol=1e-5)


def test_the_linear_part_rests_in_training():
    decoder = decoders.AlbedoDecoder(LINEAR)
    resting = {w.name for w in decoder.non_trainable_weights}
    assert {"linear_mean", "linear_modes"} <= resting


@pytest.mark.parametrize("make", [shape_maps, decoders.AlbedoDecoder])
def test_labels_beyond_the_range_have_finite_codes(make):
    decoder, maps = make(LINEAR), smooth_maps(10, 0, 1)
    maps[0, 3] = 2.2
    decoder.set_linear_part(maps)
    assert np.isfinite(decoder.encode(maps)).all() and np.isfinite(decoder(CODE)).all()
